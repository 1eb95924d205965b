"""A Django project with a form for a profile: the project that the examples of docs/testing.md assume."""

from django.core.files.storage import default_storage
from django.http import HttpResponse
from django.urls import path

SECRET_KEY = "only for tests"
USE_TZ = True
ROOT_URLCONF = __name__
ALLOWED_HOSTS = ["*"]
MEDIA_ROOT = "/nonexistent"
MEDIA_URL = "/media/"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
INSTALLED_APPS = ["storages"]
DATABASES: dict = {}


def profile(request):
    if request.method == "POST":
        default_storage.save("avatars/ada.png", request.FILES["avatar"])
    return HttpResponse(f'<img src="{default_storage.url("avatars/ada.png")}">')


urlpatterns = [path("profile/", profile)]
