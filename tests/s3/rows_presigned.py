"""Presigned URLs in both signature versions, and requests whose signature is wrong."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qsl, urlencode, urlsplit

import botocore.auth
from rounds import Place, expect, refused, row

NAMES = {"V4": "s3v4", "V2": "s3"}
BOTH = list(NAMES)


def presign(place: Place, case: str, operation: str, name: str = "a", seconds: int = 60, **parameters: Any) -> str:
    """A URL for an operation on a key of this row."""
    client = place.client(NAMES[case[:2]])
    return client.generate_presigned_url(operation, Params={**place.at(name), **parameters}, ExpiresIn=seconds)


def changed(url: str, **parameters: str) -> str:
    """The URL with other values in its query."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query)) | parameters
    return parts._replace(query=urlencode(query)).geturl()


def code(answer: Any) -> tuple[int, str]:
    """Status and code of an S3 error."""
    text = answer.data.decode(errors="replace")
    return answer.status, text.partition("<Code>")[2].partition("</Code>")[0]


@row("sigv4-query-string-auth", *BOTH)
def round_trip(place: Place, version: str) -> None:
    """a presigned PUT, GET, HEAD and DELETE."""
    put = place.http("PUT", presign(place, version, "put_object"), body=b"0123456789")
    expect((put.status, put.data), (200, b""), "PUT")
    got = place.http("GET", presign(place, version, "get_object"))
    expect((got.status, got.data), (200, b"0123456789"), "GET")
    part = place.http("GET", presign(place, version, "get_object"), {"Range": "bytes=2-4"})
    expect((part.status, part.data), (206, b"234"), "GET of a range")
    expect(place.http("HEAD", presign(place, version, "head_object")).status, 200, "HEAD")
    expect(place.http("DELETE", presign(place, version, "delete_object")).status, 204, "DELETE")
    expect(code(place.http("GET", presign(place, version, "get_object"))), (404, "NoSuchKey"), "GET afterwards")


ODD = ["a b", "a+b", "é/ü", "100%", "a&b=c?d#e", "a'(b)*!", "~x", "%41", "a//b"]


@row("sigv4-query-string-auth", *[f"{version} {name}" for version in BOTH for name in ODD])
def odd_keys(place: Place, case: str) -> None:
    """a presigned GET of a key with special characters."""
    name = case[3:]
    place.put(name)
    answer = place.http("GET", presign(place, case, "get_object", name))
    expect((answer.status, answer.data), (200, b"0123456789"))


@row("sigv4-query-string-auth", *BOTH)
def overrides(place: Place, version: str) -> None:
    """response-* parameters are signed and honoured."""
    place.put("a")
    shown = 'attachment; filename="b c.txt"'
    asked = {"ResponseContentDisposition": shown, "ResponseContentType": "text/own"}
    url = presign(place, version, "get_object", **asked)
    answer = place.http("GET", url)
    expect((answer.status, answer.headers.get("Content-Disposition")), (200, shown))
    expect(answer.headers.get("Content-Type"), "text/own")
    other = changed(url, **{"response-content-type": "text/html"})
    expect(code(place.http("GET", other)), (403, "SignatureDoesNotMatch"), "with another response-content-type")


@row("sigv4-query-string-auth", *BOTH)
def with_headers(place: Place, version: str) -> None:
    """Content-Type and x-amz-meta-* that are signed must be sent."""
    asked = {"ContentType": "text/own", "Metadata": {"a": "1 2"}}
    url = presign(place, version, "put_object", **asked)
    refusal = place.http("PUT", url, {"Content-Type": "text/other"}, b"x")
    expect(code(refusal), (403, "SignatureDoesNotMatch"), "with another Content-Type")
    headers = {"Content-Type": "text/own"}
    if version == "V4" or "x-amz-meta-a" not in url:
        headers["x-amz-meta-a"] = "1 2"
    answer = place.http("PUT", url, headers, b"x")
    expect(answer.status, 200, code(answer)[1])
    expect(place.head("a")["ContentType"], "text/own")


@row("sigv4-query-string-auth", *BOTH)
def wrong_signature(place: Place, version: str) -> None:
    """a changed signature or key is SignatureDoesNotMatch, and nothing is stored."""
    place.put("secret")
    name = "X-Amz-Signature" if version == "V4" else "Signature"
    url = presign(place, version, "get_object", "secret")
    expect(code(place.http("GET", changed(url, **{name: "0" * 64}))), (403, "SignatureDoesNotMatch"), "signature")
    url = presign(place, version, "get_object", "other").replace("/other?", "/secret?")
    expect(code(place.http("GET", url)), (403, "SignatureDoesNotMatch"), "another key")
    url = presign(place, version, "get_object")
    expect(code(place.http("PUT", url, body=b"x")), (403, "SignatureDoesNotMatch"), "another method")
    expect(place.keys(), ["secret"])


