"""The fixtures, used as a project uses them. They need pytest-django; packaging/test also runs them by pytest-xdist."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import devmedia as package


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read()


def put(url: str, content: bytes) -> int:
    request = urllib.request.Request(url, content, method="PUT")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.status


# the same name in both tests: neither sees the other's file
@pytest.mark.parametrize("content", [b"first", b"second"])
def test_each_test_has_a_root_of_its_own(devmedia, content):
    assert list(devmedia.root.iterdir()) == []
    (devmedia.root / "a.txt").write_bytes(content)
    assert get(devmedia.url + "a.txt") == content


def test_uploads_are_off(devmedia):
    with pytest.raises(urllib.error.HTTPError) as refused:
        put(devmedia.url + "a.txt", b"hello")
    assert refused.value.code == 405


@pytest.mark.devmedia(upload=True, mount=[f"/here/={Path(__file__).parent}"])
class TestMarked:
    def test_a_mark_sets_flags(self, devmedia):
        assert put(devmedia.url + "a.txt", b"hello") == 201
        assert (devmedia.root / "a.txt").read_bytes() == b"hello"
        assert b"SECRET_KEY" in get(devmedia.url.replace("/media/", "/here/") + "django_settings.py")

    @pytest.mark.devmedia("--no-index", url="/files/", upload=False)
    def test_the_mark_of_the_test_wins(self, devmedia):
        assert devmedia.url.endswith("/files/")
        with pytest.raises(urllib.error.HTTPError):
            get(devmedia.url)
        with pytest.raises(urllib.error.HTTPError):
            put(devmedia.url + "a.txt", b"hello")


def test_django_stores_into_the_root_and_links_to_the_server(devmedia_media):
    from django.core.files.base import ContentFile
    from django.core.files.storage import default_storage

    name = default_storage.save("avatars/ada lovelace.txt", ContentFile(b"hello"))
    assert (devmedia_media.root / name).read_bytes() == b"hello"
    assert default_storage.url(name).startswith(devmedia_media.url)
    assert get(default_storage.url(name)) == b"hello"


def test_django_has_its_own_settings_again():
    from django.conf import settings

    assert settings.MEDIA_ROOT == "/nonexistent"


def test_an_s3_client_needs_no_configuration(devmedia, devmedia_s3):
    boto3 = pytest.importorskip("boto3")
    client = boto3.client("s3")
    client.put_object(Bucket=devmedia_s3.bucket, Key="a/b.txt", Body=b"hello")
    assert (devmedia.root / "a/b.txt").read_bytes() == b"hello"
    assert get(devmedia.url + "a/b.txt") == b"hello"
    other = boto3.client("s3", **devmedia_s3.client_arguments())
    assert get(other.generate_presigned_url("get_object", {"Bucket": "media", "Key": "a/b.txt"})) == b"hello"


@pytest.mark.devmedia(bucket="avatars")
def test_a_bucket_of_another_name(devmedia_s3):
    boto3 = pytest.importorskip("boto3")
    assert [bucket["Name"] for bucket in boto3.client("s3").list_buckets()["Buckets"]] == ["avatars"] == [devmedia_s3.bucket]


def test_stop_can_be_repeated(devmedia):
    devmedia.stop()
    devmedia.stop()
    assert devmedia.process.returncode == 0
    with pytest.raises(OSError):
        get(devmedia.url)


def test_the_variables_of_the_shell_do_not_apply(tmp_path, monkeypatch):
    monkeypatch.setenv("DEVMEDIA_LISTEN", "nowhere")
    monkeypatch.setenv("MEDIA_ROOT", "/nonexistent")
    monkeypatch.setenv("MEDIA_URL", "https://cdn.example/")
    with package.start(tmp_path / "new") as server:
        assert get(server.url)


def test_each_listen_has_a_url(tmp_path):
    with package.start(tmp_path, listen=["127.0.0.1:0", "127.0.0.1:0"]) as server:
        assert len(server.urls) == 2
        assert all(get(url) for url in server.urls)


def test_a_wrong_flag_is_an_error(tmp_path, capfd):
    with pytest.raises(package.DevmediaError, match="exit code 2"):
        package.start(tmp_path, network="5g")
    assert "--network" in capfd.readouterr().err


def test_a_program_that_is_missing_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("DEVMEDIA_BINARY", str(tmp_path / "none"))
    with pytest.raises(package.DevmediaError, match="cannot start .*none"):
        package.start(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_server_ends_with_a_process_that_is_killed(tmp_path):
    script = "import devmedia, sys, time; s = devmedia.start(sys.argv[1]); print(s.process.pid, flush=True); time.sleep(600)"
    # it holds the stderr of the server, which is closed when the server has ended
    with subprocess.Popen(
        [sys.executable, "-c", script, tmp_path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        _, log = process.communicate(timeout=60)
    assert "the parent process has ended" in log


def test_python_m_devmedia_is_the_program():
    version = subprocess.check_output([sys.executable, "-m", "devmedia", "--version"], text=True)
    assert version.startswith("devmedia ")


def test_arguments_in_the_ini_file_and_a_project_without_django(pytester):
    pytester.makeini("[pytest]\ndevmedia_args = --upload --url '/my files/'\n")
    pytester.makepyfile(
        """
        import urllib.request

        def test_it(devmedia_media):
            assert devmedia_media.url.endswith("/my%20files/")
            request = urllib.request.Request(devmedia_media.url + "a.txt", b"hello", method="PUT")
            assert urllib.request.urlopen(request).status == 201
        """
    )
    pytester.runpytest_subprocess("-p", "no:django", "--strict-markers").assert_outcomes(passed=1)
