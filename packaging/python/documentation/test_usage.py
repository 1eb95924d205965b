"""Uses the fixtures that docs/testing.md defines. packaging/test writes them into test_printed.py."""

import urllib.request

from test_printed import media, s3_storage  # noqa: F401


def test_django_storages_writes_into_the_bucket(devmedia, s3_storage):  # noqa: F811
    from django.core.files.base import ContentFile
    from django.core.files.storage import default_storage

    assert default_storage.save("avatars/ada.txt", ContentFile(b"hello")) == "avatars/ada.txt"
    assert (devmedia.root / "avatars/ada.txt").read_bytes() == b"hello"
    assert urllib.request.urlopen(default_storage.url("avatars/ada.txt")).read() == b"hello"


def test_the_server_of_the_session_accepts_files(media):  # noqa: F811
    request = urllib.request.Request(media.url + "a.txt", b"hello", method="PUT")
    assert urllib.request.urlopen(request).status == 201


def test_the_server_of_the_session_keeps_them(media):  # noqa: F811
    assert (media.root / "a.txt").read_bytes() == b"hello"
