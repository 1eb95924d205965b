"""A Django project in one file: admin, log-in, an upload form, a stream, protected files."""

import pathlib
import sys
import time

import django
from django.conf import settings
from django.core.management import call_command, execute_from_command_line
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path

HERE = pathlib.Path.cwd()

settings.configure(
    DEBUG=True,
    SECRET_KEY="for a test",
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "django.contrib.staticfiles",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": HERE / "db.sqlite3"}},
    STATIC_URL="/static/",
    MEDIA_URL="/media/",
    MEDIA_ROOT=HERE / "media",
    LOGIN_URL="/admin/login/",
)
django.setup()

from django.contrib import admin  # noqa: E402
from django.contrib.auth.decorators import login_required  # noqa: E402
from django.core.files.storage import default_storage  # noqa: E402
from django.middleware.csrf import get_token  # noqa: E402


def upload(request):
    if request.method == "POST":
        name = default_storage.save(request.FILES["file"].name, request.FILES["file"])
        return HttpResponse(default_storage.url(name))
    return HttpResponse(get_token(request))


def stream(request):
    def lines():
        for number in range(3):
            yield f"line {number}\n"
            time.sleep(0.01)

    return StreamingHttpResponse(lines(), content_type="text/plain")


@login_required
def protected(request, name):
    response = HttpResponse(headers={"X-Accel-Redirect": f"/protected/{name}"})
    # or nginx keeps Django's text/html
    del response["Content-Type"]
    return response


def where(request):
    return HttpResponse(request.build_absolute_uri("/here/"))


urlpatterns = [
    path("admin/", admin.site.urls),
    path("upload/", upload),
    path("stream/", stream),
    path("files/<str:name>", protected),
    path("where/", where),
]

if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    from django.contrib.auth.models import User

    User.objects.create_superuser("ada", "ada@example.com", "lovelace")
    execute_from_command_line(sys.argv)
