"""Alternating rounds: every server is measured once in each, so that a slow minute affects all alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from load import Unreliable
from options import SUBJECT, log
from report import NOT_APPLICABLE, Table, number
from servers import NotStarted, Running, Server, running
from workloads import WrongResponse


@dataclass
class Figures:
    """One figure per round, by the names of the row and the column."""

    values: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    #: Why a figure is missing.
    reasons: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, row: str, column: str, value: float) -> None:
        """Note a figure."""
        self.values.setdefault((row, column), []).append(value)

    def middle(self, row: str, column: str) -> float | None:
        """The median of the rounds, or None if there is no figure."""
        values = self.values.get((row, column))
        return median(values) if values else None

    def spread(self, row: str) -> float:
        """The largest spread in a row: half the range of the rounds, divided by their median."""
        spreads = [
            (max(values) - min(values)) / 2 / median(values)
            for (name, _), values in self.values.items()
            if name == row and median(values)
        ]
        return max(spreads, default=0.0)

    def notes(self) -> list[str]:
        """Why figures are missing."""
        columns: dict[tuple[str, str], list[str]] = {}
        for (row, column), reason in self.reasons.items():
            columns.setdefault((row, reason), []).append(column)
        return [f"{row}, {', '.join(names)}: {reason}" for (row, reason), names in columns.items()]

    def table(
        self,
        corner: str,
        rows: Sequence[str],
        columns: Sequence[str],
        shown: Callable[[float], str] = number,
        subject: Callable[[str], str] = lambda _row: SUBJECT,
    ) -> Table:
        """Rows of medians; in parentheses the figure of the row's subject divided by it."""
        lines = []
        for row in rows:
            cells = [self.cell(row, column, shown, subject(row)) for column in columns]
            lines.append([row, *cells, f"{self.spread(row):.0%}"])
        return Table([corner, *columns, "±"], lines)

    def cell(self, row: str, column: str, shown: Callable[[float], str], subject: str) -> str:
        """A median, and the subject's divided by it."""
        value, own = self.middle(row, column), self.middle(subject, column)
        if value is None:
            return NOT_APPLICABLE
        ratio = f" ({own / value:.2f}×)" if own and value and row != subject else ""
        return shown(value) + ratio


@dataclass(frozen=True)
class Column:
    """A workload."""

    name: str
    measure: Callable[[Server, Running], float]


def alternate(
    servers: Sequence[Server],
    columns: Sequence[Column],
    rounds: int,
    root: Path,
    cpu: Callable[[Server], int | str],
) -> Figures:
    """Measure everything once in each round, with fresh servers; every other round goes backwards."""
    figures = Figures()
    for turn in range(1, rounds + 1):
        with ExitStack() as stack:
            live: dict[str, Running] = {}
            for server in servers:
                try:
                    live[server.name] = stack.enter_context(running(server, root, cpu(server)))
                except NotStarted as error:
                    for column in columns:
                        figures.reasons[server.name, column.name] = str(error)
            order = servers if turn % 2 else servers[::-1]
            for column in columns:
                for server in order:
                    key = (server.name, column.name)
                    if key in figures.reasons or server.name not in live:
                        continue
                    head = f"round {turn}/{rounds}  {column.name:<18} {server.name:<20}"
                    try:
                        value = column.measure(server, live[server.name])
                    except WrongResponse as error:
                        figures.reasons[key] = str(error)
                        log(f"{head} not measured: {error}")
                    except Unreliable as error:
                        log(f"{head} dropped: {error}")
                        if turn == rounds and key not in figures.values:
                            figures.reasons[key] = str(error)
                    else:
                        figures.add(*key, value)
                        log(f"{head} {number(value):>12}")
    return figures
