"""A Django project whose media live in S3, by django-storages with the settings that its documentation shows."""

import sys
from urllib.request import urlopen

import django
from django.conf import settings

endpoint, bucket = sys.argv[1:]
settings.configure(
    STORAGES={
        "default": {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": {"bucket_name": bucket, "endpoint_url": endpoint, "default_acl": None},
        },
        "public": {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": {
                "bucket_name": bucket,
                "endpoint_url": endpoint,
                "location": "public",
                "querystring_auth": False,
                "file_overwrite": False,
                "default_acl": "public-read",
                "object_parameters": {"CacheControl": "max-age=86400"},
                "gzip": True,
            },
        },
        "v4": {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": {
                "bucket_name": bucket,
                "endpoint_url": endpoint,
                "region_name": "eu-central-1",
                "signature_version": "s3v4",
                "addressing_style": "path",
            },
        },
    },
    USE_TZ=True,
)
django.setup()

from django.core.files.base import ContentFile  # noqa: E402
from django.core.files.storage import storages  # noqa: E402

for name in ("default", "v4"):
    storage = storages[name]
    saved = storage.save(f"{name}/été 1+2.txt", ContentFile(b"content"))
    assert saved == f"{name}/été 1+2.txt", saved
    assert storage.exists(saved) and not storage.exists(f"{name}/missing.txt")
    assert storage.size(saved) == 7
    assert storage.get_modified_time(saved).tzinfo is not None
    with storage.open(saved) as file:
        assert file.read() == b"content"
    with storage.open(f"{name}/sub/written.bin", "wb") as file:
        for number in range(7):
            file.write(bytes([number]) * 1_000_000)  # more than the buffer of 5 MB: a multipart upload
    assert storage.size(f"{name}/sub/written.bin") == 7_000_000
    with storage.open(f"{name}/sub/written.bin") as file:
        assert file.read() == b"".join(bytes([number]) * 1_000_000 for number in range(7))
    storage.save(f"{name}/sub/deeper/a.txt", ContentFile(b"a"))
    folders, files = storage.listdir(name)
    assert (folders, files) == (["sub"], ["été 1+2.txt"]), (folders, files)
    folders, files = storage.listdir(f"{name}/sub")
    assert (folders, files) == (["deeper"], ["written.bin"]), (folders, files)
    with urlopen(storage.url(saved)) as answer:
        assert answer.read() == b"content"
        assert answer.headers["Content-Type"] == "text/plain", answer.headers["Content-Type"]
    shown = storage.url(saved, parameters={"ResponseContentDisposition": "attachment"})
    with urlopen(shown) as answer:
        assert answer.headers["Content-Disposition"] == "attachment"
    storage.save(saved, ContentFile(b"again"))
    with storage.open(saved) as file:
        assert file.read() == b"again"
    for left in (saved, f"{name}/sub/written.bin", f"{name}/sub/deeper/a.txt"):
        storage.delete(left)
        assert not storage.exists(left)
    storage.delete(saved)  # Django's storages delete missing files in silence
    assert storage.listdir(name) == ([], []), storage.listdir(name)

public = storages["public"]
first, second = (public.save("a.css", ContentFile(b"a { }" * 100)) for _ in range(2))
assert first == "a.css" != second, (first, second)
with public.open(first) as file:
    assert file.read() == b"a { }" * 100
head = public.bucket.Object("public/a.css")
assert head.content_encoding == "gzip" and head.cache_control == "max-age=86400", (head.content_encoding, head.cache_control)
assert "?" not in public.url(first), public.url(first)
with urlopen(public.url(first)) as answer:
    assert answer.headers["Content-Encoding"] == "gzip"
print("django-storages: whole round")
