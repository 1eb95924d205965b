"""A Django project with uploads, as small as it can be."""

SECRET_KEY = "only for tests"
USE_TZ = True
MEDIA_ROOT = "/nonexistent"
MEDIA_URL = "/media/"
INSTALLED_APPS: list = []
DATABASES: dict = {}
