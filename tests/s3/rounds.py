"""One S3 client's round through any S3 endpoint, row by row.

Each row states what the API reference of Amazon S3 promises, asks the endpoint for it with boto3 or with raw HTTP, and passes
or fails with what the endpoint did instead. The same rows run against devmedia, Garage and moto, so a failed row says which of
them differs from the reference.

    AWS_ACCESS_KEY_ID=devmedia AWS_SECRET_ACCESS_KEY=devmedia python rounds.py --endpoint http://127.0.0.1:9000 devmedia

The exit code is 1 if a row fails that known.json does not list for this server, or if one that it lists passes.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import urllib3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

HERE = Path(__file__).parent
SECTIONS = ["objects", "keys", "conditions", "listing", "multipart", "checksums", "presigned", "forms", "buckets"]


@dataclass
class Row:
    """A promise of the API reference and the check of it."""

    section: str
    name: str
    #: The page of the API reference (docs.aws.amazon.com/AmazonS3/latest/API or /userguide) that makes the promise.
    page: str
    check: Callable[["Place"], None]

    @property
    def key(self) -> str:
        """How known.json names the row."""
        return f"{self.section}: {self.name}"


ROWS: list[Row] = []


def row(page: str, *cases: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Makes a function a row, or one row for each case; its name and docstring say what is promised."""

    def add(check: Callable[..., None]) -> Callable[..., None]:
        section = check.__module__.removeprefix("rows_")
        name = (check.__doc__ or check.__name__).strip().rstrip(".")
        if not cases:
            ROWS.append(Row(section, name, page, check))
        for case in cases:
            shown = case if isinstance(case, str) else case[0]
            ROWS.append(Row(section, f"{name}: {shown}", page, lambda place, case=case: check(place, case)))
        return check

    return add


class Different(Exception):
    """The endpoint did something else than the reference promises."""


def expect(found: Any, wanted: Any, what: str = "") -> None:
    """Fails the row unless both are equal."""
    if found != wanted:
        raise Different(f"{what + ': ' if what else ''}{shorten(found)}, not {shorten(wanted)}")


def shorten(value: Any) -> str:
    """A value in at most a line."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) < 120 else f"{text[:117]}..."


def refused(code: str, status: int, call: Callable[..., Any], **arguments: Any) -> dict[str, Any]:
    """Fails the row unless the call is refused with this code and status."""
    try:
        call(**arguments)
    except ClientError as error:
        answer = error.response
        found = (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"])
        expect(found, (code, status))
        return answer
    raise Different(f"accepted, not refused with {code}")


@dataclass
class Place:
    """Where a row works: a prefix of its own in a bucket that all rows share."""

    endpoint: str
    region: str
    bucket: str
    prefix: str = ""
    #: Buckets made by the row, removed after it.
    buckets: list[str] = field(default_factory=list)
    pool: urllib3.PoolManager = field(
        default_factory=lambda: urllib3.PoolManager(maxsize=32, retries=False, timeout=urllib3.Timeout(30))
    )
    clients: dict[str, Any] = field(default_factory=dict)

    def client(self, version: str = "s3v4", **options: Any) -> Any:
        """A boto3 client that signs with this version and asks once."""
        name = f"{version} {options}"
        if name not in self.clients:
            config = Config(
                signature_version=version,
                retries={"total_max_attempts": 1},
                read_timeout=300,
                max_pool_connections=32,
                s3={"addressing_style": "path"},
            )
            settings = {"endpoint_url": self.endpoint, "region_name": self.region, "config": config, **options}
            self.clients[name] = boto3.client("s3", **settings)
        return self.clients[name]

    @property
    def s3(self) -> Any:
        """The usual client."""
        return self.client()

    def key(self, name: str) -> str:
        """A key under the prefix of this row."""
        return f"{self.prefix}{name}"

    def put(self, name: str, body: bytes = b"0123456789", **parameters: Any) -> dict[str, Any]:
        """Stores an object under the prefix."""
        return self.s3.put_object(Bucket=self.bucket, Key=self.key(name), Body=body, **parameters)

    def get(self, name: str, **parameters: Any) -> dict[str, Any]:
        """Fetches an object under the prefix."""
        return self.s3.get_object(Bucket=self.bucket, Key=self.key(name), **parameters)

    def read(self, name: str, **parameters: Any) -> bytes:
        """The content of an object under the prefix."""
        return self.get(name, **parameters)["Body"].read()

    def head(self, name: str, **parameters: Any) -> dict[str, Any]:
        """The headers of an object under the prefix."""
        return self.s3.head_object(Bucket=self.bucket, Key=self.key(name), **parameters)

    def at(self, name: str) -> dict[str, str]:
        """The parameters Bucket and Key."""
        return {"Bucket": self.bucket, "Key": self.key(name)}

    def keys(self, **parameters: Any) -> list[str]:
        """The keys of one page of ListObjectsV2, without the prefix of this row."""
        page = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=self.prefix, **parameters)
        return [entry["Key"].removeprefix(self.prefix) for entry in page.get("Contents", [])]

    def new_bucket(self) -> str:
        """A bucket of this row's own."""
        name = f"round-{uuid.uuid4().hex[:12]}"
        self.s3.create_bucket(Bucket=name)
        self.buckets.append(name)
        return name

    def http(self, method: str, url: str, headers: dict[str, str] | None = None, body: Any = None) -> Any:
        """One raw request; `url` may be a path."""
        url = url if url.startswith("http") else self.endpoint + url
        return self.pool.request(method, url, headers=headers or {}, body=body, redirect=False)

    def empty(self, bucket: str) -> None:
        """Removes all objects and uploads of a bucket, and the bucket."""
        with suppress(ClientError, BotoCoreError):
            for upload in self.s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
                self.s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        with suppress(ClientError, BotoCoreError):
            for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
                for entry in page.get("Contents", []):
                    self.s3.delete_object(Bucket=bucket, Key=entry["Key"])
        with suppress(ClientError, BotoCoreError):
            self.s3.delete_bucket(Bucket=bucket)


