"""Profiles a program, so that the compiler can optimise what requests really use (profile-guided optimisation).

The program is built with counters, answers requests as a browser and curl send them, and writes what it counted. A second build
uses that. A profile fits only the target and the compiler that it was made with, so it is made anew for each release.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

#: how often each request is sent
TIMES = 4000
#: how many copies of each picture get thumbnails
COPIES = 12
#: the length of a file for each way of sending: read into memory, and sendfile with one range and with several
FILES = {"4k.jpg": 4096, "64k.jpg": 65536, "1m.mp4": 1 << 20, "9m.mp4": 9 << 20}
#: the sample media
SAMPLES = Path(__file__).resolve().parent.parent / "media"


class NoProfile(Exception):
    """The program cannot be profiled here."""


def profile(triple: str, cargo: str, run: Callable[..., object], target_directory: Path) -> Path:
    """Builds a program with counters by this cargo, uses it, and returns the file with its profile.

    The cargo must be the same as for the second build, because the names of functions depend on it.
    """
    merge = llvm_profdata()
    counts = target_directory / "profile-counts" / triple
    shutil.rmtree(counts, ignore_errors=True)
    # not in the folder of the other build: all dependencies are built with other flags
    built = target_directory / "profile"
    flags = f"{os.environ.get('RUSTFLAGS', '')} -Cprofile-generate={counts}".strip()
    if cargo == "cargo-zigbuild":
        # zig does not know the option that links the counters; the C library of musl comes with Rust
        flags += " -Clinker=cc" + (" -Clink-self-contained=yes" if "musl" in triple else "")
    run(cargo, "build", "--release", "--locked", "--bin", "devmedia", "--target", triple, "--target-dir", built,
        env=os.environ | {"RUSTFLAGS": flags})
    exercise(built / triple / "release/devmedia")
    if not any(counts.glob("*.profraw")):
        raise NoProfile("the program has written no counts")
    merged = counts / "all.profdata"
    run(merge, "merge", "--output", merged, counts)
    # cargo builds anew for another name, not for another content
    return merged.rename(counts / f"{hashlib.sha256(merged.read_bytes()).hexdigest()[:16]}.profdata")


def llvm_profdata() -> Path:
    """The tool that merges counts, of the same LLVM as the compiler."""
    sysroot = Path(subprocess.check_output(["rustc", "--print", "sysroot"], text=True).strip())
    found = next(sysroot.glob("lib/rustlib/*/bin/llvm-profdata"), None)
    if not found:
        raise NoProfile("there is no llvm-profdata; install it with: rustup component add llvm-tools")
    return found


def exercise(program: Path) -> None:
    """Starts the program, sends it requests, and stops it, so that it writes its counts."""
    with tempfile.TemporaryDirectory() as work:
        media = Path(work) / "media"
        (media / "folder").mkdir(parents=True)
        for name, length in FILES.items():
            (media / name).write_bytes(os.urandom(length))
        for number in range(1000):
            (media / f"folder/IMG_{number}.jpg").touch()
        pictures = copy_pictures(media)
        command = [program, "--debug", "--no-config", "--root", media, "--listen", "127.0.0.1:0", "--upload", "-q"]
        # its thumbnails are not for this user's cache
        environment = os.environ | {"XDG_CACHE_HOME": str(Path(work) / "cache")}
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
        try:
            ready = re.match(r"http://([^/]+)/", server.stdout.readline())
            if not ready:
                raise NoProfile("the program did not start")
            clients = [threading.Thread(target=requests, args=(ready[1], number)) for number in range(4)]
            for client in clients:
                client.start()
            for client in clients:
                client.join()
            thumbnails(ready[1], pictures)
        finally:
            server.send_signal(signal.SIGTERM)
            if server.wait() != 0:
                raise NoProfile("the program failed")


def copy_pictures(media: Path) -> list[str]:
    """Copies the pictures of the sample media, each copy with other bytes at its end. Returns their names."""
    names = []
    for picture in sorted(SAMPLES.rglob("*.*")):
        if picture.suffix in {".jpg", ".png", ".webp", ".gif"}:
            for copy in range(COPIES):
                name = f"{len(names)}{picture.suffix}"
                (media / name).write_bytes(picture.read_bytes() + bytes([copy]))
                names.append(name)
    return names


def thumbnails(address: str, pictures: list[str]) -> None:
    """Requests thumbnails: code that no request uses is made small instead of fast."""
    connection = http.client.HTTPConnection(address)
    for picture in pictures:
        for size in (256, 512):
            connection.request("GET", f"/media/{picture}?thumbnail={size}")
            response = connection.getresponse()
            response.read()
            if response.status != 200:
                raise NoProfile(f"no thumbnail of {picture}: {response.status}")
    connection.close()


def requests(address: str, client: int) -> None:
    """Sends the requests of one client over one connection."""
    connection = http.client.HTTPConnection(address)

    def send(method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> str:
        connection.request(method, f"/media/{path}", body, headers or {})
        response = connection.getresponse()
        response.read()
        return response.getheader("ETag") or ""

    browser = {
        "Accept": "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
        "Accept-Encoding": "gzip, deflate, br, zstd",
        "Accept-Language": "en-GB,en;q=0.9",
        "Referer": "http://localhost:3000/",
        "Sec-Fetch-Dest": "image",
        "Sec-Fetch-Mode": "no-cors",
        "Sec-Fetch-Site": "same-site",
        "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    }
    etag = send("GET", "4k.jpg")
    for number in range(TIMES):
        send("GET", "4k.jpg")
        send("GET", "4k.jpg", browser)
        send("GET", "4k.jpg", browser | {"If-None-Match": etag})
        send("GET", f"missing-{number % 7}.jpg")
        send("GET", "64k.jpg", {"Range": "bytes=1000-9999"})
        if number % 4 == 0:
            send("GET", "64k.jpg", browser)
            send("HEAD", "4k.jpg")
        if number % 100 == 0:
            send("GET", "1m.mp4", {"Range": "bytes=0-"})
            send("GET", "folder/", {"Accept": "application/json"})
            send("GET", "folder/", {"Accept": "text/html"})
            send("PUT", f"new-{client}.bin", body=os.urandom(50_000))
        if number % 1000 == 0:
            send("GET", "9m.mp4")
    connection.close()
