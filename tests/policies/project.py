"""A Django project in one file: session login, and a view that decides who may see media."""

import tempfile
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.urls import path

settings.configure(
    DEBUG=True,
    SECRET_KEY="a key of a test",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    LOGIN_URL="/login/",
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": tempfile.mkdtemp() + "/db"}},
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
)
django.setup()

from django.contrib.auth import authenticate, login, logout  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.contrib.auth.views import redirect_to_login  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402


def media_auth(request):
    target = request.headers["X-Original-URI"]
    if not request.user.is_authenticated:
        return redirect_to_login(target)
    if target.startswith("/members/staff/") and not request.user.is_staff:
        raise PermissionDenied
    return HttpResponse(status=204, headers={"X-User": request.user.username})


def log_in(request):
    user = authenticate(request, username=request.POST["username"], password=request.POST["password"])
    if user is None:
        raise PermissionDenied
    login(request, user)
    return HttpResponse("Hello")


def log_out(request):
    logout(request)
    return HttpResponse("Bye")


urlpatterns = [
    path("media-auth/", media_auth),
    path("login/", log_in),
    path("logout/", log_out),
]


class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass


call_command("migrate", verbosity=0)
User.objects.create_user("ada", password="lovelace")
server = make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=Quiet)
print(f"127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
