"""Garage, a real distributed object store: three nodes on loopback that keep each object three times."""

from __future__ import annotations

import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

#: Garage accepts imported keys of this form only.
ACCESS_KEY = "GK31c2f218a2e44f485b94239e"
SECRET_KEY = "b892c0665f0ada8a4755dae98baa3b133590e11dae3bcc1f9d769d67f16c3835"

CONFIG = """\
metadata_dir = "{folder}/meta"
data_dir = "{folder}/data"
db_engine = "sqlite"
replication_factor = {copies}
rpc_bind_addr = "127.0.0.1:{rpc}"
rpc_public_addr = "127.0.0.1:{rpc}"
rpc_secret = "{secret}"
[s3_api]
s3_region = "us-east-1"
api_bind_addr = "127.0.0.1:{port}"
root_domain = ".s3.localhost"
"""


@dataclass(frozen=True)
class Node:
    """A node and how to talk to it."""

    garage: str
    folder: Path
    port: int
    rpc: int

    @property
    def endpoint(self) -> str:
        """Its S3 endpoint."""
        return f"http://127.0.0.1:{self.port}"

    def start(self, secret: str, copies: int) -> subprocess.Popen[bytes]:
        """Writes its configuration and starts it."""
        self.folder.mkdir()
        text = CONFIG.format(folder=self.folder, copies=copies, rpc=self.rpc, secret=secret, port=self.port)
        (self.folder / "garage.toml").write_text(text)
        with open(self.folder / "log", "wb") as log:
            return subprocess.Popen([*self.command, "server"], stdout=log, stderr=log)

    @property
    def command(self) -> list[str]:
        """Garage with the configuration of this node."""
        return [self.garage, "-c", str(self.folder / "garage.toml")]

    def run(self, *arguments: str) -> str:
        """Runs a command of Garage; its output."""
        done = subprocess.run([*self.command, *arguments], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"garage {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout.strip()

    def until(self, *arguments: str) -> str:
        """The same, repeated until it succeeds, while the nodes find each other."""
        deadline = time.monotonic() + 60
        while True:
            try:
                return self.run(*arguments)
            except RuntimeError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)


def free_ports(count: int) -> list[int]:
    """TCP ports of 127.0.0.1 that are not in use."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(listener.getsockname()[1]) for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


@contextmanager
def cluster(garage: str, count: int = 3, bucket: str | None = None) -> Iterator[list[Node]]:
    """Running nodes with the key ACCESS_KEY, which may make buckets; stopped at the end."""
    with TemporaryDirectory(prefix="garage-") as directory:
        ports = free_ports(2 * count)
        nodes = [Node(garage, Path(directory) / str(n), ports[2 * n], ports[2 * n + 1]) for n in range(count)]
        secret = secrets.token_hex(32)
        processes: list[subprocess.Popen[bytes]] = []
        try:
            processes += [node.start(secret, count) for node in nodes]
            first = nodes[0]
            names = [node.until("node", "id", "-q") for node in nodes]
            for name in names[1:]:
                first.until("node", "connect", name)
            for name in names:
                first.until("layout", "assign", "-z", "here", "-c", "10G", name.partition("@")[0])
            first.until("layout", "apply", "--version", "1")
            first.until("key", "import", "--yes", ACCESS_KEY, SECRET_KEY, "-n", "proof")
            first.until("key", "allow", "--create-bucket", ACCESS_KEY)
            if bucket:
                first.until("bucket", "create", bucket)
                first.until("bucket", "allow", "--read", "--write", "--owner", bucket, "--key", ACCESS_KEY)
            yield nodes
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait()


def main() -> None:
    """Runs a cluster until it is interrupted, and prints its settings for an S3 client."""
    with cluster(sys.argv[1], bucket="media") as nodes:
        print(f"AWS_ACCESS_KEY_ID={ACCESS_KEY} AWS_SECRET_ACCESS_KEY={SECRET_KEY} AWS_REGION=us-east-1", end=" ")
        print(f"AWS_ENDPOINT_URL_S3={nodes[0].endpoint}", flush=True)
        print("other nodes:", *[node.endpoint for node in nodes[1:]], flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    main()
