"""The tables: for a terminal, or in Markdown for README.md."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from measuring import Cell, Results
from processes import Cpus
from servers import Server
from workloads import MIB, Unit, Workload

CLOSES = "†"
NOT_APPLICABLE = "n/a"


@dataclass(frozen=True)
class Table:
    """Rows of text below a header; the first column has names, the others numbers."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def plain(self) -> str:
        """The table with its columns lined up."""
        widths = [max(map(len, column)) for column in zip(self.header, *self.rows, strict=True)]
        rule = ["-" * width for width in widths]
        return "\n".join(
            "  ".join(
                text.rjust(width) if index else text.ljust(width)
                for index, (text, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in (self.header, rule, *self.rows)
        )

    def markdown(self) -> str:
        """The table in Markdown."""
        rule = ["---", *("---:" for _ in self.header[1:])]
        return "\n".join(f"| {' | '.join(row)} |" for row in (self.header, rule, *self.rows))


@dataclass(frozen=True)
class Report:
    """All results, ready to be printed."""

    workloads: Sequence[Workload]
    servers: Sequence[Server]
    results: Results
    rounds: int
    seconds: int
    cpus: Cpus
    wrk_version: str
    #: The name of the server that the others are compared with, if it is there.
    subject: str | None
    #: Notes about servers that are not installed.
    missing: Sequence[str] = ()
    #: Print only the summary, as a part of the output of `benches/peers/all`.
    part: bool = False

    def plain(self) -> str:
        """The report for a terminal."""
        parts = ["\n".join(self.circumstances())]
        for workload in self.workloads:
            parts.append(f"{workload.title}, {workload.connections} connections")
            parts.append(self.details(workload).plain())
        parts += [self.summary_title(), self.summary().plain(), *self.notes()]
        return "\n\n".join(parts)

    def markdown(self) -> str:
        """The report in Markdown: the summary, and the details in a collapsed section."""
        parts = [f"{self.summary_title()}.", self.summary().markdown(), *self.notes()]
        parts.append("\n".join(f"- {line}" for line in self.circumstances()))
        if self.part:
            return "\n\n".join(parts)
        parts.append("<details><summary>Every figure</summary>")
        for workload in self.workloads:
            parts.append(f"{workload.title}, {workload.connections} connections:")
            parts.append(self.details(workload).markdown())
        parts.append("</details>")
        return "\n\n".join(parts)

    def circumstances(self) -> list[str]:
        """The place, date and programs of the measurement."""
        versions = ", ".join(f"{server.name} {server.version}" for server in self.servers)
        client = f"wrk {self.wrk_version}"
        return [
            *([] if self.part else machine()),
            f"Versions: {versions}",
            f"Method: median of {self.rounds} interleaved rounds of {self.seconds} s; each "
            f"server with one worker on CPU {self.cpus.server}, {client} on CPU {self.cpus.client}",
        ]

    def summary_title(self) -> str:
        """The meaning of the numbers in the summary."""
        compared = f"; in parentheses {self.subject} ÷ that server" if self.subject else ""
        return f"Requests or MiB per CPU second of the server{compared}"

    def summary(self) -> Table:
        """Servers by workloads: the output of each per second of CPU time."""
        columns = [f"{workload.name}, {workload.unit.value}" for workload in self.workloads]
        rows = []
        for server in self.servers:
            cells = [self.results[workload.name, server.name] for workload in self.workloads]
            row = [server.name]
            for workload, cell in zip(self.workloads, cells, strict=True):
                ratio = self.ratio(workload, server.name)
                compared = f" ({ratio})" if ratio else ""
                row.append(efficiency(cell, workload.unit) + compared)
            row.append(memory(max((peak(cell) for cell in cells if cell.samples), default=0.0)))
            rows.append(row)
        return Table(["server", *columns, "peak memory"], rows)

    def details(self, workload: Workload) -> Table:
        """Every figure of one workload."""
        header = ["server", "req/CPU s", "MiB/CPU s", "±", "req/s", "MiB/s", "p99", "CPU", "memory"]
        if self.subject:
            header.append(f"{self.subject} ÷ it")
        rows = []
        for server in self.servers:
            cell = self.results[workload.name, server.name]
            row = [server.name, *figures(cell, workload.unit)]
            if self.subject:
                row.append(self.ratio(workload, server.name))
            rows.append(row)
        return Table(header, rows)

    def ratio(self, workload: Workload, name: str) -> str:
        """The subject's amount per CPU second over another server's; empty if there is none."""
        if self.subject is None or name == self.subject:
            return ""
        subject, other = (self.results[workload.name, who] for who in (self.subject, name))
        if not subject.samples or not other.samples:
            return ""
        upper, lower = (
            cell.median(lambda sample: sample.per_cpu_second(workload.unit))
            for cell in (subject, other)
        )
        return f"{upper / lower:.2f}×"

    def notes(self) -> list[str]:
        """Notes that do not fit into the tables, as one paragraph or none."""
        where: dict[tuple[str, str], list[str]] = {}
        for (workload, server), cell in self.results.items():
            reasons = [f"a round was dropped: {reason}" for reason in cell.dropped]
            if cell.wrong:
                reasons.append(f"{NOT_APPLICABLE}: {cell.wrong}")
            for reason in reasons:
                where.setdefault((server, reason), []).append(workload)
        lines = [
            f"{server}, {' and '.join(workloads)}: {reason}"
            for (server, reason), workloads in where.items()
        ]
        lines += self.missing
        if not all(cell.keeps_alive for cell in self.results.values()):
            lines.append(f"{CLOSES} closes the connection after each response")
        return ["\n".join(f"- {line}" for line in lines)] if lines else []


def figures(cell: Cell, unit: Unit) -> list[str]:
    """One row of the details, without the server's name and the ratio."""
    if not cell.samples:
        return [NOT_APPLICABLE, *[""] * 7]
    return [
        efficiency(cell, Unit.REQUESTS),
        efficiency(cell, Unit.MIB),
        f"{spread(cell, unit):.0%}",
        number(cell.median(lambda sample: sample.per_second(Unit.REQUESTS))),
        number(cell.median(lambda sample: sample.per_second(Unit.MIB))),
        milliseconds(cell.median(lambda sample: sample.p99_seconds)),
        f"{cell.median(lambda sample: sample.cpu_seconds / sample.seconds):.0%}",
        memory(peak(cell)),
    ]


def efficiency(cell: Cell, unit: Unit) -> str:
    """The median amount per CPU second, marked if the server closes connections."""
    if not cell.samples:
        return NOT_APPLICABLE
    mark = "" if cell.keeps_alive else CLOSES
    return number(cell.median(lambda sample: sample.per_cpu_second(unit))) + mark


def spread(cell: Cell, unit: Unit) -> float:
    """The spread of the rounds: half of their range, divided by their median."""
    values = [sample.per_cpu_second(unit) for sample in cell.samples]
    middle = cell.median(lambda sample: sample.per_cpu_second(unit))
    return (max(values) - min(values)) / 2 / middle if middle else 0.0


def peak(cell: Cell) -> float:
    """The median of the peak resident memory, in bytes."""
    return cell.median(lambda sample: sample.peak_memory)


def number(value: float) -> str:
    """A number with at least three significant digits, or a dash for 0."""
    if not value:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def milliseconds(seconds: float) -> str:
    """A latency; wrk reports 0 if no request was completed."""
    return f"{seconds * 1000:.2f} ms" if seconds else "-"


def memory(value: float) -> str:
    """An amount of memory."""
    return f"{value / MIB:.1f} MiB" if value else "-"


def machine() -> list[str]:
    """The machine and the date."""
    load = os.getloadavg()[0]
    busy = f" (the machine was not quiet: load average {load:.1f})" if load > 2 else ""
    return [
        f"Machine: {cpu_model()}, {os.cpu_count()} CPUs, Linux {platform.release()}",
        f"Date: {datetime.date.today().isoformat()}{busy}",
    ]


def cpu_model() -> str:
    """The name of the CPU."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.machine()