def run(place: Place, rows: list[Row]) -> dict[str, str | None]:
    """What each row found; None for a row that passes."""
    found: dict[str, str | None] = {}
    for number, each in enumerate(rows):
        place.prefix = f"{each.section}{number}/"
        try:
            each.check(place)
            found[each.key] = None
        except Different as error:
            found[each.key] = str(error)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            found[each.key] = shorten(f"{error.response['Error']['Code']} ({status})")
        except Exception as error:  # a client that fails in any other way is a finding as well
            found[each.key] = shorten(f"{type(error).__name__}: {error}")
        for bucket in place.buckets:
            place.empty(bucket)
        place.buckets.clear()
    return found


def explain(name: str, found: dict[str, str | None], known: dict[str, str]) -> int:
    """Prints the rows that fail; the number of those that known.json gets wrong."""
    wrong = 0
    for key, problem in found.items():
        if problem is None and key in known:
            wrong += 1
            print(f"PASSES, but known.json says that it fails: {key}")
        elif problem is not None:
            wrong += key not in known
            print(f"{'known ' if key in known else 'FAILED'}  {key}: {problem}")
    print(f"{name}: {sum(problem is None for problem in found.values())} of {len(found)} rows as the reference says")
    return wrong


def main() -> int:
    """Runs the rows and prints those that fail."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="devmedia, garage, moto or another name")
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--only", default="", help="only rows whose section and name contain this")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    parser.add_argument("--times", action="store_true", help="print the seconds of each section")
    options = parser.parse_args()
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    sys.modules.setdefault("rounds", sys.modules["__main__"])
    for section in SECTIONS:
        importlib.import_module(f"rows_{section}")
    place = Place(options.endpoint, options.region, f"rounds-{uuid.uuid4().hex[:12]}")
    place.s3.create_bucket(Bucket=place.bucket)
    found: dict[str, str | None] = {}
    try:
        for section in SECTIONS:
            start = time.monotonic()
            rows = [each for each in ROWS if each.section == section and options.only in each.key]
            found |= run(place, rows)
            if options.times:
                print(f"{section}: {len(rows)} rows in {time.monotonic() - start:.1f} s", file=sys.stderr)
    finally:
        place.empty(place.bucket)
    if options.json:
        rows = [{"row": each.key, "page": each.page, "found": found.get(each.key)} for each in ROWS if each.key in found]
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    known = json.loads((HERE / "known.json").read_text()).get(options.name, {})
    known = {key: why for key, why in known.items() if options.only in key}
    return min(explain(options.name, found, known), 1)


if __name__ == "__main__":
    sys.exit(main())
