"""A bucket as a root and as a fallback, through the real binary; `.ci/s3 bucket` runs it over Garage and Azurite.

    python bucket_root.py --devmedia target/debug/devmedia --garage garage [--nginx nginx] [--azurite azurite-blob]

Each store gets the same rows: ranges, conditions, listings, uploads, suggestions, a fallback and a pull. nginx in front of Garage
then delays requests, answers some with 503, and cuts every connection once a second: each transfer must be whole or
visibly broken.
"""

from __future__ import annotations

import argparse
import base64
import hmac
import http.client
import json
import os
import random
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import garage

MIB = 1024 * 1024
#: Azurite's account and key, which are public ("Use the Azurite emulator").
AZURITE_ACCOUNT = "devstoreaccount1"
AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@dataclass
class Answer:
    """A response; `body` is None if the transfer broke off."""

    status: int
    fields: http.client.HTTPMessage
    body: bytes | None


@dataclass
class Devmedia:
    """A running devmedia: a folder at /media/, and perhaps the bucket at /b/."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path

    def ask(self, method: str, target: str, body: bytes = b"", **fields: str) -> Answer:
        """Sends one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        connection.request(method, target, body if method in ("PUT", "POST") else None, named)
        response = connection.getresponse()
        try:
            content = response.read()
        except (http.client.IncompleteRead, ConnectionError):
            content = None
        connection.close()
        return Answer(response.status, response.headers, content)


@contextmanager
def running(binary: str, variables: dict[str, str], *arguments: str) -> Iterator[Devmedia]:
    """devmedia with these variables and arguments, over an empty folder."""
    with TemporaryDirectory(prefix="devmedia-bucket-") as directory:
        folder, log = Path(directory) / "media", Path(directory) / "log"
        folder.mkdir()
        command = [binary, "--debug", "--no-config", "--listen", "127.0.0.1:0", "--root", str(folder), *arguments]
        with open(log, "wb") as output:
            process = subprocess.Popen(
                command, stdout=output, stderr=output, env={"HOME": directory} | variables, cwd=directory
            )
        try:
            deadline = time.monotonic() + 30
            while not (found := re.search(r"^http://127\.0\.0\.1:(\d+)/", log.read_text(), re.M)):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"devmedia does not start: {log.read_text()}")
                time.sleep(0.01)
            yield Devmedia(process, int(found[1]), folder)
        finally:
            process.kill()
            process.wait()


failures: list[str] = []


def row(what: str, found: object, wanted: object) -> None:
    """Compares, and reports the result."""
    is_right = found == wanted
    print(f"  {'ok  ' if is_right else 'FAIL'} {what}" + ("" if is_right else f": {found!r}, not {wanted!r}"), flush=True)
    if not is_right:
        failures.append(what)


def content(number: int, size: int) -> bytes:
    """Bytes that differ by number and at every offset."""
    return random.Random(number).randbytes(size)


