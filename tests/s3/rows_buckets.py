"""Buckets and the calls about their settings that clients make on their own."""

from __future__ import annotations

import uuid
from typing import Any

from rounds import Different, Place, expect, refused, row


@row("API_CreateBucket")
def made(place: Place) -> None:
    """a bucket is made, found, listed and removed."""
    name = place.new_bucket()
    expect(place.s3.head_bucket(Bucket=name)["ResponseMetadata"]["HTTPStatusCode"], 200)
    listed = place.s3.list_buckets()
    expect([one["Name"] for one in listed["Buckets"] if one["Name"] == name], [name])
    expect("CreationDate" in listed["Buckets"][0], True, "CreationDate is there")
    expect(place.s3.list_objects_v2(Bucket=name)["KeyCount"], 0)
    expect(place.s3.delete_bucket(Bucket=name)["ResponseMetadata"]["HTTPStatusCode"], 204)
    refused("404", 404, place.s3.head_bucket, Bucket=name)


@row("API_CreateBucket")
def again(place: Place) -> None:
    """a bucket that one owns already is made again in us-east-1 and BucketAlreadyOwnedByYou elsewhere."""
    name = place.new_bucket()
    place.s3.put_object(Bucket=name, Key="a", Body=b"x")
    if place.region == "us-east-1":
        place.s3.create_bucket(Bucket=name)
    else:
        refused("BucketAlreadyOwnedByYou", 409, place.s3.create_bucket, Bucket=name)
    expect(place.s3.get_object(Bucket=name, Key="a")["Body"].read(), b"x", "its object")


@row("bucketnamingrules", "ab", "UPPER", "a_b", "a..b", "-ab", "192.168.5.4", "x" * 64)
def bad_name(place: Place, name: str) -> None:
    """a name outside the rules is InvalidBucketName."""
    try:
        refused("InvalidBucketName", 400, place.s3.create_bucket, Bucket=name)
    except Different:
        place.empty(name)
        raise


@row("API_DeleteBucket")
def not_empty(place: Place) -> None:
    """a bucket with objects is BucketNotEmpty, and keeps them."""
    name = place.new_bucket()
    place.s3.put_object(Bucket=name, Key="a/b", Body=b"x")
    refused("BucketNotEmpty", 409, place.s3.delete_bucket, Bucket=name)
    expect(place.s3.get_object(Bucket=name, Key="a/b")["Body"].read(), b"x")
    place.s3.delete_object(Bucket=name, Key="a/b")
    place.s3.delete_bucket(Bucket=name)


CALLS = [
    ("ListObjects", "list_objects", {}),
    ("ListObjectsV2", "list_objects_v2", {}),
    ("GetObject", "get_object", {"Key": "a"}),
    ("PutObject", "put_object", {"Key": "a", "Body": b"x"}),
    ("DeleteObject", "delete_object", {"Key": "a"}),
    ("CreateMultipartUpload", "create_multipart_upload", {"Key": "a"}),
    ("DeleteBucket", "delete_bucket", {}),
    ("GetBucketLocation", "get_bucket_location", {}),
    ("ListMultipartUploads", "list_multipart_uploads", {}),
]


@row("ErrorResponses", *CALLS)
def no_bucket(place: Place, case: tuple[str, str, dict[str, Any]]) -> None:
    """a missing bucket is NoSuchBucket."""
    call = getattr(place.s3, case[1])
    refused("NoSuchBucket", 404, call, Bucket=f"missing-{uuid.uuid4().hex[:8]}", **case[2])


@row("API_GetBucketLocation")
def location(place: Place) -> None:
    """the location is empty in us-east-1, else the region."""
    found = place.s3.get_bucket_location(Bucket=place.bucket).get("LocationConstraint")
    expect(found or None, None if place.region == "us-east-1" else place.region)


@row("API_HeadBucket")
def region_header(place: Place) -> None:
    """HEAD of a bucket tells its region."""
    expect(place.s3.head_bucket(Bucket=place.bucket).get("BucketRegion"), place.region)


@row("API_GetBucketVersioning")
def versioning(place: Place) -> None:
    """a bucket that never had versioning has no versioning status."""
    expect(place.s3.get_bucket_versioning(Bucket=place.bucket).get("Status"), None)


@row("API_GetBucketAcl")
def acl(place: Place) -> None:
    """the ACL of a bucket gives its owner full control; PutBucketAcl private is accepted."""
    found = place.s3.get_bucket_acl(Bucket=place.bucket)
    expect([grant["Permission"] for grant in found["Grants"]], ["FULL_CONTROL"])
    expect(bool(found["Owner"]["ID"]), True, "an owner")
    place.s3.put_bucket_acl(Bucket=place.bucket, ACL="private")


UNSET = [
    ("GetBucketCors", "get_bucket_cors", "NoSuchCORSConfiguration"),
    ("GetBucketTagging", "get_bucket_tagging", "NoSuchTagSet"),
    ("GetBucketPolicy", "get_bucket_policy", "NoSuchBucketPolicy"),
    ("GetBucketLifecycleConfiguration", "get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration"),
    ("GetBucketWebsite", "get_bucket_website", "NoSuchWebsiteConfiguration"),
    ("GetObjectLockConfiguration", "get_object_lock_configuration", "ObjectLockConfigurationNotFoundError"),
    ("GetBucketReplication", "get_bucket_replication", "ReplicationConfigurationNotFoundError"),
]


