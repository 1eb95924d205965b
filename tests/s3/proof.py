"""The proofs of the S3 endpoint that take too long for the tests: `.ci/s3` runs them.

    python proof.py --devmedia target/debug/devmedia kill parallel gigabyte
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from devmedia import ACCESS_KEY, SECRET_KEY, Endpoint, running, start

MIB = 1024 * 1024


def client(url: str, **options: Any) -> Any:
    """A boto3 client that asks once."""
    config = Config(retries={"total_max_attempts": 1}, max_pool_connections=64, read_timeout=120, **options)
    keys = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY}
    return boto3.client("s3", endpoint_url=url, region_name="us-east-1", config=config, **keys)


def content(number: int, size: int) -> bytes:
    """Bytes that differ by number and at every offset."""
    return random.Random(number).randbytes(size)


def expect(found: Any, wanted: Any, what: str) -> None:
    """Ends the proof unless both are equal."""
    if found != wanted:
        raise SystemExit(f"FAILED {what}: {found!r}, not {wanted!r}")


def visible(folder: Path) -> dict[str, bytes]:
    """The files of the bucket, without devmedia's own."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    names = {path: str(path.relative_to(folder)) for path in paths}
    return {name: path.read_bytes() for path, name in names.items() if "devmedia-" not in name}


def put(s3: Any, key: str, body: bytes) -> None:
    """One PUT."""
    s3.put_object(Bucket="media", Key=key, Body=body)


def in_parts(s3: Any, key: str, body: bytes) -> None:
    """A multipart upload of two parts and its completion."""
    upload = s3.create_multipart_upload(Bucket="media", Key=key)["UploadId"]
    parts = []
    for number, part in enumerate((body[: 5 * MIB], body[5 * MIB :]), 1):
        given = {"Bucket": "media", "Key": key, "UploadId": upload, "PartNumber": number}
        parts.append({"PartNumber": number, "ETag": s3.upload_part(**given, Body=part)["ETag"]})
    s3.complete_multipart_upload(Bucket="media", Key=key, UploadId=upload, MultipartUpload={"Parts": parts})


def kill(binary: str, rounds: int) -> None:
    """kill -9 at any moment of an upload: only whole objects, and what was acknowledged is there."""
    bodies = [content(number, 6 * MIB) for number in range(rounds)]
    acknowledged: dict[str, int] = {}
    pauses = random.Random(13)
    spans: dict[Callable[..., None], float] = {}
    with TemporaryDirectory(prefix="devmedia-kill-") as directory:
        folder = Path(directory)
        # how long both kinds of upload take, so that kills spread over them
        with running(binary, folder) as endpoint:
            for store in (put, in_parts):
                began = time.monotonic()
                store(client(endpoint.url), "first.bin", bodies[0])
                spans[store] = time.monotonic() - began
        for number, body in enumerate(bodies):
            endpoint = start(binary, folder)
            store = in_parts if number % 2 else put
            key = "same.bin" if number % 3 == 0 else f"{number}.bin"

            def upload(store=store, key=key, body=body, number=number, url=endpoint.url) -> None:
                with suppress(ClientError, BotoCoreError):
                    store(client(url), key, body)
                    acknowledged[key] = number

            thread = threading.Thread(target=upload)
            thread.start()
            time.sleep(pauses.uniform(0, 1.3) * spans[store])
            endpoint.process.kill()
            endpoint.process.wait()
            thread.join()
        digests = {hashlib.sha256(body).digest(): number for number, body in enumerate(bodies)}
        found = visible(folder / "media")
        for key, stored in found.items():
            expect(hashlib.sha256(stored).digest() in digests, True, f"{key} of {len(stored)} bytes is whole")
        for key, number in acknowledged.items():
            expect(key in found, True, f"the acknowledged {key} is there")
            if key != "same.bin":
                expect(digests[hashlib.sha256(found[key]).digest()], number, f"{key} is what was acknowledged")
        with running(binary, folder) as endpoint:
            s3 = client(endpoint.url)
            listed = [entry["Key"] for entry in s3.list_objects_v2(Bucket="media").get("Contents", [])]
            expect(sorted(listed), sorted(found), "the listing and the folder")
            for key in listed:
                got = s3.get_object(Bucket="media", Key=key)
                expect(got["Body"].read() == found[key], True, f"GET of {key}")
        print(f"kill -9: {rounds} rounds, {len(acknowledged)} keys acknowledged, {len(found)} objects, all whole")


