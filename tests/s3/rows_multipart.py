"""Multipart uploads."""

from __future__ import annotations

import hashlib
import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from boto3.s3.transfer import TransferConfig
from rounds import Place, expect, refused, row

MIB = 1024 * 1024
#: The smallest part that is not the last.
LEAST = 5 * MIB


def content(part: int, size: int) -> bytes:
    """Bytes that differ by part and at every offset."""
    block = b"".join((part * 7919 + at).to_bytes(4, "big") for at in range(16384))
    return (block * (size // len(block) + 1))[:size]


class Upload:
    """A multipart upload of one key."""

    def __init__(self, place: Place, name: str = "a", **parameters: Any) -> None:
        self.place, self.at = place, place.at(name)
        self.id = place.s3.create_multipart_upload(**self.at, **parameters)["UploadId"]
        self.parts: dict[int, str] = {}

    def send(self, number: int, body: bytes) -> dict[str, Any]:
        """Uploads a part."""
        answer = self.place.s3.upload_part(**self.at, UploadId=self.id, PartNumber=number, Body=body)
        self.parts[number] = answer["ETag"]
        return answer

    def complete(self, parts: list[tuple[int, str]] | None = None, **parameters: Any) -> dict[str, Any]:
        """Completes with these parts, or with all in order."""
        chosen = sorted(self.parts.items()) if parts is None else parts
        listed = {"Parts": [{"PartNumber": number, "ETag": etag} for number, etag in chosen]}
        call = self.place.s3.complete_multipart_upload
        return call(**self.at, UploadId=self.id, MultipartUpload=listed, **parameters)

    def abort(self) -> None:
        """Ends the upload without an object."""
        self.place.s3.abort_multipart_upload(**self.at, UploadId=self.id)


def tag(*parts: bytes) -> str:
    """The ETag of an object that was uploaded in these parts."""
    digests = b"".join(hashlib.md5(part, usedforsecurity=False).digest() for part in parts)
    return f'"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}"'


@row("API_CompleteMultipartUpload")
def out_of_order(place: Place) -> None:
    """parts sent out of order become one object, invisible until it is complete."""
    parts = [content(1, LEAST), content(2, LEAST + 1), content(3, 10)]
    upload = Upload(place, ContentType="text/own", Metadata={"a": "1"}, Tagging="k=v")
    for number in (3, 1, 2):
        upload.send(number, parts[number - 1])
        expect(place.keys(), [], "keys before completion")
        refused("NoSuchKey", 404, place.get, name="a")
    answer = upload.complete()
    expect((answer["ETag"], answer["Key"], answer["Bucket"]), (tag(*parts), place.key("a"), place.bucket))
    found = place.get("a")
    expect(found["Body"].read() == b"".join(parts), True, "the content is the parts in order")
    expect((found["ETag"], found["ContentType"], found["Metadata"]), (tag(*parts), "text/own", {"a": "1"}))
    expect(found.get("TagCount"), 1, "TagCount")


@row("API_UploadPart")
def parallel(place: Place) -> None:
    """parts are sent in parallel."""
    parts = [content(number, LEAST) for number in range(1, 4)] + [content(4, 7)]
    upload = Upload(place)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: upload.send(number, parts[number - 1]), range(1, 5)))
    upload.complete()
    expect(place.read("a") == b"".join(parts), True, "the content is the parts in order")


@row("API_UploadPart")
def managed(place: Place) -> None:
    """boto3's upload_fileobj and download_fileobj, which work in parts and ranges."""
    whole = content(9, 17 * MIB + 3)
    config = TransferConfig(multipart_threshold=8 * MIB, multipart_chunksize=5 * MIB, max_concurrency=4)
    place.s3.upload_fileobj(io.BytesIO(whole), place.bucket, place.key("a"), Config=config)
    target = io.BytesIO()
    place.s3.download_fileobj(place.bucket, place.key("a"), target, Config=config)
    expect(target.getvalue() == whole, True, "the content is the same")
    expect(place.head("a")["ETag"].endswith('-4"'), True, "the ETag is of four parts")


