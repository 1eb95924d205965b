"""Presigned POST: forms with a policy."""

from __future__ import annotations

import base64
import json
from typing import Any

from rounds import Place, expect, row
from rows_presigned import BOTH, NAMES, code
from urllib3.filepost import encode_multipart_formdata

PAGE = "sigv4-HTTPPOSTConstructPolicy"


def presign(place: Place, version: str, name: str = "a", **options: Any) -> dict[str, Any]:
    """URL and fields of a form."""
    client = place.client(NAMES[version])
    return client.generate_presigned_post(place.bucket, place.key(name), **options)


def post(place: Place, form: dict[str, Any], body: bytes = b"0123456789", **fields: str) -> Any:
    """Sends the form with a file; fields with the value "" are left out."""
    chosen = {name: value for name, value in (form["fields"] | fields).items() if value}
    parts = [*chosen.items(), ("file", ("local é.txt", body, "text/local"))]
    coded, kind = encode_multipart_formdata(parts)
    return place.http("POST", form["url"], {"Content-Type": kind}, coded)


@row(PAGE, *BOTH)
def accepted(place: Place, version: str) -> None:
    """a form stores its file with 204 and the ETag."""
    answer = post(place, presign(place, version))
    expect((answer.status, code(answer)[1]), (204, ""))
    expect(answer.headers.get("ETag"), '"781e5e245d69b566979b86e28d23f2c7"')
    expect(place.read("a"), b"0123456789")


@row(PAGE)
def filename(place: Place) -> None:
    """${filename} in the key is the name of the file."""
    answer = post(place, presign(place, "V4", "dir/${filename}"))
    expect(answer.status, 204, code(answer)[1])
    expect(place.keys(), ["dir/local é.txt"])


@row("RESTObjectPOST", "201", "200")
def status(place: Place, wanted: str) -> None:
    """success_action_status chooses the status; 201 has a document."""
    given = {"Fields": {"success_action_status": wanted}, "Conditions": [{"success_action_status": wanted}]}
    answer = post(place, presign(place, "V4", **given))
    expect(answer.status, int(wanted))
    if wanted == "201":
        text = answer.data.decode()
        expect(f"<Key>{place.key('a')}</Key>" in text and f"<Bucket>{place.bucket}</Bucket>" in text, True, text)


@row("RESTObjectPOST")
def redirect(place: Place) -> None:
    """success_action_redirect answers 303 with bucket, key and etag in the query."""
    target = "http://localhost:1/done?x=1"
    given = {"Fields": {"success_action_redirect": target}, "Conditions": [{"success_action_redirect": target}]}
    answer = post(place, presign(place, "V4", **given))
    location = answer.headers.get("Location", "")
    expect(answer.status, 303, code(answer)[1])
    expect(location.startswith(f"{target}&bucket={place.bucket}&key="), True, location)


@row("RESTObjectPOST")
def fields(place: Place) -> None:
    """Content-Type, Cache-Control and x-amz-meta-* of the form are the object's."""
    given = {"Content-Type": "text/own", "Cache-Control": "no-store", "x-amz-meta-a": "1"}
    conditions = [{name: value} for name, value in given.items()]
    answer = post(place, presign(place, "V4", Fields=given, Conditions=conditions))
    expect(answer.status, 204, code(answer)[1])
    found = place.head("a")
    expect((found["ContentType"], found.get("CacheControl"), found["Metadata"]), ("text/own", "no-store", {"a": "1"}))


REFUSALS: list[tuple[str, list[Any], bytes, dict[str, str], tuple[int, str]]] = [
    ("too long", [["content-length-range", 1, 5]], b"0123456789", {}, (400, "EntityTooLarge")),
    ("too short", [["content-length-range", 20, 50]], b"0123456789", {}, (400, "EntityTooSmall")),
    ("eq not met", [["eq", "$x-amz-meta-a", "1"]], b"x", {"x-amz-meta-a": "2"}, (403, "AccessDenied")),
    ("starts-with not met", [["starts-with", "$Content-Type", "image/"]], b"x", {"Content-Type": "text/html"}, (403, "AccessDenied")),
    ("a field that no condition allows", [], b"x", {"x-amz-meta-a": "2"}, (403, "AccessDenied")),
    ("another key", [], b"x", {"key": "other"}, (403, "AccessDenied")),
    ("a condition whose field is missing", [["starts-with", "$x-amz-meta-a", ""]], b"x", {}, (403, "AccessDenied")),
]


@row(PAGE, *[(f"{case[0]}, {version}", version, *case[1:]) for case in REFUSALS for version in BOTH])
def refusals(place: Place, case: tuple[str, str, list[Any], bytes, dict[str, str], tuple[int, str]]) -> None:
    """a form that violates its policy is refused, and nothing is stored."""
    _, version, conditions, body, given, wanted = case
    form = presign(place, version, Conditions=conditions)
    if given.get("key"):
        given = {"key": place.key(given["key"])}
    answer = post(place, form, body, **given)
    expect(code(answer), wanted)
    expect(place.keys(), [])


@row(PAGE)
def met(place: Place) -> None:
    """a form that meets starts-with and content-length-range is stored."""
    conditions = [["starts-with", "$Content-Type", "image/"], ["content-length-range", 10, 10], ["starts-with", "$x-amz-meta-a", ""]]
    given = {"Content-Type": "image/png", "x-amz-meta-a": "any"}
    answer = post(place, presign(place, "V4", Conditions=conditions), **given)
    expect(answer.status, 204, code(answer)[1])
    expect(place.head("a")["ContentType"], "image/png")


@row(PAGE, *BOTH)
def ignored_fields(place: Place, version: str) -> None:
    """fields named x-ignore-* and those after the file need no condition."""
    answer = post(place, presign(place, version), **{"x-ignore-a": "1"})
    expect(answer.status, 204, code(answer)[1])


@row(PAGE, *BOTH)
def expired(place: Place, version: str) -> None:
    """an expired policy is AccessDenied."""
    answer = post(place, presign(place, version, ExpiresIn=-5))
    expect(code(answer), (403, "AccessDenied"))
    expect(place.keys(), [])


@row(PAGE, *BOTH)
def wrong_signature(place: Place, version: str) -> None:
    """a wrong signature, or a changed policy, is SignatureDoesNotMatch."""
    form = presign(place, version)
    name = "x-amz-signature" if version == "V4" else "signature"
    expect(code(post(place, form, **{name: "0" * 64})), (403, "SignatureDoesNotMatch"))
    policy = json.loads(base64.b64decode(form["fields"]["policy"]))
    policy["conditions"] = [["starts-with", "$key", ""], {"bucket": place.bucket}]
    other = base64.b64encode(json.dumps(policy).encode()).decode()
    expect(code(post(place, form, policy=other)), (403, "SignatureDoesNotMatch"), "changed policy")
    expect(place.keys(), [])


@row("RESTObjectPOST")
def unsigned(place: Place) -> None:
    """a form without policy and signature is AccessDenied."""
    form = {"url": f"{place.endpoint}/{place.bucket}", "fields": {"key": place.key("a")}}
    expect(code(post(place, form)), (403, "AccessDenied"))
    expect(place.keys(), [])
