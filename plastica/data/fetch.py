"""Files from elsewhere: fetched once, checked every time, never half there.

A download is written aside, checked, and only then moved to its name in the cache.
Where the source publishes a checksum, the file must have it; where none is published,
the sha256 of the first download is kept beside the file, and whatever differs from it
later is refused.
"""

import os
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from io import BufferedWriter, BytesIO, FileIO
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

from plastica.errors import Refusal

TIMEOUT = 30  # seconds without a byte
HEADERS = {"User-Agent": "plastica"}


@dataclass(frozen=True)
class Remote:
    """A file elsewhere: where it is, what it is called here, how it is known again."""

    url: str
    name: str  # in the cache; may contain folders
    largest: int  # bytes; nothing longer is downloaded or unpacked
    checksums: tuple[str, ...] = ()  # as "md5:...", "md5:...|..."; none: first counts
    member: str = ""  # the file wanted, where `url` leads to a zip file
    holds: bytes = b""  # must occur in it, so that no login page passes for a book

    @property
    def by_hand(self) -> str:
        """What a user can do when fetching fails."""
        unpack = f", unpack {self.member!r}" if self.member else ""
        return f"try again later, or download it by hand{unpack} and give its path"


def cache_folder() -> Path:
    """The folder of fetched files: `PLASTICA_CACHE`, or the user's usual cache."""
    import pooch

    return Path(os.environ.get("PLASTICA_CACHE") or pooch.os_cache("plastica"))


def fetch(remote: Remote) -> Path:
    """The path of a remote file in the cache, downloaded if it is not there yet.

    Raises `Refusal` if the file cannot be had or is not the one expected; what is then
    at its path, if anything, is what was there before.
    """
    path = cache_folder() / remote.name
    try:
        if path.is_file():
            _check(path, remote, path)
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".aside-", dir=path.parent) as aside:
            file = Path(aside) / "file"
            _download(remote, file)
            if remote.member:
                _unpack(file.rename(file.with_name("archive")), remote, file)
            _check(file, remote, path)
            os.replace(file, path)
    except OSError as error:
        raise Refusal(
            f"cannot keep {str(path)!r} in the cache: {error.strerror or error}; make "
            "room or allow access there, or set PLASTICA_CACHE to another folder"
        ) from error
    return path


def data_folder(folder: str | Path | None) -> str:
    """The folder of data named, or that PLASTICA_DATA names; empty if neither is."""
    given = os.path.expanduser(folder or os.environ.get("PLASTICA_DATA", ""))
    if given and not os.path.isdir(given):
        raise Refusal(
            f"{given!r}, where data should be, is no folder; correct its name"
        )
    return given


def kept(remote: Remote, folder: str | Path | None) -> Path:
    """The path of a file in the folder of data if it is there, else in the cache."""
    given = data_folder(folder)
    local = Path(given, remote.name)
    if not given or not (folder or local.is_file()):
        return fetch(remote)
    if not local.is_file():
        raise Refusal(f"{str(local)!r} does not exist; put it there or name no folder")
    if remote.checksums:
        _check(local, remote, local)
    return local


class _Bounded(BufferedWriter):
    """A file to write to that refuses to grow beyond the largest size expected."""

    def __init__(self, path: Path, remote: Remote):
        super().__init__(FileIO(path, "w"))
        self.remote = remote

    def write(self, chunk) -> int:
        if self.tell() + len(chunk) > self.remote.largest:
            raise Refusal(
                f"{self.remote.url} gives more than the {self.remote.largest:,} bytes "
                f"expected at most; {self.remote.by_hand}"
            )
        return super().write(chunk)


def _download(remote: Remote, file: Path) -> None:
    import pooch
    import requests
    from rich.console import Console
    from rich.progress import Progress

    screen = Console(stderr=True)
    silent = not screen.is_terminal
    try:
        with (
            Progress(console=screen, disable=silent, transient=True) as progress,
            ExitStack() as opened,
        ):
            task = progress.add_task(Path(remote.name).name, total=None)
            bar: Any = SimpleNamespace(total=0)  # in bytes; pooch sets it, then updates
            bar.reset, bar.close = lambda: progress.reset(task), lambda: None
            bar.update = lambda count: progress.update(
                task, advance=count, total=bar.total or None
            )
            close = {"response": lambda answer, **_: opened.enter_context(answer)}
            get = pooch.HTTPDownloader(
                bar, 2**16, timeout=TIMEOUT, headers=HEADERS, hooks=close
            )
            get(remote.url, opened.enter_context(_Bounded(file, remote)), None)
    except requests.RequestException as error:
        status = getattr(error.response, "status_code", None)
        got = f"status {status}" if status else "no complete answer"
        raise Refusal(
            f"cannot download {remote.url}: got {got} ({type(error).__name__}); "
            f"{remote.by_hand}"
        ) from error


def _unpack(archive: Path, remote: Remote, file: Path) -> None:
    import zipfile
    import zlib

    broken = (ValueError, KeyError, EOFError, RuntimeError, zlib.error)
    try:
        with (
            zipfile.ZipFile(BytesIO(archive.read_bytes())) as zipped,
            zipped.open(remote.member) as member,
            _Bounded(file, remote) as into,
        ):
            shutil.copyfileobj(member, into, 2**20)
    except Refusal:
        raise
    except (*broken, zipfile.BadZipFile) as error:
        raise Refusal(
            f"{remote.url} gives no zip file from which {remote.member!r} can be "
            f"unpacked ({type(error).__name__}); {remote.by_hand}"
        ) from error


def _check(file: Path, remote: Remote, path: Path) -> None:
    """Refuse a file, in the cache or still aside, that may not stand at `path`."""
    import pooch

    what = f"{str(path)!r}" if file == path else f"what {remote.url} gives"
    remedy = "delete it to fetch it again" if file == path else remote.by_hand
    if remote.holds and remote.holds not in file.read_bytes():
        raise Refusal(f"{what} is without {remote.holds.decode()!r}; {remedy}")
    expected = remote.checksums
    if not expected:
        first = path.with_name(f"{path.name}.sha256")
        if not first.exists():
            first.write_text(f"{pooch.file_hash(str(file))}  {path.name}\n")
        expected = (f"sha256:{first.read_text(errors='replace')[:64]}",)
        remedy += f", or delete {str(first)!r} if the new file is as good"
    for checksum in expected:
        kind, _, digest = checksum.partition(":")
        if (got := pooch.file_hash(str(file), alg=kind)) not in digest.split("|"):
            raise Refusal(f"{what} has {kind} {got}, not {digest!r}; {remedy}")
