"""Writes docs/s3-compatibility.md from the results of rounds.py (--json) for several servers."""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from pathlib import Path

HERE = Path(__file__).parent

HEAD = """\
# S3 compatibility

Made on {date} with `tests/s3/rounds.py` and `tests/s3/compare.py`, which `.ci/s3 rows` runs; do not edit it by hand. The same
{count} checks, with boto3 {boto3} and with raw HTTP, ran against {servers}. Each row is a promise
of Amazon's S3 API reference; a server passes it or fails it. So where two servers differ, the one that passes is right by the
reference. No row was run against Amazon S3 itself.

{totals}

`.ci/run` runs all rows against devmedia for every change, and fails if a row fails that is not listed below as deliberate.
"""

DELIBERATE = """
## Where devmedia differs, and why

| the reference says | devmedia | why |
| --- | --- | --- |
"""

ROWS = """
## Rows in which the servers differ

*yes*: as the reference says. Everything else is what the server did instead. "Page" is the page of the reference
(`docs.aws.amazon.com/AmazonS3/latest/API/PAGE.html` or `.../userguide/PAGE.html`).

| the reference says | page | {names} |
| --- | --- | {rules} |
"""

SAME = """
## Rows that all of them pass

"""


def cell(text: str | None) -> str:
    """Text for a cell of a table."""
    if text is None:
        return "yes"
    escaped = text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ").replace("\x01", "\\x01").replace("`", "'")
    return escaped


def main() -> int:
    """Prints the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--version", action="append", default=[], help="NAME=what it is")
    parser.add_argument("--boto3", required=True)
    parser.add_argument("results", nargs="+", type=Path, help="NAME.json of each server; the first is devmedia")
    options = parser.parse_args()
    versions = dict(each.split("=", 1) for each in options.version)
    results = {path.stem: json.loads(path.read_text()) for path in options.results}
    found = {name: {row["row"]: row["found"] for row in rows} for name, rows in results.items()}
    pages = {row["row"]: row["page"] for rows in results.values() for row in rows}
    shown = {name: versions.get(name, name) for name in results}
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    passed = {name: sum(value is None for value in rows.values()) for name, rows in found.items()}
    totals = "| server | rows passed |\n| --- | ---: |\n"
    totals += "\n".join(f"| {shown[name]} | {passed[name]} of {len(pages)} |" for name in results)
    listed = list(shown.values())
    servers = f"{', '.join(listed[:-1])} and {listed[-1]}"
    write = sys.stdout.write
    write(HEAD.format(date=date, count=len(pages), boto3=options.boto3, servers=servers, totals=totals))
    known = json.loads((HERE / "known.json").read_text()).get("devmedia", {})
    if known:
        write(DELIBERATE)
        for row, why in known.items():
            write(f"| {cell(row)} | {cell(found['devmedia'].get(row) or 'differs')} | {cell(why)} |\n")
    write(ROWS.format(names=" | ".join(results), rules=" | ".join("---" for _ in results)))
    differ = [row for row in pages if any(rows.get(row) is not None for rows in found.values())]
    for row in differ:
        write(f"| {cell(row)} | {pages[row]} | {' | '.join(cell(found[name].get(row)) for name in results)} |\n")
    write(SAME)
    section = ""
    for row in pages:
        if row in differ:
            continue
        name, _, text = row.partition(": ")
        if name != section:
            write(f"{'' if not section else chr(10)}**{name}**\n\n")
            section = name
        write(f"- {cell(text)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
