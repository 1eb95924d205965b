"""Running wrk, and what it cost the server."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from tempfile import NamedTemporaryFile

from processes import cpu_seconds, pinned
from servers import HERE, Running, program


class Unreliable(Exception):
    """A measurement had errors, or was too short."""


@dataclass(frozen=True)
class Seen:
    """What wrk reports about a run."""

    seconds: float
    requests: int
    #: All bytes that wrk read, response headers included.
    bytes: int
    p99: float
    socket_errors: int
    #: Responses with a status of 400 or more.
    status_errors: int

    def require(self, status: int = 200) -> None:
        """Raise Unreliable unless all requests were answered with this kind of status."""
        if self.socket_errors:
            raise Unreliable(f"{self.socket_errors} socket errors")
        if not self.requests:
            raise Unreliable("no request was completed")
        # wrk counts every status from 400 on as an error, but not 304.
        expected = self.requests if status >= 400 else 0
        if self.status_errors != expected:
            raise Unreliable(f"{self.status_errors} of {self.requests} responses have status 400 or more")


@dataclass(frozen=True)
class Wrk:
    """wrk with one thread, pinned to the client's CPU."""

    path: str
    cpu: int

    @classmethod
    def find(cls, cpu: int) -> Wrk:
        """The installed wrk; raises NotFound if there is none."""
        return cls(program("wrk", "apt-get install wrk"), cpu)

    def run(
        self,
        url: str,
        seconds: int,
        connections: int,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
        targets: Sequence[str] = (),
    ) -> Seen:
        """Load the server of the URL: with requests for it, or for the targets in turn."""
        with NamedTemporaryFile("w", prefix="targets-") as file:
            script, arguments = "wrk_report.lua", []
            if targets:
                file.write("\n".join(targets))
                file.flush()
                script, arguments = "wrk_targets.lua", ["--", method, file.name]
            command = [
                self.path,
                "--threads=1",
                f"--connections={connections}",
                f"--duration={seconds}s",
                # Longer than the run: a slow response is not an error.
                f"--timeout={seconds + 60}s",
                f"--script={HERE / script}",
                *(f"--header={name}: {value}" for name, value in (headers or {}).items()),
                url,
                *arguments,
            ]
            done = subprocess.run(
                pinned(self.cpu, command), stdin=subprocess.DEVNULL, capture_output=True, text=True
            )
        if done.returncode:
            raise Unreliable(f"wrk failed: {done.stderr.strip() or done.stdout.strip()}")
        return Seen(**json.loads(done.stdout.splitlines()[-1]))


def per_cpu_second(live: Running, work: Callable[[], float]) -> float:
    """Do work that returns its amount; return the amount for each CPU second of the server."""
    before = cpu_seconds(live.pid)
    amount = work()
    used = cpu_seconds(live.pid) - before
    if used <= 0:
        raise Unreliable("the server used no CPU time")
    return amount / used
