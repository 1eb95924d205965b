"""The smallest Django project that serves files with ``static()``.

Run as ``MEDIA_ROOT=DIR python django_site.py runserver --noreload HOST:PORT``.
``CommonMiddleware`` is the one middleware of Django's default list that matters
here: it gives every response the Content-Length without which ``runserver`` closes
the connection.  The rest of the list would only slow Django down.
"""

import os
import sys

from django.conf import settings
from django.conf.urls.static import static
from django.core.management import execute_from_command_line

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    DEBUG=True,
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="a benchmark has no secrets",
    USE_TZ=True,
)

urlpatterns = static("/media/", document_root=os.environ["MEDIA_ROOT"])

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