def rows(binary: str, name: str, url: str, variables: dict[str, str]) -> None:
    """The rows for one store, whose bucket is empty."""
    print(f"== {name}", flush=True)
    big = content(1, 20 * MIB + 7)
    with running(binary, variables, "--mount", f"/b/={url}/team", "--upload") as server:
        ask = server.ask
        row("put", ask("PUT", "/b/docs/a.txt", b"hello").status, 201)
        row("put again", ask("PUT", "/b/docs/a.txt", b"hello!").status, 204)
        whole = ask("GET", "/b/docs/a.txt")
        found = (whole.status, whole.body, whole.fields["Content-Type"])
        row("get", found, (200, b"hello!", "text/plain; charset=utf-8"))
        tag = whole.fields["ETag"]
        row("304", ask("GET", "/b/docs/a.txt", If_None_Match=tag).status, 304)
        row("412", ask("GET", "/b/docs/a.txt", If_Match='"other"').status, 412)
        row("304 by date", ask("GET", "/b/docs/a.txt", If_Modified_Since=whole.fields["Last-Modified"]).status, 304)
        part = ask("GET", "/b/docs/a.txt", Range="bytes=1-2")
        row("206", (part.status, part.body, part.fields["Content-Range"]), (206, b"el", "bytes 1-2/6"))
        row("206 from the end", ask("GET", "/b/docs/a.txt", Range="bytes=-1").body, b"!")
        row("416", ask("GET", "/b/docs/a.txt", Range="bytes=6-").status, 416)
        several = ask("GET", "/b/docs/a.txt", Range="bytes=0-0,5-5")
        row("several ranges", several.status, 206)
        head = ask("HEAD", "/b/docs/a.txt")
        row("head", (head.status, head.fields["Content-Length"]), (200, "6"))
        row("put if free, taken", ask("PUT", "/b/docs/a.txt", b"x", If_None_Match="*").status, 412)
        row("put if free", ask("PUT", "/b/docs/free.txt", b"x", If_None_Match="*").status, 201)
        row("put if another", ask("PUT", "/b/docs/a.txt", b"x", If_Match='"other"').status, 412)
        row("put if the same", ask("PUT", "/b/docs/a.txt", b"same", If_Match=tag).status, 204)
        row("put of nothing", ask("PUT", "/b/empty.txt").status, 201)
        row("get of nothing", ask("GET", "/b/empty.txt").body, b"")

        row("multipart put", ask("PUT", "/b/big.bin", big).status, 201)
        row("its bytes", ask("GET", "/b/big.bin").body == big, True)
        part = ask("GET", "/b/big.bin", Range=f"bytes={9 * MIB}-{19 * MIB}")
        row("its range", part.body == big[9 * MIB : 19 * MIB + 1], True)
        row("multipart put again", ask("PUT", "/b/big.bin", big[::-1]).status, 204)
        row("its new bytes", ask("GET", "/b/big.bin").body == big[::-1], True)

        odd = ["sp é+%.txt", "a&b=c#d.txt", "quote'\"<>.txt", "日本.txt", "tilde~!$()*,;@.txt"]
        for key in odd:
            target = f"/b/odd/{quote(key)}"
            row(f"put {key}", ask("PUT", target, key.encode()).status, 201)
            row(f"get {key}", ask("GET", target).body, key.encode())
        listing = json.loads(ask("GET", "/b/odd/", Accept="application/json").body or b"[]")
        row("listing of odd names", sorted(entry["name"] for entry in listing), sorted(odd))
        listing = json.loads(ask("GET", "/b/", Accept="application/json").body or b"[]")
        row("listing", [entry["name"] for entry in listing], ["docs", "odd", "big.bin", "empty.txt"])
        row("page", b"big.bin" in (ask("GET", "/b/", Accept="text/html").body or b""), True)
        row("redirect", ask("GET", "/b/docs").status, 302)
        row("404", ask("GET", "/b/none/").status, 404)
        row("suggestion", b"Did you mean /b/docs/a.txt" in (ask("GET", "/b/dosc/a.txt").body or b""), True)

        form = b'--b\r\nContent-Disposition: form-data; name=f; filename="a.txt"\r\n\r\nform\r\n--b--\r\n'
        posted = ask("POST", "/b/docs/", form, Content_Type="multipart/form-data; boundary=b")
        stored = json.loads(posted.body or b"{}").get("name", "")
        row("form", (posted.status, bool(re.fullmatch(r"docs/a_\w{7}\.txt", stored))), (201, True))
        row("its bytes", ask("GET", f"/b/{stored}").body, b"form")
        row("delete", ask("DELETE", f"/b/{stored}").status, 204)
        row("deleted", ask("GET", f"/b/{stored}").status, 404)
        row("delete again", ask("DELETE", f"/b/{stored}").status, 404)

        with ThreadPoolExecutor(16) as pool:
            puts = [pool.submit(ask, "PUT", "/b/race.txt", b"x", If_None_Match="*") for _ in range(32)]
        row("one of 32 puts if free", sorted({put.result().status for put in puts}), [201, 412])
        row("exactly one", sum(put.result().status == 201 for put in puts), 1)

        # killed in mid-upload: nothing is visible
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        connection.putrequest("PUT", "/b/half.bin")
        connection.putheader("Content-Length", str(len(big)))
        connection.endheaders(big[: 17 * MIB])
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        connection.close()
    with running(binary, variables, "--fallback", f"{url}/team") as server:
        row("half an upload is invisible", server.ask("GET", "/media/half.bin").status, 404)
        row("fallback", server.ask("GET", "/media/docs/free.txt").body, b"x")
        row("fallback, large", server.ask("GET", "/media/big.bin").body == big[::-1], True)
        row("fallback, range", server.ask("GET", "/media/docs/a.txt", Range="bytes=1-2").body, b"am")
        command = [binary, "pull", "--no-config", "--root", str(server.folder), "--fallback", f"{url}/team"]
        pulled = subprocess.run(command, env={"HOME": "/nonexistent"} | variables, capture_output=True, text=True)
        row("pull", pulled.returncode, 0)
        files = {str(path.relative_to(server.folder)) for path in server.folder.rglob("*") if path.is_file()}
        files = {file for file in files if "devmedia-" not in file}
        wanted = {"docs/a.txt", "docs/free.txt", "big.bin", "empty.txt", "race.txt"} | {f"odd/{key}" for key in odd}
        row("pulled", files, wanted)
    # a prefix is a folder: `tea` is not `team`
    with running(binary, variables, "--mount", f"/b/={url}/tea") as server:
        listing = server.ask("GET", "/b/", Accept="application/json")
        row("another prefix", (server.ask("GET", "/b/m/docs/a.txt").status, json.loads(listing.body or b"0")), (404, []))


