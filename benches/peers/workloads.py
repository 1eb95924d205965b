"""The requests that every server gets, and a check that it responds correctly."""

from __future__ import annotations

import http.client
import os
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

KIB = 1024
MIB = 1024 * KIB

#: Every server serves these files below this path.
URL_PREFIX = "/media/"

FILES = {
    "4KiB.jpg": 4 * KIB,
    "64KiB.jpg": 64 * KIB,
    "1MiB.jpg": 1 * MIB,
    "200MiB.mp4": 200 * MIB,
}

#: Folders of this many empty files, named by the number.
FOLDERS = (1_000, 100_000)


class WrongResponse(Exception):
    """A server does not respond to a workload as it should."""


class Unit(Enum):
    """What a workload measures: the number of responses, or their bytes."""

    REQUESTS = "req"
    MIB = "MiB"


@dataclass(frozen=True)
class Workload:
    """One kind of request, sent over and over on a few kept-alive connections."""

    name: str
    title: str
    file: str
    unit: Unit
    status: int = 200
    connections: int = 16
    #: First byte and length of the requested range, or None for the whole file.
    range: tuple[int, int] | None = None
    #: Send the validator that the server returned before.
    conditional: bool = False

    @property
    def path(self) -> str:
        """The path of the URL."""
        return URL_PREFIX + self.file

    @property
    def length(self) -> int:
        """The number of bytes in the body of a correct response (0: any number)."""
        if self.status in (304, 404):
            return 0
        return self.range[1] if self.range else FILES[self.file]

    def headers(self, connection: http.client.HTTPConnection) -> dict[str, str]:
        """The headers to send; asks the server for its validator if they contain one."""
        if self.range:
            first, length = self.range
            return {"Range": f"bytes={first}-{first + length - 1}"}
        if self.conditional:
            return validator(connection, self.path)
        return {}


WORKLOADS = (
    Workload("4k", "4 KiB file", "4KiB.jpg", Unit.REQUESTS),
    Workload("64k", "64 KiB file", "64KiB.jpg", Unit.REQUESTS),
    Workload("1m", "1 MiB file", "1MiB.jpg", Unit.MIB),
    Workload("200m", "200 MiB file", "200MiB.mp4", Unit.MIB, connections=4),
    Workload(
        "range",
        "1 MiB range of the 200 MiB file",
        "200MiB.mp4",
        Unit.MIB,
        status=206,
        range=(100 * MIB + 1, MIB),
    ),
    Workload("304", "304 response", "4KiB.jpg", Unit.REQUESTS, status=304, conditional=True),
    Workload("404", "404 response", "missing.jpg", Unit.REQUESTS, status=404),
    *(
        Workload(
            f"404-{count}",
            f"404 response in a folder of {count:,} files",
            f"{count}/missing.jpg",
            Unit.REQUESTS,
            status=404,
        )
        for count in FOLDERS
    ),
)


@dataclass(frozen=True)
class Checked:
    """A workload to which a server responded correctly."""

    headers: dict[str, str]
    keeps_alive: bool


def make_files(directory: Path) -> None:
    """Fill the directory with the files, of random bytes, and leave them in the page cache.

    They are synced, so that no write-back happens while servers are measured, and
    every check reads them again.
    """
    directory.mkdir(parents=True)
    for name, size in FILES.items():
        with open(directory / name, "wb") as file:
            for start in range(0, size, MIB):
                file.write(os.urandom(min(MIB, size - start)))
            file.flush()
            os.fsync(file.fileno())
    for count in FOLDERS:
        folder = directory / str(count)
        folder.mkdir()
        for number in range(count):
            (folder / f"IMG_{number:06}.jpg").touch()
    os.sync()


def check(workload: Workload, port: int, directory: Path) -> Checked:
    """Send two requests on one connection; raise WrongResponse unless both responses are correct."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        headers = workload.headers(connection)
        keeps_alive = True
        for _ in range(2):
            connection.request("GET", workload.path, headers=headers)
            response = connection.getresponse()
            keeps_alive = keeps_alive and not response.will_close
            compare(workload, response, directory)
        return Checked(headers, keeps_alive)
    except (OSError, http.client.HTTPException) as error:
        raise WrongResponse(f"the connection failed: {error!r}") from error
    finally:
        connection.close()


def compare(workload: Workload, response: http.client.HTTPResponse, directory: Path) -> None:
    """Raise WrongResponse unless the response has the right status and bytes."""
    if response.status != workload.status:
        raise WrongResponse(f"status {response.status}, not {workload.status}")
    if not workload.length:
        body = response.read()
        if workload.status == 304 and body:
            raise WrongResponse(f"304 with a body of {len(body)} bytes")
        return
    # Without a Content-Length (chunked), wrk would be parsing chunks: another workload.
    if response.length != workload.length:
        raise WrongResponse(f"Content-Length {response.length}, not {workload.length}")
    with open(directory / workload.file, "rb") as file:
        if workload.range:
            file.seek(workload.range[0])
        remaining = workload.length
        while remaining:
            expected = file.read(min(MIB, remaining))
            if response.read(len(expected)) != expected:
                raise WrongResponse("the body differs from the file")
            remaining -= len(expected)
    response.read()  # Nothing is left; this makes the connection reusable.


def validator(connection: http.client.HTTPConnection, path: str) -> dict[str, str]:
    """The header of a conditional request, with the validator from the server's own response."""
    connection.request("GET", path)
    response = connection.getresponse()
    response.read()
    if etag := response.getheader("ETag"):
        return {"If-None-Match": etag}
    if modified := response.getheader("Last-Modified"):
        return {"If-Modified-Since": modified}
    raise WrongResponse("the server sends neither ETag nor Last-Modified")
