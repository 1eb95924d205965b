"""The systems that devmedia is built for, and the names that each package format has for them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """One system."""

    #: Rust's name for it
    triple: str
    #: the platform of the wheel, as maturin takes it (PEP 600, PEP 656); None leaves the choice to maturin
    wheel: str | None
    #: the npm package that has the program: @devmedia/NPM
    npm: str
    #: npm's names: os, cpu, libc
    npm_fields: dict[str, list[str]]
    #: the architecture of the Debian package, if there is one
    debian: str | None = None
    #: the architecture of the container image, if there is one
    image: str | None = None

    @property
    def executable(self) -> str:
        return "devmedia.exe" if "windows" in self.triple else "devmedia"

    @property
    def os(self) -> str:
        return self.npm_fields["os"][0]


# glibc 2.17 (manylinux2014) is that of 2012: Debian 8, Ubuntu 14.04, RHEL 7 and all later ones. The musl builds are static and
# have mimalloc, because the allocator of musl is slow. The first one is the default: its allocator is fast, and it resolves
# host names as all other programs of the system do (nsswitch.conf).
TARGETS = [
    Target(
        "x86_64-unknown-linux-gnu", "manylinux2014", "linux-x64",
        {"os": ["linux"], "cpu": ["x64"], "libc": ["glibc"]}, debian="amd64",
    ),
    Target(
        "aarch64-unknown-linux-gnu", "manylinux2014", "linux-arm64",
        {"os": ["linux"], "cpu": ["arm64"], "libc": ["glibc"]}, debian="arm64",
    ),
    Target(
        "x86_64-unknown-linux-musl", "musllinux_1_1", "linux-x64-musl",
        {"os": ["linux"], "cpu": ["x64"]}, image="amd64",
    ),
    Target(
        "aarch64-unknown-linux-musl", "musllinux_1_1", "linux-arm64-musl",
        {"os": ["linux"], "cpu": ["arm64"]}, image="arm64",
    ),
    Target("aarch64-apple-darwin", None, "darwin-arm64", {"os": ["darwin"], "cpu": ["arm64"]}),
    Target("x86_64-apple-darwin", None, "darwin-x64", {"os": ["darwin"], "cpu": ["x64"]}),
    Target("x86_64-pc-windows-gnu", None, "win32-x64", {"os": ["win32"], "cpu": ["x64"]}),
]