@row("API_UploadPart")
def replaced(place: Place) -> None:
    """a part that is sent again replaces the first one."""
    upload = Upload(place)
    upload.send(1, b"old")
    upload.send(1, b"new one")
    upload.complete()
    expect(place.read("a"), b"new one")


@row("API_CompleteMultipartUpload")
def some_parts(place: Place) -> None:
    """the object has the listed parts only, and their numbers may have gaps."""
    parts = {2: content(2, LEAST), 7: b"not listed", 9000: b"last"}
    upload = Upload(place)
    for number, body in parts.items():
        upload.send(number, body)
    upload.complete([(2, upload.parts[2]), (9000, upload.parts[9000])])
    expect(place.read("a") == parts[2] + parts[9000], True, "the content is the listed parts")


@row("API_UploadPartCopy")
def copied_part(place: Place) -> None:
    """a part is copied from an object, or from a range of it."""
    source = content(5, LEAST + 100)
    place.put("source", source)
    upload = Upload(place)
    call = place.s3.upload_part_copy
    first = call(**upload.at, UploadId=upload.id, PartNumber=1, CopySource=place.at("source"))
    given = {"CopySource": place.at("source"), "CopySourceRange": "bytes=10-19"}
    second = call(**upload.at, UploadId=upload.id, PartNumber=2, **given)
    upload.complete([(1, first["CopyPartResult"]["ETag"]), (2, second["CopyPartResult"]["ETag"])])
    expect(place.read("a") == source + source[10:20], True, "the content is the copied parts")


@row("API_AbortMultipartUpload")
def aborted(place: Place) -> None:
    """an aborted upload is NoSuchUpload for all that follows, and leaves no object."""
    upload = Upload(place)
    upload.send(1, b"x")
    upload.abort()
    refused("NoSuchUpload", 404, upload.send, number=2, body=b"x")
    refused("NoSuchUpload", 404, upload.complete)
    refused("NoSuchUpload", 404, upload.abort)
    refused("NoSuchUpload", 404, place.s3.list_parts, **upload.at, UploadId=upload.id)
    expect(place.keys(), [])


@row("API_UploadPart")
def unknown(place: Place) -> None:
    """an unknown upload id is NoSuchUpload."""
    refused("NoSuchUpload", 404, place.s3.upload_part, **place.at("a"), UploadId="unknown", PartNumber=1, Body=b"")


@row("API_UploadPart")
def other_key(place: Place) -> None:
    """the upload id of another key is NoSuchUpload."""
    upload = Upload(place)
    given = {"UploadId": upload.id, "PartNumber": 1, "Body": b"x"}
    refused("NoSuchUpload", 404, place.s3.upload_part, **place.at("b"), **given)
    upload.abort()


@row("API_ListParts")
def list_parts(place: Place) -> None:
    """ListParts shows number, size and ETag, in pages."""
    upload = Upload(place)
    for number in (4, 2, 9):
        upload.send(number, b"x" * number)
    call = place.s3.list_parts
    first = call(**upload.at, UploadId=upload.id, MaxParts=2)
    shown = [(part["PartNumber"], part["Size"], part["ETag"]) for part in first["Parts"]]
    expect(shown, [(2, 2, upload.parts[2]), (4, 4, upload.parts[4])])
    expect((first["IsTruncated"], first["NextPartNumberMarker"]), (True, 4))
    rest = call(**upload.at, UploadId=upload.id, PartNumberMarker=4)
    expect(([part["PartNumber"] for part in rest["Parts"]], rest["IsTruncated"]), ([9], False))
    upload.abort()


