"""Measuring: one server, one workload, a few seconds of wrk."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from load import Unreliable, Wrk
from processes import Cpus, cpu_seconds, peak_memory
from servers import NotStarted, Running, Server, running
from workloads import MIB, Checked, Unit, Workload, WrongResponse, check


@dataclass(frozen=True)
class Sample:
    """The results of one run of wrk, and their cost to the server."""

    seconds: float
    requests: int
    #: All bytes that wrk read, response headers included.
    bytes_read: int
    p99_seconds: float
    cpu_seconds: float
    peak_memory: int

    def per_cpu_second(self, unit: Unit) -> float:
        """Requests or MiB for each second of CPU time that the server used."""
        return self.amount(unit) / self.cpu_seconds

    def per_second(self, unit: Unit) -> float:
        """Requests or MiB for each second of wall-clock time."""
        return self.amount(unit) / self.seconds

    def amount(self, unit: Unit) -> float:
        """Requests or MiB of the whole run."""
        return self.requests if unit is Unit.REQUESTS else self.bytes_read / MIB


@dataclass
class Cell:
    """All results of one server under one workload."""

    samples: list[Sample] = field(default_factory=list)
    keeps_alive: bool = True
    #: Why there are no samples.
    wrong: str | None = None
    #: Why there are fewer samples than rounds.
    dropped: list[str] = field(default_factory=list)

    def median(self, value: Callable[[Sample], float]) -> float:
        """The median of a figure over the rounds."""
        return median(map(value, self.samples))


#: The results, by the names of the workload and the server.
Results = dict[tuple[str, str], Cell]


@dataclass(frozen=True)
class Bench:
    """The settings that all measurements share."""

    wrk: Wrk
    root: Path
    media: Path
    cpus: Cpus
    seconds: int

    def run(self, workloads: Sequence[Workload], servers: Sequence[Server], rounds: int) -> Results:
        """Measure everything once per round, so that a slow minute affects all servers alike."""
        results: Results = {
            (workload.name, server.name): Cell() for workload in workloads for server in servers
        }
        for number in range(1, rounds + 1):
            for workload in workloads:
                for server in servers:
                    cell = results[workload.name, server.name]
                    if cell.wrong is None:
                        said = self.add_sample(cell, workload, server)
                        head = f"round {number}/{rounds}  {workload.name:<6}"
                        print(f"{head} {server.name:<18} {said}", file=sys.stderr)
        return results

    def add_sample(self, cell: Cell, workload: Workload, server: Server) -> str:
        """Measure once more, or note why not; return a line about it."""
        try:
            with running(server, self.root, self.cpus.server) as live:
                checked = check(workload, live.port, self.media)
                sample = self.measure(workload, live, checked)
        except (NotStarted, WrongResponse) as error:
            cell.samples.clear()
            cell.wrong = str(error)
            return f"not measured: {error}"
        except Unreliable as error:
            cell.dropped.append(str(error))
            return f"dropped: {error}"
        cell.keeps_alive = cell.keeps_alive and checked.keeps_alive
        cell.samples.append(sample)
        return f"{sample.per_cpu_second(workload.unit):12,.0f} {workload.unit.value}/CPU s"

    def measure(self, workload: Workload, live: Running, checked: Checked) -> Sample:
        """Run wrk once against a server that was checked a moment ago."""
        url = f"http://127.0.0.1:{live.port}{workload.path}"
        before = cpu_seconds(live.pid)
        seen = self.wrk.run(url, self.seconds, workload.connections, checked.headers)
        used = cpu_seconds(live.pid) - before
        seen.require(workload.status)
        if seen.bytes < seen.requests * workload.length:
            raise Unreliable(f"{seen.requests} responses in only {seen.bytes} bytes")
        if not used:
            raise Unreliable("the server used no CPU time")
        return Sample(
            seconds=seen.seconds,
            requests=seen.requests,
            bytes_read=seen.bytes,
            p99_seconds=seen.p99,
            cpu_seconds=used,
            peak_memory=peak_memory(live.pid),
        )


def unmeasured(results: Results, servers: Collection[str]) -> bool:
    """Whether any of these servers has no sample for some workload."""
    return any(not cell.samples for (_, name), cell in results.items() if name in servers)