NGINX = """\
worker_processes 1;
worker_shutdown_timeout 50ms;
daemon off;
pid nginx.pid;
error_log error.log;
events {{}}
http {{
    access_log off;
    limit_req_zone $server_name zone=slow:1m rate=40r/s;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            limit_req zone=slow burst=4;
            limit_req_status 503;
            limit_rate 24m;
            client_max_body_size 0;
            proxy_request_buffering off;
            proxy_buffering off;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_pass {store};
        }}
    }}
}}
"""


def bad_network(binary: str, nginx: str, node: garage.Node, variables: dict[str, str]) -> None:
    """nginx delays requests, answers some with 503, and closes all connections when it gets a new configuration."""
    print("== Garage behind an nginx that delays, throttles and cuts", flush=True)
    port = garage.free_ports(1)[0]
    big = content(2, 30 * MIB)
    with TemporaryDirectory(prefix="nginx-") as home:
        (Path(home) / "nginx.conf").write_text(NGINX.format(port=port, store=node.endpoint))
        process = subprocess.Popen([nginx, "-p", home, "-c", "nginx.conf", "-e", "error.log"])
        ended = threading.Event()

        def cut() -> None:
            while not ended.wait(1):
                process.send_signal(signal.SIGHUP)

        cuts = threading.Thread(target=cut)
        try:
            through = variables | {"AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{port}"}
            with running(binary, variables, "--mount", "/b/=s3://media/cut", "--upload") as direct:
                row("put", direct.ask("PUT", "/b/big.bin", big).status, 201)
                with running(binary, through, "--mount", "/b/=s3://media/cut", "--upload") as server:
                    cuts.start()
                    with ThreadPoolExecutor(2) as pool:
                        gets = list(pool.map(lambda _: server.ask("GET", "/b/big.bin"), range(8)))
                    whole = sum(get.body == big for get in gets)
                    false = [get.status for get in gets if get.status == 200 and get.body not in (big, None)]
                    row("downloads that look whole and are not", false, [])
                    print(f"       whole downloads: {whole} of 8; the others are visibly broken")
                    row("some are whole", whole > 0, True)
                    puts = [server.ask("PUT", f"/b/up{n}.bin", content(n, 20 * MIB)).status for n in range(10, 14)]
                    print(f"       uploads: {puts}")
                    wrong = []
                    for n, status in zip(range(10, 14), puts):
                        found = direct.ask("GET", f"/b/up{n}.bin")
                        is_whole = found.body == content(n, 20 * MIB)
                        # an upload that failed may still be stored, but not a part of it
                        if not (is_whole or status != 201 and found.status == 404):
                            wrong.append((n, status, found.status))
                    row("uploads that are stored in part, or acknowledged and lost", wrong, [])
        finally:
            ended.set()
            if cuts.ident:
                cuts.join()
            process.terminate()
            process.wait()


