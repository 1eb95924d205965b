"""Conditional requests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError
from rounds import Place, expect, refused, row

OLD = datetime(2020, 1, 1, tzinfo=UTC)
OTHER = '"00000000000000000000000000000000"'


def status(call: Any, **arguments: Any) -> int:
    """The status of a call."""
    try:
        return call(**arguments)["ResponseMetadata"]["HTTPStatusCode"]
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"]


def conditions(name: str, etag: str, modified: datetime) -> dict[str, Any]:
    """The condition that a case names."""
    return {
        "IfMatch, met": {"IfMatch": etag},
        "IfMatch *": {"IfMatch": "*"},
        "IfMatch, not met": {"IfMatch": OTHER},
        "IfNoneMatch, met": {"IfNoneMatch": OTHER},
        "IfNoneMatch, not met": {"IfNoneMatch": etag},
        "IfModifiedSince, met": {"IfModifiedSince": OLD},
        "IfModifiedSince, not met": {"IfModifiedSince": modified},
        "IfUnmodifiedSince, met": {"IfUnmodifiedSince": modified},
        "IfUnmodifiedSince, not met": {"IfUnmodifiedSince": OLD},
        "IfMatch met, IfUnmodifiedSince not": {"IfMatch": etag, "IfUnmodifiedSince": OLD},
        "IfNoneMatch not met, IfModifiedSince met": {"IfNoneMatch": etag, "IfModifiedSince": OLD},
        "IfNoneMatch met, IfModifiedSince not": {"IfNoneMatch": OTHER, "IfModifiedSince": modified},
    }[name]


READS = [
    ("IfMatch, met", 200),
    ("IfMatch, not met", 412),
    ("IfNoneMatch, met", 200),
    ("IfNoneMatch, not met", 304),
    ("IfModifiedSince, met", 200),
    ("IfModifiedSince, not met", 304),
    ("IfUnmodifiedSince, met", 200),
    ("IfUnmodifiedSince, not met", 412),
    ("IfMatch met, IfUnmodifiedSince not", 200),
    ("IfNoneMatch not met, IfModifiedSince met", 304),
    ("IfNoneMatch met, IfModifiedSince not", 200),
]


@row("API_GetObject", *READS)
def reads(place: Place, case: tuple[str, int]) -> None:
    """GET and HEAD with a condition."""
    etag = place.put("a")["ETag"]
    modified = place.head("a")["LastModified"] + timedelta(seconds=0)
    condition = conditions(case[0], etag, modified)
    expect(status(place.get, name="a", **condition), case[1], "GET")
    expect(status(place.head, name="a", **condition), case[1], "HEAD")


@row("API_PutObject")
def only_new(place: Place) -> None:
    """PUT with If-None-Match: * stores a new key and refuses an existing one."""
    place.put("a", b"first", IfNoneMatch="*")
    refused("PreconditionFailed", 412, place.put, name="a", body=b"second", IfNoneMatch="*")
    expect(place.read("a"), b"first")


@row("API_PutObject")
def only_unchanged(place: Place) -> None:
    """PUT with If-Match replaces the object with this ETag only."""
    etag = place.put("a", b"first")["ETag"]
    refused("PreconditionFailed", 412, place.put, name="a", body=b"x", IfMatch=OTHER)
    expect(place.read("a"), b"first")
    place.put("a", b"second", IfMatch=etag)
    expect(place.read("a"), b"second")


@row("API_PutObject")
def only_existing(place: Place) -> None:
    """PUT with If-Match of a missing key is NoSuchKey."""
    refused("NoSuchKey", 404, place.put, name="missing", IfMatch=OTHER)


@row("API_DeleteObject")
def delete_unchanged(place: Place) -> None:
    """DELETE with If-Match removes the object with this ETag only."""
    etag = place.put("a")["ETag"]
    refused("PreconditionFailed", 412, place.s3.delete_object, **place.at("a"), IfMatch=OTHER)
    expect(place.keys(), ["a"])
    place.s3.delete_object(**place.at("a"), IfMatch=etag)
    expect(place.keys(), [])


@row("API_CompleteMultipartUpload")
def complete_only_new(place: Place) -> None:
    """CompleteMultipartUpload with If-None-Match: * refuses an existing key."""
    place.put("a", b"first")
    upload = place.s3.create_multipart_upload(**place.at("a"))["UploadId"]
    part = place.s3.upload_part(**place.at("a"), UploadId=upload, PartNumber=1, Body=b"second")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    call = place.s3.complete_multipart_upload
    refused("PreconditionFailed", 412, call, **place.at("a"), UploadId=upload, MultipartUpload=parts, IfNoneMatch="*")
    expect(place.read("a"), b"first")


@row("API_GetObject")
def not_modified_headers(place: Place) -> None:
    """304 has the ETag and no body."""
    etag = place.put("a")["ETag"]
    url = place.s3.generate_presigned_url("get_object", Params=place.at("a"))
    answer = place.http("GET", url, {"If-None-Match": etag})
    expect((answer.status, answer.headers.get("ETag"), answer.data), (304, etag, b""))
