"""What is asked of every server, and how to tell that it was answered rightly."""

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


class WrongAnswer(Exception):
    """A server does not answer a workload as the workload needs."""


class Unit(Enum):
    """What a workload is mostly about: the number of answers, or their bytes."""

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
    #: First byte and length of the range asked for, or None for the whole file.
    span: tuple[int, int] | None = None
    #: Ask with the validator that the server gave before.
    conditional: bool = False

    @property
    def path(self) -> str:
        """The path of the URL."""
        return URL_PREFIX + self.file

    @property
    def length(self) -> int:
        """The number of bytes in the body of a right answer (0: whatever it is)."""
        if self.status in (304, 404):
            return 0
        return self.span[1] if self.span else FILES[self.file]

    def headers(self, connection: http.client.HTTPConnection) -> dict[str, str]:
        """The headers to send; asks the server for its validator if they need one."""
        if self.span:
            first, length = self.span
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
        span=(100 * MIB + 1, MIB),
    ),
    Workload("304", "304 answer", "4KiB.jpg", Unit.REQUESTS, status=304, conditional=True),
    Workload("404", "404 answer", "missing.jpg", Unit.REQUESTS, status=404),
)


@dataclass(frozen=True)
class Checked:
    """A workload that a server was seen to answer rightly."""

    headers: dict[str, str]
    keeps_alive: bool


def make_files(directory: Path) -> None:
    """Fill the directory with the files, of random bytes, and leave them in the page cache.

    They are synced, so that no write-back goes on while servers are measured; and
    every check reads them again.
    """
    directory.mkdir(parents=True)
    for name, size in FILES.items():
        with open(directory / name, "wb") as file:
            for start in range(0, size, MIB):
                file.write(os.urandom(min(MIB, size - start)))
            file.flush()
            os.fsync(file.fileno())


def check(workload: Workload, port: int, directory: Path) -> Checked:
    """Ask twice on one connection; raise WrongAnswer unless both answers are right."""
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
        raise WrongAnswer(f"the connection failed: {error!r}") from error
    finally:
        connection.close()


def compare(workload: Workload, response: http.client.HTTPResponse, directory: Path) -> None:
    """Raise WrongAnswer unless the answer has the status and the bytes it should have."""
    if response.status != workload.status:
        raise WrongAnswer(f"answers {response.status}, not {workload.status}")
    if not workload.length:
        body = response.read()
        if workload.status == 304 and body:
            raise WrongAnswer(f"304 with a body of {len(body)} bytes")
        return
    # Without a Content-Length (chunked), wrk would be parsing chunks: another workload.
    if response.length != workload.length:
        raise WrongAnswer(f"Content-Length {response.length}, not {workload.length}")
    with open(directory / workload.file, "rb") as file:
        if workload.span:
            file.seek(workload.span[0])
        remaining = workload.length
        while remaining:
            expected = file.read(min(MIB, remaining))
            if response.read(len(expected)) != expected:
                raise WrongAnswer("the body has other bytes than the file")
            remaining -= len(expected)
    response.read()  # Nothing is left; this lets the connection be used again.


def validator(connection: http.client.HTTPConnection, path: str) -> dict[str, str]:
    """The header of a conditional request, from the validator in the server's own answer."""
    connection.request("GET", path)
    response = connection.getresponse()
    response.read()
    if etag := response.getheader("ETag"):
        return {"If-None-Match": etag}
    if modified := response.getheader("Last-Modified"):
        return {"If-Modified-Since": modified}
    raise WrongAnswer("sends neither ETag nor Last-Modified")