def until_open(port: int) -> None:
    """Waits for a listener."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.1)
    raise SystemExit(f"nothing listens on port {port}")


def create_container(port: int, name: str) -> None:
    """Create Container, signed with the Shared Key scheme of the Blob service's reference."""
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())
    headers = f"x-ms-date:{date}\nx-ms-version:2021-12-02\n"
    resource = f"/{AZURITE_ACCOUNT}/{AZURITE_ACCOUNT}/{name}\nrestype:container"
    text = "PUT" + "\n" * 12 + headers + resource
    signature = base64.b64encode(hmac.digest(base64.b64decode(AZURITE_KEY), text.encode(), "sha256")).decode()
    fields = {"x-ms-date": date, "x-ms-version": "2021-12-02", "Content-Length": "0"}
    fields["Authorization"] = f"SharedKey {AZURITE_ACCOUNT}:{signature}"
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("PUT", f"/{AZURITE_ACCOUNT}/{name}?restype=container", headers=fields)
    response = connection.getresponse()
    if response.status != 201:
        raise SystemExit(f"the container is not created: {response.status} {response.read()!r}")


@contextmanager
def azurite(program: str) -> Iterator[dict[str, str]]:
    """A running Azurite; its variables."""
    port = garage.free_ports(1)[0]
    with TemporaryDirectory(prefix="azurite-") as directory, open(Path(directory) / "log", "wb") as log:
        command = [program, "--blobPort", str(port), "--location", directory, "--skipApiVersionCheck"]
        command.append("--disableTelemetry")
        process = subprocess.Popen(command, stdout=log, stderr=log)
        endpoint = f"http://127.0.0.1:{port}/{AZURITE_ACCOUNT}"
        connection = f"AccountName={AZURITE_ACCOUNT};AccountKey={AZURITE_KEY};BlobEndpoint={endpoint}"
        try:
            until_open(port)
            create_container(port, "media")
            yield {"AZURE_STORAGE_CONNECTION_STRING": connection, "PATH": os.environ["PATH"]}
        finally:
            process.terminate()
            process.wait()


def main() -> int:
    """Runs the rows of every store that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devmedia", required=True)
    for name in ("--garage", "--nginx", "--azurite"):
        parser.add_argument(name)
    options = parser.parse_args()
    binary = str(Path(options.devmedia).resolve())
    if options.garage:
        with garage.cluster(options.garage, bucket="media") as nodes:
            variables = {
                "AWS_ACCESS_KEY_ID": garage.ACCESS_KEY,
                "AWS_SECRET_ACCESS_KEY": garage.SECRET_KEY,
                "AWS_REGION": "us-east-1",
                "AWS_ENDPOINT_URL_S3": nodes[0].endpoint,
            }
            rows(binary, "Garage, three nodes", "s3://media", variables)
            if options.nginx:
                bad_network(binary, options.nginx, nodes[1], variables)
    if options.azurite:
        with azurite(options.azurite) as variables:
            rows(binary, "Azurite", "az://media", variables)
    print(f"{len(failures)} failed: {failures}" if failures else "all as expected")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