@row("ErrorResponses", *UNSET)
def unset(place: Place, case: tuple[str, str, str]) -> None:
    """a setting that a bucket does not have."""
    name = place.new_bucket()
    refused(case[2], 404, getattr(place.s3, case[1]), Bucket=name)


QUIET = ["get_bucket_logging", "get_bucket_notification_configuration", "get_bucket_accelerate_configuration", "get_bucket_request_payment"]


@row("API_Operations_Amazon_Simple_Storage_Service", *QUIET)
def off(place: Place, call: str) -> None:
    """a setting that is off is an empty document."""
    expect(getattr(place.s3, call)(Bucket=place.bucket)["ResponseMetadata"]["HTTPStatusCode"], 200)


@row("API_GetPublicAccessBlock")
def public_access(place: Place) -> None:
    """PutPublicAccessBlock is stored and read."""
    asked = {name: True for name in ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")}
    place.s3.put_public_access_block(Bucket=place.bucket, PublicAccessBlockConfiguration=asked)
    expect(place.s3.get_public_access_block(Bucket=place.bucket)["PublicAccessBlockConfiguration"], asked)


CORS = {
    "CORSRules": [
        {
            "AllowedOrigins": ["http://localhost:3000", "http://*.test"],
            "AllowedMethods": ["GET", "PUT"],
            "AllowedHeaders": ["*"],
            "ExposeHeaders": ["ETag"],
            "MaxAgeSeconds": 60,
        }
    ]
}


@row("API_PutBucketCors")
def cors(place: Place) -> None:
    """the CORS rules of a bucket are stored, read and removed."""
    name = place.new_bucket()
    place.s3.put_bucket_cors(Bucket=name, CORSConfiguration=CORS)
    expect(place.s3.get_bucket_cors(Bucket=name)["CORSRules"], CORS["CORSRules"])
    place.s3.delete_bucket_cors(Bucket=name)
    refused("NoSuchCORSConfiguration", 404, place.s3.get_bucket_cors, Bucket=name)


@row("RESTOPTIONSobject")
def preflight(place: Place) -> None:
    """a preflight is answered by the rules of the bucket."""
    name = place.new_bucket()
    place.s3.put_bucket_cors(Bucket=name, CORSConfiguration=CORS)
    asked = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "PUT"}
    asked["Access-Control-Request-Headers"] = "content-type,x-amz-meta-a"
    answer = place.http("OPTIONS", f"/{name}/a", asked)
    expect(answer.status in (200, 204), True, f"the status is {answer.status}; a success")
    expect(answer.headers.get("Access-Control-Allow-Origin"), "http://localhost:3000")
    expect("PUT" in answer.headers.get("Access-Control-Allow-Methods", ""), True, "PUT is allowed")
    allowed = answer.headers.get("Access-Control-Allow-Headers", "").lower()
    expect("content-type" in allowed or "*" in allowed, True, "Content-Type is allowed")


@row("API_PutBucketCors")
def cors_headers(place: Place) -> None:
    """a request from an allowed origin shows its ETag to the page."""
    name = place.new_bucket()
    place.s3.put_bucket_cors(Bucket=name, CORSConfiguration=CORS)
    url = place.s3.generate_presigned_url("put_object", Params={"Bucket": name, "Key": "a"})
    answer = place.http("PUT", url, {"Origin": "http://localhost:3000"}, b"x")
    expect(answer.status, 200)
    expect(answer.headers.get("Access-Control-Allow-Origin"), "http://localhost:3000")
    expect("etag" in answer.headers.get("Access-Control-Expose-Headers", "").lower(), True, "ETag is exposed")


@row("RESTOPTIONSobject")
def strangers_preflight(place: Place) -> None:
    """a preflight from an origin that no rule allows is refused."""
    name = place.new_bucket()
    place.s3.put_bucket_cors(Bucket=name, CORSConfiguration=CORS)
    asked = {"Origin": "http://stranger.example", "Access-Control-Request-Method": "PUT"}
    answer = place.http("OPTIONS", f"/{name}/a", asked)
    expect((answer.status, answer.headers.get("Access-Control-Allow-Origin")), (403, None))


@row("API_SelectObjectContent")
def select(place: Place) -> None:
    """an operation that is not offered is refused and changes nothing."""
    place.put("a")
    answer = None
    sql = {"Expression": "SELECT * FROM S3Object", "ExpressionType": "SQL"}
    try:
        formats = {"InputSerialization": {"CSV": {}}, "OutputSerialization": {"CSV": {}}}
        answer = place.s3.select_object_content(**place.at("a"), **sql, **formats)
    except place.s3.exceptions.ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        expect(400 <= status < 502 and status != 500, True, f"the status is {status}; a refusal")
    if answer is not None:
        expect(list(answer["Payload"]) != [], True, "events")
    expect(place.read("a"), b"0123456789")


@row("API_PutObject")
def unknown_subresource(place: Place) -> None:
    """PUT of an unknown subresource of an object does not replace the object."""
    place.put("a")
    for call, given in (
        ("put_object_legal_hold", {"LegalHold": {"Status": "ON"}}),
        ("put_object_retention", {"Retention": {"Mode": "GOVERNANCE"}}),
        ("restore_object", {"RestoreRequest": {"Days": 1}}),
    ):
        try:
            getattr(place.s3, call)(**place.at("a"), **given)
        except place.s3.exceptions.ClientError:
            continue
    expect(place.read("a"), b"0123456789")