def parallel(endpoint: Endpoint, count: int) -> None:
    """Many parallel PUTs of one key: the object is one of them, whole, with its own ETag and metadata."""
    s3 = client(endpoint.url)
    bodies = [content(number, 64 * 1024 + number) for number in range(count)]
    digests = {hashlib.md5(body, usedforsecurity=False).hexdigest(): number for number, body in enumerate(bodies)}
    stop = threading.Event()
    mixed: list[str] = []

    def read() -> None:
        while not stop.is_set():
            with suppress(s3.exceptions.NoSuchKey):
                got = s3.get_object(Bucket="media", Key="one")
                body = got["Body"].read()
                of = (hashlib.md5(body, usedforsecurity=False).hexdigest(), got["Metadata"].get("number"))
                if got["ETag"] != f'"{of[0]}"' or str(digests.get(of[0])) != of[1]:
                    mixed.append(f"{len(body)} bytes, {got['ETag']}, {of}")

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()

    def store(number: int) -> None:
        s3.put_object(Bucket="media", Key="one", Body=bodies[number], Metadata={"number": str(number)})

    with ThreadPoolExecutor(50) as pool:
        list(pool.map(store, range(count)))
    stop.set()
    for reader in readers:
        reader.join()
    expect(mixed[:3], [], "answers that mix two objects")
    expect(len(visible(endpoint.media)), 1, "files afterwards")
    left = [path for path in endpoint.media.rglob(".devmedia-*/**/*") if path.is_file()]
    expect([path for path in left if path.stat().st_size > 60_000], [], "half files left behind")
    s3.delete_object(Bucket="media", Key="one")
    print(f"{count} parallel PUTs of one key: one whole object at every moment")


class Stream:
    """A file of random bytes that is never held in memory; hashes what is read."""

    def __init__(self, size: int) -> None:
        self.left, self.block, self.hash = size, os.urandom(MIB), hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        size = min(self.left, MIB if size < 0 else size)
        piece = (self.block * (size // MIB + 1))[:size]
        self.left -= size
        self.hash.update(piece)
        return piece


class Sink:
    """A file that only hashes what is written."""

    def __init__(self) -> None:
        self.hash, self.size = hashlib.sha256(), 0

    def write(self, piece: bytes) -> int:
        """Takes the next bytes."""
        self.hash.update(piece)
        self.size += len(piece)
        return len(piece)


def peak_memory(pid: int) -> int:
    """Peak resident bytes of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def gigabyte(endpoint: Endpoint, size: int) -> None:
    """A large object in parts and back: the same bytes, in constant memory."""
    s3 = client(endpoint.url)
    config = TransferConfig(multipart_chunksize=16 * MIB, max_concurrency=4)
    source: BinaryIO = Stream(size)  # type: ignore[assignment]
    began = time.monotonic()
    s3.upload_fileobj(source, "media", "large.bin", Config=config)
    put_seconds = time.monotonic() - began
    sink = Sink()
    began = time.monotonic()
    for piece in s3.get_object(Bucket="media", Key="large.bin")["Body"].iter_chunks(MIB):
        sink.write(piece)
    get_seconds = time.monotonic() - began
    expect((sink.size, sink.hash.digest() == source.hash.digest()), (size, True), "the content")  # type: ignore[attr-defined]
    expect((endpoint.media / "large.bin").stat().st_size, size, "the file")
    memory = peak_memory(endpoint.process.pid)
    expect(memory < 96 * MIB, True, f"peak memory of {memory / MIB:.0f} MiB is below 96 MiB")
    s3.delete_object(Bucket="media", Key="large.bin")
    said = f"{size // MIB} MiB: put in parts in {put_seconds:.1f} s, got in {get_seconds:.1f} s"
    print(f"{said}, peak memory {memory / MIB:.0f} MiB")


def main() -> int:
    """Runs the proofs that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devmedia", required=True, type=Path)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--puts", type=int, default=200)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("proofs", nargs="+", choices=["kill", "parallel", "gigabyte"])
    options = parser.parse_args()
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    binary = str(options.devmedia.resolve())
    if "kill" in options.proofs:
        kill(binary, options.kills)
    with TemporaryDirectory(prefix="devmedia-s3-") as directory, running(binary, Path(directory)) as endpoint:
        if "parallel" in options.proofs:
            parallel(endpoint, options.puts)
        if "gigabyte" in options.proofs:
            gigabyte(endpoint, options.mib * MIB)
    return 0


if __name__ == "__main__":
    sys.exit(main())
