"""Starts devmedia, a development media file server, from Python.

    with devmedia.start("media", upload=True) as server:
        print(server.url)
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["S3", "DevmediaError", "Server", "binary", "start"]

# How long a server may take until it is ready, and to stop, in seconds.
START_TIMEOUT = 30
STOP_TIMEOUT = 15


class DevmediaError(RuntimeError):
    """The server could not be started. The reason is on stderr, too."""


def binary() -> str:
    """Returns the path of the program: DEVMEDIA_BINARY if it is set, or the program of this package.

    A package may be installed for the environment, for the user (pip install --user) or in a folder (pip install --target).
    """
    set_by_user = os.environ.get("DEVMEDIA_BINARY")
    if set_by_user:
        return set_by_user
    name = "devmedia" + (sysconfig.get_config_var("EXE") or "")
    user_scheme = sysconfig.get_preferred_scheme("user") if sys.version_info >= (3, 10) else f"{os.name}_user"
    folders = [
        sysconfig.get_path("scripts"),
        sysconfig.get_path("scripts", scheme=user_scheme),
        Path(__file__).parent.parent / "bin",
    ]
    for folder in folders:
        path = Path(folder, name)
        if path.is_file():
            return str(path)
    looked = ", ".join(str(folder) for folder in folders)
    raise DevmediaError(f"the program {name} is not in {looked}; install it again: pip install --force-reinstall devmedia")


@dataclass(frozen=True)
class S3:
    """The S3 endpoint of a server: the arguments of a client, under the names of boto3."""

    endpoint_url: str
    bucket: str
    aws_access_key_id: str = "devmedia"
    aws_secret_access_key: str = "devmedia"
    region_name: str = "us-east-1"

    def client_arguments(self) -> dict[str, str]:
        """``boto3.client("s3", **server.s3.client_arguments())``"""
        return {
            "endpoint_url": self.endpoint_url,
            "aws_access_key_id": self.aws_access_key_id,
            "aws_secret_access_key": self.aws_secret_access_key,
            "region_name": self.region_name,
        }

    def environment(self) -> dict[str, str]:
        """The variables that the AWS SDKs and their command line read."""
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": self.aws_access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.aws_secret_access_key,
            "AWS_REGION": self.region_name,
            "AWS_DEFAULT_REGION": self.region_name,
        }


class Server:
    """A running server. It ends with :meth:`stop`, at the end of a ``with`` block, and with this process.

    :ivar url: the URL of the first mount, with a slash at the end
    :ivar urls: all ready lines, one for each address
    :ivar root: the folder that it serves
    :ivar s3: its S3 endpoint, if it was started with ``s3=True``
    """

    def __init__(self, process: subprocess.Popen[str], urls: list[str], root: Path, s3: S3 | None = None) -> None:
        self.process = process
        self.urls = urls
        self.root = root
        self.s3 = s3

    @property
    def url(self) -> str:
        return self.urls[0]

    def stop(self) -> None:
        """Stops the server, and returns when it has ended. Calling it again does nothing."""
        assert self.process.stdin and self.process.stdout
        if os.name == "posix":
            self.process.terminate()
        else:
            # terminate() would not let it clean up, and the end of stdin does
            self.process.stdin.close()
        try:
            self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<devmedia at {self.url} serving {self.root}>"


def start(root: str | os.PathLike[str], *args: str, **options: Any) -> Server:
    """Starts a server on a free port of this machine, and returns when it accepts connections.

    :param root: the folder to serve; it is created if it is missing
    :param args: arguments as they are typed, such as ``"--upload"``
    :param options: flags without their dashes and with ``_`` in place of ``-``: ``upload=True``, ``network="3g"``,
        ``mount=["/static/=./static"]``. A list repeats the flag. None omits it. ``s3=True`` opens an S3 endpoint on a
        free port.

    Settings files and the variables of devmedia in the environment do not apply.
    """
    root = Path(root).absolute()
    root.mkdir(parents=True, exist_ok=True)
    defaults = {"exit_with_parent": True, "no_config": True, "url": "/media/", "grace": "1s", "listen": "127.0.0.1:0"}
    typed = {argument.split("=")[0] for argument in args} | {flag.split("=")[0] for flag in flags(options)}
    if typed & {"-p", "--port", "--host"}:
        typed.add("--listen")
    given = {name: value for name, value in defaults.items() if flags({name: True})[0] not in typed}
    given.update(options)
    if given.get("s3") is True:
        given["s3"] = "127.0.0.1:0"
    with tempfile.TemporaryDirectory(prefix="devmedia-") as folder:
        ready_file = Path(folder, "ready")
        if given.get("s3"):
            given.setdefault("ready_file", ready_file)
        command = [binary(), "--debug", "--root", str(root), *flags(given), *args]
        process = launch(command)
        lines = count_of_listeners(command)
        # a server that never becomes ready must not block the tests
        timer = threading.Timer(START_TIMEOUT, process.kill)
        timer.start()
        assert process.stdout
        urls = [line for line in (process.stdout.readline().strip() for _ in range(lines)) if line]
        timer.cancel()
        server = Server(process, urls, root)
        if len(urls) < lines:
            server.stop()
            code = process.returncode
            raise DevmediaError(f"devmedia did not start (exit code {code}); the reason is on stderr: {command}")
        if given.get("s3"):
            # the file is written before stdout
            text = Path(given["ready_file"]).read_text(encoding="utf-8")
            endpoint = next(line[len("s3 ") :] for line in text.splitlines() if line.startswith("s3 "))
            server.s3 = S3(endpoint, given.get("bucket") or "media")
    return server


def launch(command: list[str]) -> subprocess.Popen[str]:
    """Starts the program without the variables that are about another devmedia, or another key for S3."""
    others = ("DEVMEDIA_", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    try:
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True, encoding="utf-8"
        )
    except OSError as error:
        raise DevmediaError(f"cannot start {command[0]}: {error}") from error


def count_of_listeners(command: list[str]) -> int:
    """The number of ready lines: one for each --listen, or one."""
    return max(1, sum(argument == "--listen" or argument.startswith("--listen=") for argument in command))


def flags(options: dict[str, Any]) -> list[str]:
    """Writes options as arguments.

    >>> flags({"upload": True, "hidden": False, "mount": ["/a=./a", "/b=./b"], "poll": None})
    ['--upload', '--hidden=false', '--mount=/a=./a', '--mount=/b=./b']
    """
    written = []
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        for one in value if isinstance(value, (list, tuple)) else [value]:
            if one is True:
                written.append(flag)
            elif one is not None:
                written.append(f"{flag}={'false' if one is False else one}")
    return written
