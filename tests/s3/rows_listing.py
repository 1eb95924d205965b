"""ListObjects, ListObjectsV2 and ListObjectVersions."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from rounds import Place, expect, refused, row

#: In key order, which is the order of the UTF-8 bytes: a folder's walk would put `a/…` and `a/c/…` elsewhere. No key is a
#: prefix of another one at a slash; the rows of `keys` are about those.
SORTED = ["A", "a-b", "a.b", "a/b", "a/c-", "a/c/d", "a/c/e", "a/c0", "a0", "b/x", "c", "é", "\uff5a", "😀"]
V = {"V1": "list_objects", "V2": "list_objects_v2"}


def fill(place: Place, names: list[str]) -> None:
    """Stores small objects."""
    for name in names:
        place.put(name, b"x")


def page(place: Place, version: str, **parameters: Any) -> dict[str, Any]:
    """One page under the prefix of the row."""
    parameters.setdefault("Prefix", place.prefix)
    return getattr(place.s3, V[version])(Bucket=place.bucket, **parameters)


def names(place: Place, found: dict[str, Any]) -> list[str]:
    """Its keys without the prefix of the row."""
    return [entry["Key"].removeprefix(place.prefix) for entry in found.get("Contents", [])]


def commons(place: Place, found: dict[str, Any]) -> list[str]:
    """Its common prefixes without the prefix of the row."""
    return [entry["Prefix"].removeprefix(place.prefix) for entry in found.get("CommonPrefixes", [])]


@row("API_ListObjectsV2", "V1", "V2")
def ordered(place: Place, version: str) -> None:
    """keys come in the order of their UTF-8 bytes, with size, ETag, date and class."""
    fill(place, SORTED[::-1])
    found = page(place, version)
    expect(names(place, found), SORTED)
    entry = found["Contents"][0]
    expect((entry["Size"], entry["ETag"], entry["StorageClass"]), (1, '"9dd4e461268c8034f5c8564e155c67a6"', "STANDARD"))
    modified = entry["LastModified"].replace(microsecond=0)
    expect(modified, place.head("A")["LastModified"], "LastModified and HEAD's")
    if version == "V2":
        expect((found["KeyCount"], found["MaxKeys"]), (len(SORTED), 1000))


def fold(keys: list[str], prefix: str, delimiter: str) -> tuple[list[str], list[str]]:
    """The keys and common prefixes of a listing, as the reference explains them."""
    single, common = [], {}
    for key in keys:
        if key.startswith(prefix):
            before, found, _ = key[len(prefix) :].partition(delimiter)
            if found:
                common[prefix + before + delimiter] = None
            else:
                single.append(key)
    return single, list(common)


FOLDED = [
    ("the folder level", "", "/"),
    ("inside a folder", "a/", "/"),
    ("two folders deep", "a/c/", "/"),
    ("a prefix in mid-name", "a", "/"),
    ("a prefix in mid-name of a folder", "a/c", "/"),
    ("another delimiter", "", "-"),
    ("a long delimiter", "", "/c"),
    ("a delimiter that is a letter", "", "c"),
    ("a prefix without keys", "zz/", "/"),
]


@row("API_ListObjectsV2", *[(f"{case[0]}, {version}", version, *case[1:]) for case in FOLDED for version in V])
def folded(place: Place, case: tuple[str, str, str, str]) -> None:
    """prefix and delimiter fold keys to common prefixes."""
    _, version, prefix, delimiter = case
    fill(place, SORTED)
    found = page(place, version, Prefix=place.prefix + prefix, Delimiter=delimiter)
    expect((names(place, found), commons(place, found)), fold(SORTED, prefix, delimiter))
    expect(found.get("Delimiter"), delimiter)


@row("API_ListObjectsV2", *[f"{size} a page" for size in (1, 2, 3, 5)])
def pages(place: Place, case: str) -> None:
    """pages of V2 with a delimiter have each key and common prefix once."""
    fill(place, SORTED)
    size = int(case.split()[0])
    found: list[str] = []
    more: dict[str, Any] = {}
    for _ in range(20):
        one = page(place, "V2", Delimiter="/", MaxKeys=size, **more)
        shown = names(place, one) + commons(place, one)
        expect(len(shown) == one["KeyCount"] <= size, True, f"KeyCount {one['KeyCount']} of {size}")
        found += shown
        if not one["IsTruncated"]:
            break
        more = {"ContinuationToken": one["NextContinuationToken"]}
    expect(sorted(found), sorted(sum(fold(SORTED, "", "/"), [])))


@row("API_ListObjects", "with a delimiter", "without")
def markers(place: Place, case: str) -> None:
    """pages of V1 go on after the marker; NextMarker comes with a delimiter only."""
    fill(place, SORTED)
    delimiter = {"Delimiter": "/"} if case == "with a delimiter" else {}
    found: list[str] = []
    marker = ""
    for _ in range(20):
        one = page(place, "V1", MaxKeys=2, Marker=marker, **delimiter)
        found += names(place, one) + commons(place, one)
        if not one["IsTruncated"]:
            break
        expect("NextMarker" in one, bool(delimiter), "NextMarker is there")
        marker = one["NextMarker"] if delimiter else one["Contents"][-1]["Key"]
    expect(found, sorted(found, key=str.encode), "the pages together are sorted")
    expect(len(found), len(sum(fold(SORTED, "", "/"), [])) if delimiter else len(SORTED))


@row("API_ListObjectsV2")
def start_after(place: Place) -> None:
    """start-after and marker leave out keys up to that name, which need not exist."""
    fill(place, SORTED)
    for name in ("a.b", "a/bb", "a/c/", "a/c/d", "a/d", "😀"):
        rest = [key for key in SORTED if key.encode() > name.encode()]
        expect(names(place, page(place, "V2", StartAfter=place.key(name))), rest, f"start-after {name}")
        expect(names(place, page(place, "V1", Marker=place.key(name))), rest, f"marker {name}")


@row("API_ListObjectsV2")
def token_wins(place: Place) -> None:
    """a continuation token goes before start-after."""
    fill(place, ["a", "b", "c", "d"])
    first = page(place, "V2", MaxKeys=1, StartAfter=place.key("a"))
    found = page(place, "V2", StartAfter=place.key("a"), ContinuationToken=first["NextContinuationToken"])
    expect(names(place, found), ["c", "d"])


@row("API_ListObjectsV2", "V1", "V2")
def nothing(place: Place, version: str) -> None:
    """max-keys=0 is an empty page that is not truncated."""
    fill(place, ["a", "b"])
    found = page(place, version, MaxKeys=0)
    expect((names(place, found), found["IsTruncated"]), ([], False))


@row("API_ListObjectsV2")
def thousand(place: Place) -> None:
    """a page has at most 1,000 keys, whatever max-keys says."""
    bucket = place.new_bucket()
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: place.s3.put_object(Bucket=bucket, Key=f"{n:04}", Body=b""), range(1003)))
    first = place.s3.list_objects_v2(Bucket=bucket, MaxKeys=5000)
    expect((len(first["Contents"]), first["IsTruncated"], first["MaxKeys"]), (1000, True, 1000))
    rest = place.s3.list_objects_v2(Bucket=bucket, ContinuationToken=first["NextContinuationToken"])
    expect([entry["Key"] for entry in rest["Contents"]], ["1000", "1001", "1002"])
    every = [{"Key": f"{number:04}"} for number in range(1000)]
    place.s3.delete_objects(Bucket=bucket, Delete={"Objects": every, "Quiet": True})
    expect(place.s3.list_objects_v2(Bucket=bucket)["KeyCount"], 3)


def raw(place: Place, version: str, **parameters: str) -> tuple[int, ElementTree.Element]:
    """The XML of a listing, which boto3 decodes otherwise."""
    query = {"prefix": place.prefix, **parameters} | ({"list-type": "2"} if version == "V2" else {})
    request = AWSRequest("GET", f"{place.endpoint}/{place.bucket}", params=query)
    credentials = place.s3._request_signer._credentials
    S3SigV4QueryAuth(credentials, "s3", place.region, expires=60).add_auth(request)
    answer = place.http("GET", request.prepare().url)
    text = answer.data.decode().replace('xmlns="http://s3.amazonaws.com/doc/2006-03-01/"', "")
    return answer.status, ElementTree.fromstring(text)


@row("API_ListObjectsV2", "V1", "V2")
def encoded(place: Place, version: str) -> None:
    """encoding-type=url encodes keys, prefixes and the delimiter in the XML."""
    name = "a b+é/c&<d>%\x01"
    fill(place, [name])
    _, found = raw(place, version, **{"encoding-type": "url"})
    expect(found.findtext("EncodingType"), "url")
    # a slash may be encoded as well
    key = (found.findtext("Contents/Key") or "").replace("+", "%20").replace("%2F", "/")
    expect(key, quote(place.key(name)))
    _, found = raw(place, version, **{"encoding-type": "url", "delimiter": "/", "prefix": place.key("a b")})
    shown = (found.findtext("CommonPrefixes/Prefix") or "").replace("+", "%20").replace("%2F", "/")
    expect(shown, quote(place.key("a b+é/")), "common prefix")
    expect((found.findtext("Prefix") or "").replace("+", "%20").replace("%2F", "/"), quote(place.key("a b")), "Prefix")


@row("API_ListObjectsV2", "V1", "V2")
def plain(place: Place, version: str) -> None:
    """without encoding-type, keys are XML text."""
    fill(place, ["a b+é&<d>%"])
    _, found = raw(place, version)
    expect((found.findtext("EncodingType"), found.findtext("Contents/Key")), (None, place.key("a b+é&<d>%")))


@row("API_ListObjectsV2")
def owner(place: Place) -> None:
    """the owner is shown by V1, and by V2 with fetch-owner only."""
    fill(place, ["a"])
    expect("Owner" in page(place, "V1")["Contents"][0], True, "V1")
    expect("Owner" in page(place, "V2")["Contents"][0], False, "V2")
    expect("Owner" in page(place, "V2", FetchOwner=True)["Contents"][0], True, "fetch-owner")


@row("API_ListObjectsV2")
def bad_parameters(place: Place) -> None:
    """a wrong continuation token or max-keys is InvalidArgument."""
    refused("InvalidArgument", 400, place.s3.list_objects_v2, Bucket=place.bucket, ContinuationToken="é wrong")
    refused("InvalidArgument", 400, place.s3.list_objects_v2, Bucket=place.bucket, MaxKeys=-1)


@row("API_ListObjectVersions")
def versions(place: Place) -> None:
    """in a bucket without versioning each object has the version null, by which it is read and deleted."""
    fill(place, ["a", "b/c"])
    found = place.s3.list_object_versions(Bucket=place.bucket, Prefix=place.prefix)
    shown = [(one["Key"].removeprefix(place.prefix), one["VersionId"], one["IsLatest"]) for one in found["Versions"]]
    expect(shown, [("a", "null", True), ("b/c", "null", True)])
    expect(place.read("a", VersionId="null"), b"x")
    pairs = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found["Versions"]]
    answer = place.s3.delete_objects(Bucket=place.bucket, Delete={"Objects": pairs})
    expect((len(answer.get("Deleted", [])), answer.get("Errors", [])), (2, []))
    expect(place.keys(), [])
