"""What the scripts share: their options, the servers to compare, and their output."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType

from report import Table, machine
from servers import REPOSITORY, NotFound, Server, devmedia

SUBJECT = "devmedia"
BASELINE = "baseline"


def parser(description: str | None, rounds: int = 5, seconds: int | None = None) -> argparse.ArgumentParser:
    """A parser with the options that all scripts have; `seconds` is the default of each run."""
    made = argparse.ArgumentParser(description=description)
    add = made.add_argument
    add("--devmedia", type=Path, metavar="PATH", help="default: target/release/devmedia")
    add("--baseline", type=Path, metavar="PATH", help="a second build, for comparison")
    add("--rounds", type=positive, default=rounds, metavar="N", help="default: %(default)s")
    if seconds:
        add("--seconds", type=positive, default=seconds, metavar="N", help="of each run; default: %(default)s")
    add("--markdown", action="store_true", help="print the tables in Markdown")
    # For benches/peers/all, which prints the machine once.
    add("--part", action="store_true", help=argparse.SUPPRESS)
    return made


def positive(text: str) -> int:
    """Parse a positive integer."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not a positive number")
    return number


def some_of(known: Sequence[str]) -> Callable[[str], list[str]]:
    """Return a parser for a list of known names, separated by commas."""

    def parse(text: str) -> list[str]:
        names = text.split(",")
        if strange := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(strange)}; use {', '.join(known)}")
        return names

    return parse


def builds(
    options: argparse.Namespace, make: Callable[[Path, str], Server] = devmedia
) -> list[Server]:
    """The build of devmedia to measure, and the one to compare it with; ends if one is missing."""
    paths = {SUBJECT: options.devmedia or REPOSITORY / "target/release/devmedia"}
    if options.baseline:
        paths[BASELINE] = options.baseline
    try:
        return [make(path, name) for name, path in paths.items()]
    except NotFound as error:
        raise SystemExit(str(error)) from error


def installed(peers: Mapping[str, Callable[[], Server]]) -> tuple[list[Server], list[str]]:
    """The other servers that are installed, and a note about each that is not."""
    servers, missing = [], []
    for name, find in peers.items():
        try:
            servers.append(find())
        except NotFound as error:
            missing.append(f"{name} is not installed: {error}")
            log(f"skipped: {missing[-1]}")
    return servers, missing


def required(find: Callable[[], Server]) -> Server:
    """A server that the benchmark cannot do without."""
    try:
        return find()
    except NotFound as error:
        raise SystemExit(f"a program is missing: {error}") from error


def log(text: str) -> None:
    """Print progress on stderr; stdout is for the tables."""
    print(text, file=sys.stderr, flush=True)


def show(
    options: argparse.Namespace, method: str, tables: Mapping[str, Table], servers: Sequence[Server], notes: Sequence[str]
) -> None:
    """Print tables by their titles, the circumstances, and notes."""
    lines = [] if options.part else machine()
    versions = dict.fromkeys(f"{server.name} {server.version}" for server in servers if server.version)
    lines += [f"Versions: {', '.join(versions)}", f"Method: {method}", *notes]
    parts = []
    for title, table in tables.items():
        parts += [f"{title}:", table.markdown() if options.markdown else table.plain()]
    print("\n\n".join([*parts, "\n".join(f"- {line}" for line in lines)]), flush=True)


def run_main(main: Callable[[], int | None]) -> None:
    """Run a script; servers and files are cleaned up on signals, too."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # As under nohup.
            signal.signal(number, leave)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


def leave(number: int, _frame: FrameType | None) -> None:
    """Exit cleanly on a signal."""
    raise SystemExit(128 + number)
