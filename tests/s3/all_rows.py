"""Runs rounds.py against devmedia, Garage and moto, one after the other; writes NAME.json of each.

Fails if a row of devmedia fails that known.json does not list. The rows of the others are findings, not failures.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import URLError
from urllib.request import urlopen

import devmedia
import garage

HERE = Path(__file__).parent


def rows(name: str, endpoint: str, key: str, secret: str, results: Path) -> int:
    """Runs the rows against one server; the exit code."""
    command = [sys.executable, "-B", str(HERE / "rounds.py"), name, "--endpoint", endpoint, "--times"]
    keys = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
    print(f"== {name}", flush=True)
    return subprocess.run([*command, "--json", str(results / f"{name}.json")], env=os.environ | keys).returncode


def moto(program: str, results: Path) -> None:
    """The rows against moto."""
    port = garage.free_ports(1)[0]
    endpoint = f"http://127.0.0.1:{port}"
    with open(results / "moto.log", "wb") as log:
        process = subprocess.Popen([program, "-p", str(port)], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                urlopen(endpoint).close()
                break
            except URLError:
                time.sleep(0.1)
        rows("moto", endpoint, "testing", "testing", results)
    finally:
        process.terminate()
        process.wait()


def main() -> int:
    """Runs all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--devmedia", "--garage", "--moto", "--results"):
        parser.add_argument(name, required=True)
    options = parser.parse_args()
    results = Path(options.results)
    with TemporaryDirectory(prefix="devmedia-s3-") as directory:
        binary = str(Path(options.devmedia).resolve())
        with devmedia.running(binary, Path(directory)) as endpoint:
            wrong = rows("devmedia", endpoint.url, devmedia.ACCESS_KEY, devmedia.SECRET_KEY, results)
    with garage.cluster(str(Path(options.garage).resolve())) as nodes:
        rows("garage", nodes[0].endpoint, garage.ACCESS_KEY, garage.SECRET_KEY, results)
    moto(options.moto, results)
    return wrong


if __name__ == "__main__":
    sys.exit(main())