@row("ErrorResponses", *BOTH)
def unknown_key(place: Place, version: str) -> None:
    """an unknown access key is InvalidAccessKeyId."""
    name = NAMES[version]
    client = place.client(name, aws_access_key_id="AKIAUNKNOWN000000000", aws_secret_access_key="x")
    refused("InvalidAccessKeyId", 403, client.get_object, **place.at("a"))


@row("ErrorResponses", *BOTH)
def wrong_secret(place: Place, version: str) -> None:
    """a request signed with a wrong secret is SignatureDoesNotMatch."""
    known = os.environ["AWS_ACCESS_KEY_ID"]
    client = place.client(NAMES[version], aws_access_key_id=known, aws_secret_access_key="wrong")
    refused("SignatureDoesNotMatch", 403, client.put_object, **place.at("a"), Body=b"x")
    expect(place.keys(), [])


@row("RESTAuthentication")
def headers_v2(place: Place) -> None:
    """Signature V2 in the Authorization header."""
    client = place.client("s3")
    client.put_object(**place.at("a b"), Body=b"x", Metadata={"a": "1"}, ContentType="text/own")
    expect(client.get_object(**place.at("a b"))["Body"].read(), b"x")
    expect([each["Key"] for each in client.list_objects(Bucket=place.bucket, Prefix=place.prefix)["Contents"]], [place.key("a b")])


@row("sigv4-query-string-auth", *BOTH)
def expired(place: Place, version: str) -> None:
    """an expired URL is AccessDenied."""
    place.put("a")
    moment = datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=1)
    if version == "V4":
        with patch.object(botocore.auth, "get_current_datetime", lambda *_, **__: moment):
            url = presign(place, version, "get_object", seconds=60)
    else:
        url = presign(place, version, "get_object", seconds=-5)
    expect(code(place.http("GET", url)), (403, "AccessDenied"))


@row("sigv4-query-string-auth")
def too_long(place: Place) -> None:
    """a V4 URL for more than seven days is AuthorizationQueryParametersError."""
    url = presign(place, "V4", "get_object", seconds=7 * 86400 + 1)
    expect(code(place.http("GET", url)), (400, "AuthorizationQueryParametersError"))


@row("ErrorResponses")
def skewed(place: Place) -> None:
    """a request dated an hour ago is RequestTimeTooSkewed."""
    moment = datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=1)
    with patch.object(botocore.auth, "get_current_datetime", lambda *_, **__: moment):
        refused("RequestTimeTooSkewed", 403, place.put, name="a")
    expect(place.keys(), [])


@row("sigv4-query-string-auth")
def parts(place: Place) -> None:
    """the parts of an upload are sent with presigned URLs."""
    upload = place.s3.create_multipart_upload(**place.at("a"))["UploadId"]
    url = presign(place, "V4", "upload_part", UploadId=upload, PartNumber=1)
    answer = place.http("PUT", url, body=b"part")
    expect(answer.status, 200, code(answer)[1])
    listed = {"Parts": [{"PartNumber": 1, "ETag": answer.headers["ETag"]}]}
    place.s3.complete_multipart_upload(**place.at("a"), UploadId=upload, MultipartUpload=listed)
    expect(place.read("a"), b"part")


@row("sigv4-query-string-auth", *BOTH)
def listing(place: Place, version: str) -> None:
    """a listing is presigned."""
    place.put("a")
    client = place.client(NAMES[version])
    asked = {"Bucket": place.bucket, "Prefix": place.prefix, "Delimiter": "/"}
    url = client.generate_presigned_url("list_objects_v2", Params=asked, ExpiresIn=60)
    answer = place.http("GET", url)
    # boto3 asks for encoding-type=url, where a slash may be encoded
    expect((answer.status, place.key("a").encode() in answer.data.replace(b"%2F", b"/")), (200, True))


@row("ErrorResponses")
def unsigned(place: Place) -> None:
    """an unsigned PUT, DELETE or GET of a private object is AccessDenied."""
    place.put("a")
    path = f"/{place.bucket}/{place.key('a')}"
    for method in ("PUT", "DELETE", "GET"):
        expect(code(place.http(method, path, body=b"x" if method == "PUT" else None)), (403, "AccessDenied"), method)
    expect(place.read("a"), b"0123456789")
