"""PutObject, GetObject, HeadObject, CopyObject, DeleteObject(s), their headers, tags and ranges."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from rounds import Different, Place, expect, refused, row

TEN = b"0123456789"


def md5(content: bytes) -> str:
    """The ETag of content that is stored in one piece."""
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'


@row("API_PutObject", ("empty", b""), ("10 bytes", TEN), ("3 MB", TEN * 300_000))
def stored(place: Place, case: tuple[str, bytes]) -> None:
    """an object comes back as it was stored, and its ETag is its MD5."""
    expect(place.put("a", case[1])["ETag"], md5(case[1]), "ETag of PUT")
    found = place.get("a")
    expect((found["ContentLength"], found["ETag"]), (len(case[1]), md5(case[1])))
    expect(found["Body"].read() == case[1], True, "the content is the same")
    age = datetime.now(UTC) - found["LastModified"]
    expect(timedelta(seconds=-5) < age < timedelta(minutes=5), True, f"LastModified is {age} old; recent")


@row("API_PutObject")
def content_type(place: Place) -> None:
    """an object without a Content-Type is binary/octet-stream."""
    place.put("noextension")
    expect(place.head("noextension")["ContentType"], "binary/octet-stream")


@row("API_PutObject")
def headers(place: Place) -> None:
    """Content-Type, Cache-Control, -Disposition, -Encoding, -Language and Expires come back."""
    given = {
        "ContentType": "text/x-own; charset=utf-8",
        "CacheControl": "max-age=60, private",
        "ContentDisposition": 'attachment; filename="b c.txt"',
        "ContentEncoding": "gzip",
        "ContentLanguage": "de",
    }
    place.put("a.txt", Expires=datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC), **given)
    for found in (place.head("a.txt"), place.get("a.txt")):
        expect({name: found.get(name) for name in given}, given)
        expect(found.get("ExpiresString"), "Wed, 02 Jan 2030 03:04:05 GMT", "Expires")


@row("UsingMetadata")
def metadata(place: Place) -> None:
    """x-amz-meta-* comes back with names in lower case."""
    place.put("a", Metadata={"One": "1", "two-b": "a  b; c=\"d\"", "three.c": "x" * 500})
    wanted = {"one": "1", "two-b": "a  b; c=\"d\"", "three.c": "x" * 500}
    expect(place.head("a")["Metadata"], wanted)
    expect(place.get("a")["Metadata"], wanted)


@row("UsingMetadata")
def metadata_limit(place: Place) -> None:
    """more than 2 KB of x-amz-meta-* is MetadataTooLarge."""
    refused("MetadataTooLarge", 400, place.put, name="a", Metadata={"a": "x" * 3000})


@row("API_PutObject")
def overwritten(place: Place) -> None:
    """a second PUT replaces content, headers and metadata."""
    place.put("a", b"old", ContentType="text/old", Metadata={"old": "1"}, CacheControl="no-store")
    place.put("a", b"new content")
    found = place.get("a")
    expect((found["Body"].read(), found["ETag"]), (b"new content", md5(b"new content")))
    expect((found["Metadata"], found.get("CacheControl")), ({}, None))


@row("API_HeadObject")
def head_is_get(place: Place) -> None:
    """HEAD has the headers of GET."""
    place.put("a.txt", ContentType="text/plain", Metadata={"a": "1"})
    # boto3 asks for checksums with GET only
    skip = {"x-amz-checksum-crc32", "x-amz-checksum-type", "date", "server", "connection", "keep-alive"}
    skip |= {"x-amz-request-id", "x-amzn-requestid", "x-amz-id-2"}
    answers = [
        {name: value for name, value in found["ResponseMetadata"]["HTTPHeaders"].items() if name not in skip}
        for found in (place.head("a.txt"), place.get("a.txt"))
    ]
    differ = {name for name in answers[0].keys() | answers[1].keys() if answers[0].get(name) != answers[1].get(name)}
    expect({name: answers[0].get(name) for name in differ}, {name: answers[1].get(name) for name in differ})


@row("API_GetObject")
def missing(place: Place) -> None:
    """a missing key is NoSuchKey."""
    answer = refused("NoSuchKey", 404, place.get, name="missing")
    expect(answer["Error"].get("Key"), place.key("missing"), "Key in the error")


@row("API_HeadObject")
def head_missing(place: Place) -> None:
    """HEAD of a missing key is 404 without a body."""
    refused("404", 404, place.head, name="missing")


@row("API_DeleteObject")
def deleted(place: Place) -> None:
    """DELETE is 204, also for a missing key, and the object is gone."""
    place.put("a")
    for _ in range(2):
        answer = place.s3.delete_object(**place.at("a"))
        expect(answer["ResponseMetadata"]["HTTPStatusCode"], 204)
    refused("NoSuchKey", 404, place.get, name="a")


@row("API_DeleteObjects", ("all are reported", False), ("quiet", True))
def deletes(place: Place, case: tuple[str, bool]) -> None:
    """DeleteObjects removes what is there and reports missing keys as deleted."""
    names = ["a", "b c", "d&<e>", "é+f"]
    for name in names:
        place.put(name)
    keys = sorted(place.key(name) for name in [*names, "missing"])
    asked = {"Objects": [{"Key": key} for key in keys], "Quiet": case[1]}
    answer = place.s3.delete_objects(Bucket=place.bucket, Delete=asked)
    expect(answer.get("Errors", []), [], "Errors")
    expect(sorted(each["Key"] for each in answer.get("Deleted", [])), [] if case[1] else keys, "Deleted")
    expect(place.keys(), [])


@row("API_DeleteObjects")
def deletes_limit(place: Place) -> None:
    """DeleteObjects of 1,001 keys is MalformedXML."""
    asked = {"Objects": [{"Key": f"{place.prefix}{number}"} for number in range(1001)]}
    refused("MalformedXML", 400, place.s3.delete_objects, Bucket=place.bucket, Delete=asked)


def copy(place: Place, source: str, target: str, **parameters: object) -> dict:
    """Copies within the bucket."""
    return place.s3.copy_object(CopySource=place.at(source), **place.at(target), **parameters)


@row("API_CopyObject")
def copied(place: Place) -> None:
    """a copy has the content, the headers, the metadata and the tags of its source."""
    place.put("a", ContentType="text/own", CacheControl="no-store", Metadata={"a": "1"}, Tagging="k=v")
    expect(copy(place, "a", "b/c")["CopyObjectResult"]["ETag"], md5(TEN))
    found = place.get("b/c")
    expect((found["Body"].read(), found["ContentType"], found.get("CacheControl")), (TEN, "text/own", "no-store"))
    expect(found["Metadata"], {"a": "1"})
    expect(place.s3.get_object_tagging(**place.at("b/c"))["TagSet"], [{"Key": "k", "Value": "v"}])


@row("API_CopyObject")
def copy_replaced(place: Place) -> None:
    """a copy with MetadataDirective=REPLACE has the new headers only, also onto itself."""
    place.put("a", ContentType="text/own", Metadata={"a": "1"})
    for target in ("b", "a"):
        copy(place, "a", target, MetadataDirective="REPLACE", ContentType="text/new", Metadata={"b": "2"})
        found = place.get(target)
        expect((found["Body"].read(), found["ContentType"], found["Metadata"]), (TEN, "text/new", {"b": "2"}))


@row("API_CopyObject")
def copy_onto_itself(place: Place) -> None:
    """a copy onto itself that changes nothing is InvalidRequest."""
    place.put("a")
    refused("InvalidRequest", 400, copy, place=place, source="a", target="a")


@row("API_CopyObject")
def copy_missing(place: Place) -> None:
    """a copy of a missing key is NoSuchKey, and nothing is made."""
    refused("NoSuchKey", 404, copy, place=place, source="missing", target="b")
    expect(place.keys(), [])


@row("API_CopyObject", "space b", "é", "a+b", "100%", "a&b=c?d#e")
def copy_source_encoded(place: Place, name: str) -> None:
    """x-amz-copy-source is decoded once."""
    place.put(name)
    copy(place, name, "copy")
    expect(place.read("copy"), TEN)


@row("API_CopyObject")
def copy_between_buckets(place: Place) -> None:
    """an object is copied from another bucket."""
    other = place.new_bucket()
    place.s3.put_object(Bucket=other, Key="x/y", Body=TEN)
    place.s3.copy_object(CopySource={"Bucket": other, "Key": "x/y"}, **place.at("b"))
    expect(place.read("b"), TEN)


@row("API_CopyObject")
def copy_conditions(place: Place) -> None:
    """x-amz-copy-source-if-* that are not met are PreconditionFailed."""
    place.put("a")
    old = datetime(2020, 1, 1, tzinfo=UTC)
    for condition in (
        {"CopySourceIfMatch": '"0"'},
        {"CopySourceIfNoneMatch": md5(TEN)},
        {"CopySourceIfUnmodifiedSince": old},
    ):
        refused("PreconditionFailed", 412, copy, place=place, source="a", target="b", **condition)
    copy(place, "a", "b", CopySourceIfMatch=md5(TEN), CopySourceIfUnmodifiedSince=old)


RANGES = [
    ("bytes=0-4", b"01234", "bytes 0-4/10"),
    ("bytes=7-", b"789", "bytes 7-9/10"),
    ("bytes=-3", b"789", "bytes 7-9/10"),
    ("bytes=8-100", b"89", "bytes 8-9/10"),
    ("bytes=-100", TEN, "bytes 0-9/10"),
]


@row("API_GetObject", *RANGES)
def ranges(place: Place, case: tuple[str, bytes, str]) -> None:
    """a range is 206 with its bytes."""
    place.put("a")
    found = place.get("a", Range=case[0])
    expect(found["ResponseMetadata"]["HTTPStatusCode"], 206)
    expect((found["Body"].read(), found["ContentRange"], found["ETag"]), (case[1], case[2], md5(TEN)))
    headed = place.head("a", Range=case[0])
    expect((headed["ResponseMetadata"]["HTTPStatusCode"], headed["ContentLength"]), (206, len(case[1])), "HEAD")


@row("API_GetObject", "bytes=10-", "bytes=20-30", "bytes=-0")
def beyond(place: Place, asked: str) -> None:
    """a range beyond the end is InvalidRange."""
    place.put("a")
    refused("InvalidRange", 416, place.get, name="a", Range=asked)


@row("API_GetObject")
def overrides(place: Place) -> None:
    """response-* parameters replace the headers of this answer."""
    place.put("a", ContentType="text/own", CacheControl="no-store")
    given = {
        "ContentType": "image/png",
        "CacheControl": "max-age=5",
        "ContentDisposition": 'attachment; filename="a b.png"',
        "ContentEncoding": "identity",
        "ContentLanguage": "fr",
    }
    found = place.get("a", **{f"Response{name}": value for name, value in given.items()})
    expect({name: found.get(name) for name in given}, given)
    expect(place.head("a")["ContentType"], "text/own", "afterwards")


@row("API_GetObjectTagging")
def tags(place: Place) -> None:
    """tags are stored with the object, read, counted, replaced and removed."""
    place.put("a", Tagging="one=1&b%20c=%2B")
    expect(place.get("a").get("TagCount"), 2, "TagCount")
    found = place.s3.get_object_tagging(**place.at("a"))["TagSet"]
    expect(sorted((tag["Key"], tag["Value"]) for tag in found), [("b c", "+"), ("one", "1")])
    place.s3.put_object_tagging(**place.at("a"), Tagging={"TagSet": [{"Key": "new", "Value": "é"}]})
    expect(place.s3.get_object_tagging(**place.at("a"))["TagSet"], [{"Key": "new", "Value": "é"}])
    expect(place.read("a"), TEN, "the content afterwards")
    place.s3.delete_object_tagging(**place.at("a"))
    expect(place.s3.get_object_tagging(**place.at("a"))["TagSet"], [])


@row("API_PutObjectTagging")
def too_many_tags(place: Place) -> None:
    """more than 10 tags are refused."""
    place.put("a")
    tagging = {"TagSet": [{"Key": str(number), "Value": ""} for number in range(11)]}
    try:
        place.s3.put_object_tagging(**place.at("a"), Tagging=tagging)
    except place.s3.exceptions.ClientError as error:
        expect(error.response["ResponseMetadata"]["HTTPStatusCode"], 400)
        return
    raise Different("11 tags are accepted")


@row("API_GetObjectAttributes")
def attributes(place: Place) -> None:
    """GetObjectAttributes tells the ETag and the size."""
    place.put("a")
    wanted = ["ETag", "ObjectSize", "StorageClass"]
    found = place.s3.get_object_attributes(**place.at("a"), ObjectAttributes=wanted)
    expect((found["ETag"].strip('"'), found["ObjectSize"]), (md5(TEN).strip('"'), 10))


@row("API_PutObject")
def content_md5(place: Place) -> None:
    """a wrong Content-MD5 is BadDigest, and nothing is stored."""
    refused("BadDigest", 400, place.put, name="a", ContentMD5="1B2M2Y8AsgTpgAmY7PhCfg==")
    refused("InvalidDigest", 400, place.put, name="a", ContentMD5="short")
    expect(place.keys(), [])


@row("API_GetObjectAcl")
def acl(place: Place) -> None:
    """the ACL of an object names its owner; PutObjectAcl private is accepted."""
    place.put("a", ACL="private")
    found = place.s3.get_object_acl(**place.at("a"))
    expect([grant["Permission"] for grant in found["Grants"]], ["FULL_CONTROL"])
    place.s3.put_object_acl(**place.at("a"), ACL="private")
