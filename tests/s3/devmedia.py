"""devmedia with its S3 endpoint, for the proofs that take too long for the tests."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ACCESS_KEY = SECRET_KEY = "devmedia"


@dataclass
class Endpoint:
    """A running devmedia and its S3 endpoint."""

    process: subprocess.Popen[bytes]
    url: str
    #: The folder of the bucket `media`.
    media: Path


def start(binary: str, folder: Path, *arguments: str) -> Endpoint:
    """Starts devmedia on free ports with the bucket `media`, and a folder of other buckets."""
    media, buckets, log = folder / "media", folder / "buckets", folder / "log"
    for each in (media, buckets):
        each.mkdir(exist_ok=True)
    command = [binary, "--debug", "--no-config", "--listen", "127.0.0.1:0", "--root", str(media), "--upload"]
    command += ["--max-upload", "1TiB", "--s3=127.0.0.1:0", "--s3-buckets", str(buckets), *arguments]
    keys = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
    with open(log, "wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=os.environ | keys, cwd=folder)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        text = log.read_text()
        if found := re.search(r"AWS_ENDPOINT_URL_S3=(http://[^\s\"\\]+)", text):
            return Endpoint(process, found[1].rstrip("/"), media)
        time.sleep(0.005)
    process.kill()
    raise SystemExit(f"devmedia does not start: {log.read_text()}")


@contextmanager
def running(binary: str, folder: Path, *arguments: str) -> Iterator[Endpoint]:
    """The same; stopped at the end."""
    endpoint = start(binary, folder, *arguments)
    try:
        yield endpoint
    finally:
        endpoint.process.kill()
        endpoint.process.wait()