@row("API_ListMultipartUploads")
def list_uploads(place: Place) -> None:
    """ListMultipartUploads shows running uploads by key, with prefix, delimiter and pages."""
    uploads = [Upload(place, name) for name in ("b", "a", "c/d", "c/e")]
    call = place.s3.list_multipart_uploads
    asked = {"Bucket": place.bucket, "Prefix": place.prefix}
    shown = [one["Key"].removeprefix(place.prefix) for one in call(**asked).get("Uploads", [])]
    expect(shown, ["a", "b", "c/d", "c/e"])
    folded = call(**asked, Delimiter="/")
    expect([one["Prefix"] for one in folded.get("CommonPrefixes", [])], [place.key("c/")])
    page = call(**asked, MaxUploads=2)
    expect((page["IsTruncated"], page["NextKeyMarker"]), (True, place.key("b")))
    given = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}
    expect(len(call(**asked, **given).get("Uploads", [])), 2, "the second page")
    for upload in uploads:
        upload.abort()
    expect(call(**asked).get("Uploads", []), [], "after abort")


@row("API_ListMultipartUploads")
def two_uploads(place: Place) -> None:
    """two uploads of one key do not mix; the one that completes last is the object."""
    first, second = Upload(place), Upload(place)
    first.send(1, b"first")
    second.send(1, b"second")
    second.complete()
    first.complete()
    expect(place.read("a"), b"first")


@row("API_CompleteMultipartUpload")
def invalid_part(place: Place) -> None:
    """a part that is missing or has another ETag is InvalidPart, and the upload goes on."""
    upload = Upload(place)
    upload.send(1, b"x")
    refused("InvalidPart", 400, upload.complete, parts=[(1, '"00000000000000000000000000000000"')])
    refused("InvalidPart", 400, upload.complete, parts=[(2, upload.parts[1])])
    upload.complete()
    expect(place.read("a"), b"x")


@row("API_CompleteMultipartUpload")
def invalid_order(place: Place) -> None:
    """parts that are not in ascending order are InvalidPartOrder."""
    upload = Upload(place)
    upload.send(1, content(1, LEAST))
    upload.send(2, content(2, LEAST))
    refused("InvalidPartOrder", 400, upload.complete, parts=sorted(upload.parts.items(), reverse=True))
    upload.abort()


@row("API_CompleteMultipartUpload")
def too_small(place: Place) -> None:
    """a part below 5 MiB that is not the last is EntityTooSmall."""
    upload = Upload(place)
    upload.send(1, b"x")
    upload.send(2, b"y")
    refused("EntityTooSmall", 400, upload.complete)
    expect(place.keys(), [])
    upload.abort()


@row("API_CompleteMultipartUpload")
def no_parts(place: Place) -> None:
    """completing with an empty list is MalformedXML."""
    upload = Upload(place)
    refused("MalformedXML", 400, upload.complete, parts=[])
    upload.abort()


@row("API_UploadPart", "0", "10001")
def part_number(place: Place, number: str) -> None:
    """a part number outside 1 to 10,000 is InvalidArgument."""
    upload = Upload(place)
    refused("InvalidArgument", 400, upload.send, number=int(number), body=b"x")
    upload.abort()


@row("API_UploadPart")
def last_number(place: Place) -> None:
    """part number 10,000 is accepted, and a last part may be empty."""
    upload = Upload(place)
    upload.send(10_000, b"x")
    upload.complete()
    expect(place.read("a"), b"x")


@row("API_GetObject")
def by_part(place: Place) -> None:
    """GET and HEAD with partNumber are that part, with the number of parts."""
    parts = [content(1, LEAST), b"0123"]
    upload = Upload(place)
    for number, body in enumerate(parts, 1):
        upload.send(number, body)
    upload.complete()
    found = place.get("a", PartNumber=2)
    expect((found["Body"].read(), found.get("PartsCount")), (b"0123", 2))
    expect(found["ContentRange"], f"bytes {LEAST}-{LEAST + 3}/{LEAST + 4}")
    expect(place.head("a", PartNumber=1)["ContentLength"], LEAST)


@row("API_UploadPart")
def part_md5(place: Place) -> None:
    """a part with a wrong Content-MD5 is BadDigest."""
    upload = Upload(place)
    given = {"UploadId": upload.id, "PartNumber": 1, "Body": b"x", "ContentMD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}
    refused("BadDigest", 400, place.s3.upload_part, **upload.at, **given)
    upload.abort()
