"""The servers: finding each one, and starting it with one worker."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory

from processes import end_group, pinned
from workloads import URL_PREFIX

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]

#: How long a server may take from its start to its first accepted connection.
START_SECONDS = 20.0

NGINX_CONF = """\
daemon off;
worker_processes 1;
pid $scratch/nginx.pid;
error_log stderr crit;
$user
events { worker_connections 1024; }
http {
    types { image/jpeg jpg; video/mp4 mp4; }
    access_log off;
    log_not_found off;
    sendfile on;
    tcp_nopush on;
    open_file_cache off;
    keepalive_requests 1000000;
    client_body_temp_path $scratch/body;
    proxy_temp_path $scratch/proxy;
    fastcgi_temp_path $scratch/fastcgi;
    uwsgi_temp_path $scratch/uwsgi;
    scgi_temp_path $scratch/scgi;
    server {
        listen 127.0.0.1:$port;
        root $root;
    }
}
"""

LIGHTTPD_CONF = """\
server.bind = "127.0.0.1"
server.port = $port
server.document-root = "$root"
server.network-backend = "sendfile"
server.stat-cache-engine = "simple"
server.max-keep-alive-requests = 65535
mimetype.assign = ( ".jpg" => "image/jpeg", ".mp4" => "video/mp4" )
"""

CADDYFILE = """\
{
    admin off
    auto_https off
}
http://127.0.0.1:$port {
    bind 127.0.0.1
    root * $root
    file_server
}
"""


class NotFound(Exception):
    """A server is not installed; the message says how to install it."""


class NotStarted(Exception):
    """A server ended, or did not accept connections in time."""


@dataclass(frozen=True)
class Stage:
    """The directories and the port for one start of a server."""

    root: Path
    scratch: Path
    port: int

    @property
    def media(self) -> Path:
        """The directory of the files, for servers that mount one at a URL."""
        return self.root / URL_PREFIX.strip("/")

    @property
    def address(self) -> str:
        """The address to listen on."""
        return f"127.0.0.1:{self.port}"

    def config(self, name: str, template: str) -> str:
        """Write a configuration file from its template; return its path."""
        path = self.scratch / name
        # As root, nginx starts its workers as another user, who cannot read the files.
        user = "user root;" if os.geteuid() == 0 else ""
        path.write_text(
            Template(template).substitute(
                root=self.root, scratch=self.scratch, port=self.port, user=user
            )
        )
        return str(path)


@dataclass(frozen=True)
class Server:
    """An installed server."""

    name: str
    version: str
    command: Callable[[Stage], list[str]]


@dataclass(frozen=True)
class Running:
    """A server that accepts connections."""

    pid: int
    port: int


@contextmanager
def running(server: Server, root: Path, cpu: int | str) -> Iterator[Running]:
    """Start the server pinned to a CPU (or a list of them), wait until it accepts, and kill it at the end."""
    # nginx reads a space in a path as the end of it.
    prefix = re.sub(r"\W+", "-", server.name)
    with TemporaryDirectory(prefix=f"{prefix}-", dir=root.parent) as directory:
        scratch = Path(directory)
        stage = Stage(root, scratch, free_port())
        log_path = scratch / "log"
        # Files that a server writes to its home directory are deleted with the temporary directory.
        homes = ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
        with open(log_path, "wb") as log:
            process = subprocess.Popen(
                pinned(cpu, server.command(stage)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | dict.fromkeys(homes, directory),
                cwd=scratch,
                start_new_session=True,
            )
        try:
            wait_until_accepting(process, stage.port, log_path)
            yield Running(process.pid, stage.port)
        finally:
            end_group(process)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that is not in use."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_until_accepting(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Return once the port accepts; raise NotStarted with the end of the log otherwise."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.01)
    said = " / ".join(log.read_text(errors="replace").strip().splitlines()[-3:])
    raise NotStarted(f"did not start: {said or 'no output'}")


def program(name: str, hint: str) -> str:
    """The path of a program; system administration directories are searched too."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])
    if found := shutil.which(name, path=path):
        return found
    raise NotFound(hint)


