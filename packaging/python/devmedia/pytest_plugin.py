"""Fixtures that serve files to a test by a devmedia of its own.

Each test gets a server on a free port with an empty root, so tests do not disturb each other, also not in the processes of
pytest-xdist.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

import pytest

from devmedia import S3, Server, start


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        "devmedia_args", "Arguments for the devmedia of each test, as they are typed: --upload --network 3g", type="args"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "devmedia(*args, **options): flags for the devmedia of this test, such as upload=True or network='3g'; "
        "they are added to those of devmedia_args",
    )


def marked(request: pytest.FixtureRequest) -> tuple[list[str], dict[str, Any]]:
    """The arguments and the options of a test."""
    args: list[str] = list(request.config.getini("devmedia_args"))
    options: dict[str, Any] = {}
    # the mark of the module and of the class first, so that the mark of the test wins
    for mark in reversed(list(request.node.iter_markers("devmedia"))):
        args += mark.args
        options.update(mark.kwargs)
    return args, options


@pytest.fixture
def devmedia(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A running devmedia with an empty root: `devmedia.url`, `devmedia.root`, `devmedia.stop()`."""
    args, options = marked(request)
    if "devmedia_s3" in request.fixturenames:
        options = {"s3": True, "upload": True, **options}
    with start(tmp_path / "devmedia", *args, **options) as server:
        yield server


@pytest.fixture
def devmedia_media(request: pytest.FixtureRequest, devmedia: Server) -> Server:
    """The same. With pytest-django, MEDIA_ROOT and MEDIA_URL are those of the server during the test."""
    if request.config.pluginmanager.has_plugin("django"):
        settings = request.getfixturevalue("settings")
        settings.MEDIA_ROOT = str(devmedia.root)
        settings.MEDIA_URL = devmedia.url
    return devmedia


@pytest.fixture
def devmedia_s3(devmedia: Server, monkeypatch: pytest.MonkeyPatch) -> S3:
    """The S3 endpoint of the same server, over the same root, in the environment of AWS clients during the test."""
    assert devmedia.s3, "the mark of this test has s3=False"
    for name, value in devmedia.s3.environment().items():
        monkeypatch.setenv(name, value)
    return devmedia.s3
