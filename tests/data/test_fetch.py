"""Downloads against a server on this machine: good, bad, broken and changing."""

import hashlib
import io
import threading
import zipfile
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from plastica.data.fetch import Remote, cache_folder, fetch
from plastica.errors import Refusal

GOOD = b"It was a dark and stormy night. " * 5_000  # more than one chunk
SHA256 = hashlib.sha256(GOOD).hexdigest()


def zipped(**members: bytes) -> bytes:
    """The bytes of a zip file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


class Site(ThreadingHTTPServer):
    """A site on the loopback address: what it holds, and what it was asked for."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.unblock = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}/"

    def handle_error(self, request, client_address):
        """A client that hangs up early is part of these tests."""


class Answer(BaseHTTPRequestHandler):
    """Answers with a file of the site, or as badly as the path asks for."""

    def do_GET(self):
        site, path = self.server, self.path.strip("/")
        assert isinstance(site, Site)
        site.asked.append(path)
        if path in ("404", "500"):
            return self.send_error(int(path))
        body = site.files.get(path, GOOD)
        self.send_response(200)
        if path != "unsized":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if path == "slow":
            site.unblock.wait(10)
        self.wfile.write(body[: len(body) // 2] if path == "cut-off" else body)
        return None

    def log_message(self, format, *args):
        pass


@pytest.fixture
def site():
    """A running site."""
    site = Site()
    thread = threading.Thread(target=site.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield site
    site.unblock.set()
    site.shutdown()
    site.server_close()
    thread.join()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setenv("PLASTICA_CACHE", str(tmp_path / "cache"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "cache"


def remote(site: Site, path: str = "good", **changes) -> Remote:
    """A remote file of the site, one megabyte at most."""
    return replace(Remote(site.url + path, "texts/night.txt", 2**20), **changes)


def refused(remote: Remote) -> str:
    """The one line with which it is refused, once nothing was left behind."""
    with pytest.raises(Refusal) as refusal:
        fetch(remote)
    assert "\n" not in str(refusal.value)
    left = [path.name for path in (cache_folder() / remote.name).parent.glob("*")]
    assert set(left) <= {"night.txt.sha256"}
    return str(refusal.value)


def test_a_good_file_comes_once(site, cache):
    checksums = (f"sha256:{SHA256}", f"md5:{hashlib.md5(GOOD).hexdigest()}")
    path = fetch(remote(site, checksums=checksums))
    assert path == cache / "texts" / "night.txt"
    assert path.read_bytes() == GOOD
    assert fetch(remote(site, checksums=checksums)) == path
    assert site.asked == ["good"]
    assert list(path.parent.iterdir()) == [path]


def test_a_file_of_unknown_size_comes_too(site, cache):
    assert fetch(remote(site, "unsized")).read_bytes() == GOOD


@pytest.mark.parametrize("status", ["404", "500"])
def test_a_server_that_refuses_is_named_with_what_to_do(site, cache, status):
    message = refused(remote(site, status))
    assert f"status {status}" in message
    assert site.url + status in message
    assert "download it by hand and give its path" in message


def test_wrong_bytes_are_refused(site, cache):
    message = refused(remote(site, checksums=("sha1:" + "0" * 40,)))
    assert "sha1" in message and hashlib.sha1(GOOD).hexdigest() in message


def test_every_checksum_counts(site, cache):
    refused(remote(site, checksums=(f"sha256:{SHA256}", "md5:" + "0" * 32)))


def test_a_connection_that_breaks_off_is_refused(site, cache):
    assert "no complete answer" in refused(remote(site, "cut-off"))


def test_a_server_that_falls_silent_is_refused(site, cache, monkeypatch):
    monkeypatch.setattr("plastica.data.fetch.TIMEOUT", 0.2)
    assert "no complete answer" in refused(remote(site, "slow"))


def test_no_server_at_all_is_refused(site, cache):
    assert "cannot download" in refused(remote(site, url="http://127.0.0.1:1/file"))


def test_more_than_the_expected_bytes_are_refused(site, cache):
    assert "1,000 bytes" in refused(remote(site, largest=1_000))


def test_a_login_page_is_no_book(site, cache):
    wanted = remote(site, "login", holds="THE END")
    assert "without 'THE END'" in refused(wanted)
    assert not (cache / "texts" / "night.txt.sha256").exists()
    site.files["login"] = GOOD + b"THE END"
    assert fetch(wanted).read_bytes() == GOOD + b"THE END"


def test_a_file_that_changes_at_its_source_is_refused(site, cache):
    path = fetch(remote(site))
    record = path.with_name("night.txt.sha256")
    assert record.read_text() == f"{SHA256}  night.txt\n"
    path.unlink()
    site.files["good"] = b"another night"
    message = refused(remote(site))
    assert SHA256 in message and repr(str(record)) in message
    record.unlink()
    assert fetch(remote(site)).read_bytes() == b"another night"


def test_a_file_that_changes_in_the_cache_is_refused_and_kept(site, cache):
    for checksums in ((), (f"sha256:{SHA256}",)):
        path = fetch(remote(site, checksums=checksums))
        path.write_bytes(b"edited")
        with pytest.raises(Refusal, match="delete it to fetch it again"):
            fetch(remote(site, checksums=checksums))
        assert path.read_bytes() == b"edited"
        path.unlink()


def test_a_damaged_record_is_refused(site, cache):
    fetch(remote(site)).with_name("night.txt.sha256").write_bytes(b"\xff\n\xff")
    with pytest.raises(Refusal, match="delete") as refusal:
        fetch(remote(site))
    assert "\n" not in str(refusal.value)


def test_a_member_of_a_zip_file_is_unpacked_and_checked(site, cache):
    site.files["zip"] = zipped(night=GOOD, other=b"not this")
    wanted = remote(site, "zip", member="night", checksums=(f"sha256:{SHA256}",))
    path = fetch(wanted)
    assert path.read_bytes() == GOOD
    assert list(path.parent.iterdir()) == [path]


def test_a_zip_file_is_not_unpacked_beyond_its_bound(site, cache):
    site.files["zip"] = zipped(night=bytes(10_000_000))
    assert len(site.files["zip"]) < 2**20
    assert "1,048,576 bytes" in refused(remote(site, "zip", member="night"))


def test_what_is_no_zip_file_or_lacks_the_member_is_refused(site, cache):
    assert "BadZipFile" in refused(remote(site, member="night"))
    site.files["zip"] = zipped(other=GOOD)
    assert "unpack 'night'" in refused(remote(site, "zip", member="night"))


@pytest.mark.parametrize("position", range(0, 150, 10))
def test_a_damaged_zip_file_is_refused(site, cache, position):
    damaged = bytearray(zipped(night=b"It was a dark and stormy night."))
    damaged[position % len(damaged)] ^= 0xFF
    site.files["zip"] = bytes(damaged)
    checksums = ("sha256:" + "0" * 64,)
    refused(remote(site, "zip", member="night", checksums=checksums))


def test_a_cache_that_cannot_be_written_is_refused(site, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("PLASTICA_CACHE", str(tmp_path / "file"))
    with pytest.raises(Refusal, match="set PLASTICA_CACHE to another folder"):
        fetch(remote(site))


def test_the_cache_is_the_users_own_unless_told(monkeypatch):
    monkeypatch.delenv("PLASTICA_CACHE", raising=False)
    assert "plastica" in str(cache_folder())
