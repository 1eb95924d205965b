"""The round of minio-py, MinIO's own client."""

import io
import sys
from datetime import timedelta
from os import environ
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from minio import Minio
from minio.commonconfig import CopySource, Tags
from minio.datatypes import PostPolicy
from minio.deleteobjects import DeleteObject
from minio.error import S3Error

endpoint, bucket = sys.argv[1:]
client = Minio(urlsplit(endpoint).netloc, environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"], secure=False)


def expect(found: object, wanted: object) -> None:
    assert found == wanted, f"{found!r}, not {wanted!r}"


if not client.bucket_exists(bucket):
    client.make_bucket(bucket)
assert bucket in [each.name for each in client.list_buckets()]
client.put_object(bucket, "minio/a b.txt", io.BytesIO(b"content"), 7, "text/plain", metadata={"owner": "me"})
found = client.stat_object(bucket, "minio/a b.txt")
expect((found.size, found.content_type, found.metadata["x-amz-meta-owner"]), (7, "text/plain", "me"))
answer = client.get_object(bucket, "minio/a b.txt", offset=2, length=3)
expect(answer.read(), b"nte")
answer.release_conn()

large = bytes(range(256)) * 50_000  # 12.8 MB
client.put_object(bucket, "minio/large.bin", io.BytesIO(large), -1, part_size=5 * 1024 * 1024)  # of unknown length
answer = client.get_object(bucket, "minio/large.bin")
assert answer.read() == large
answer.release_conn()
client.copy_object(bucket, "minio/copy.txt", CopySource(bucket, "minio/a b.txt"))
tags = Tags.new_object_tags()
tags["a"] = "1"
client.set_object_tags(bucket, "minio/copy.txt", tags)
expect(dict(client.get_object_tags(bucket, "minio/copy.txt")), {"a": "1"})
names = [each.object_name for each in client.list_objects(bucket, "minio/", recursive=True)]
expect(names, ["minio/a b.txt", "minio/copy.txt", "minio/large.bin"])
expect([each.object_name for each in client.list_objects(bucket) if each.is_dir and "minio" in each.object_name], ["minio/"])

with urlopen(client.presigned_get_object(bucket, "minio/a b.txt", timedelta(minutes=1))) as got:
    expect(got.read(), b"content")
with urlopen(Request(client.presigned_put_object(bucket, "minio/put.txt"), data=b"put", method="PUT")) as got:
    expect(got.status, 200)
policy = PostPolicy(bucket, found.last_modified + timedelta(days=1))
policy.add_equals_condition("key", "minio/form.txt")
policy.add_content_length_range_condition(1, 100)
fields = client.presigned_post_policy(policy) | {"key": "minio/form.txt"}
mark = "boundary-of-the-form"
form = "".join(f'--{mark}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items())
form += f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nform\r\n--{mark}--\r\n'
asked = Request(f"{endpoint}/{bucket}", form.encode(), {"Content-Type": f"multipart/form-data; boundary={mark}"})
with urlopen(asked) as got:
    expect(got.status, 204)
try:
    client.stat_object(bucket, "minio/missing")
    raise AssertionError("a missing object is there")
except S3Error as error:
    expect(error.code, "NoSuchKey")

everything = [DeleteObject(each.object_name) for each in client.list_objects(bucket, "minio/", recursive=True)]
expect(len(everything), 5)
expect(list(client.remove_objects(bucket, everything)), [])
expect(list(client.list_objects(bucket, "minio/")), [])
print("minio-py: whole round")