def output(*command: str) -> str:
    """The output of a command on stdout and stderr; empty if it cannot be run."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr


def version(*command: str) -> str:
    """The first version number in the output of a command."""
    found = re.search(r"\d+\.\d+(\.\d+)*([-+][0-9A-Za-z.+-]+)?", output(*command))
    return found.group() if found else "(unknown version)"


def devmedia(binary: Path, name: str = "devmedia", *more: str) -> Server:
    """A build of devmedia, with more options."""
    if not os.access(binary, os.X_OK):
        raise NotFound(f"{binary} does not exist; run cargo build --release")
    path = str(binary.resolve())

    def command(stage: Stage) -> list[str]:
        media = str(stage.media)
        listen = ["--listen", stage.address]
        return [path, "--debug", "--root", media, "--url", URL_PREFIX, *listen, "-qq", "--no-config", *more]

    return Server(name, version(path, "--version"), command)


def nginx(
    name: str = "nginx",
    inside: str = "root $root;",
    before: str = "",
    workers: int = 1,
    connections: int = 1024,
) -> Server:
    """nginx with sendfile; `inside` is for its server block, and `before` comes before that block."""
    path = program("nginx", "apt-get install nginx-light")
    template = NGINX_CONF.replace("root $root;", inside).replace("server {", f"{before}\n    server {{", 1)
    template = template.replace("worker_processes 1", f"worker_processes {workers}")
    if connections > 1024:
        limits = f"worker_rlimit_nofile {connections + 100};\nevents {{ worker_connections {connections}; }}"
        template = template.replace("events { worker_connections 1024; }", limits)

    def command(stage: Stage) -> list[str]:
        config = stage.config("nginx.conf", template)
        return [path, "-e", "stderr", "-p", str(stage.scratch), "-c", config]

    return Server(name, version(path, "-v"), command)


def lighttpd(more: str = "") -> Server:
    """lighttpd, a single process with its stat cache and sendfile; `more` settings may follow."""
    path = program("lighttpd", "apt-get install lighttpd")

    def command(stage: Stage) -> list[str]:
        return [path, "-D", "-f", stage.config("lighttpd.conf", LIGHTTPD_CONF + more)]

    return Server("lighttpd", version(path, "-v"), command)


def caddy(
    name: str = "caddy", inside: str = "root * $root\n    file_server", threads: int = 1
) -> Server:
    """Caddy, with this many running threads of Go."""
    path = program("caddy", "apt-get install caddy")
    template = CADDYFILE.replace("root * $root\n    file_server", inside)

    def command(stage: Stage) -> list[str]:
        config = stage.config("Caddyfile", template)
        run = [path, "run", "--adapter", "caddyfile", "--config", config]
        return ["env", f"GOMAXPROCS={threads}", *run]

    return Server(name, version(path, "version"), command)


def with_options(server: Server, *options: str) -> Server:
    """The server, started with more options."""
    return replace(server, command=lambda stage: [*server.command(stage), *options])


def http_server() -> Server:
    """Python's http.server, set to HTTP/1.1 (otherwise it closes connections)."""

    def command(stage: Stage) -> list[str]:
        options = ["--bind", "127.0.0.1", "--directory", str(stage.root)]
        speak = ["--protocol", "HTTP/1.1"]
        return [sys.executable, "-m", "http.server", *options, *speak, str(stage.port)]

    return Server("http.server", version(sys.executable, "--version"), command)


def django() -> Server:
    """Django's runserver, from this Python or from a virtual environment in the cache."""
    python = python_with("django", "Django")

    def command(stage: Stage) -> list[str]:
        site = str(HERE / "django_site.py")
        run = [python, "-B", site, "runserver", "--noreload", stage.address]
        return ["env", f"MEDIA_ROOT={stage.media}", *run]

    return Server("django", version(python, "-m", "django", "--version"), command)


def python_with(module: str, package: str) -> str:
    """A Python with a module; creates a virtual environment with its package if none is found."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    environment = cache / "devmedia" / f"{module.lower()}-venv"
    python = str(environment / "bin" / "python")
    for candidate in (sys.executable, python):
        if output(candidate, "-c", f"import {module}; print('found')").startswith("found"):
            return candidate
    print(f"installing {package} in {environment}", file=sys.stderr)
    try:
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(environment)],
            [python, "-m", "pip", "install", "--quiet", package],
        ):
            subprocess.run(command, check=True, stdout=sys.stderr)
    except (OSError, subprocess.CalledProcessError) as error:
        raise NotFound(f"pip install {package} (creating {environment} failed)") from error
    return python


def static_web_server() -> Server:
    """static-web-server, with one worker, since it may use one CPU."""
    path = program("static-web-server", "cargo install static-web-server")

    def command(stage: Stage) -> list[str]:
        listen = ["--host", "127.0.0.1", "--port", str(stage.port)]
        return [path, *listen, "--root", str(stage.root), "--log-level", "error"]

    return Server("static-web-server", version(path, "--version"), command)


def dufs() -> Server:
    """dufs, without its access log."""
    path = program("dufs", "cargo install dufs")

    def command(stage: Stage) -> list[str]:
        listen = ["--bind", "127.0.0.1", "--port", str(stage.port)]
        return [path, *listen, "--log-format", "", str(stage.root)]

    return Server("dufs", version(path, "--version"), command)


def miniserve() -> Server:
    """miniserve, with one worker, since it may use one CPU."""
    path = program("miniserve", "cargo install miniserve")

    def command(stage: Stage) -> list[str]:
        listen = ["--interfaces", "127.0.0.1", "--port", str(stage.port)]
        return [path, *listen, str(stage.root)]

    return Server("miniserve", version(path, "--version"), command)


#: The other servers by name, in the order of the tables.
PEERS: Mapping[str, Callable[[], Server]] = {
    "nginx": nginx,
    "lighttpd": lighttpd,
    "caddy": caddy,
    "static-web-server": static_web_server,
    "dufs": dufs,
    "miniserve": miniserve,
    "http.server": http_server,
    "django": django,
}
