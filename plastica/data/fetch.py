"""Files from elsewhere: fetched once, checked every time, never half there.

A download is written aside, checked, and only then moved to its name in the cache.
Where the source publishes a checksum, the file must have it; where none is published,
the sha256 of the first download is kept beside the file, and whatever differs from it
later is refused. Which files there are stands in `sources.toml`.
"""

import os
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from plastica.errors import Refusal

SOURCES = tomllib.loads(Path(__file__).with_name("sources.toml").read_text())
CHUNK = 2**16  # bytes read at once
TIMEOUT = 30  # seconds without a byte
HEADERS = {"User-Agent": "plastica"}


@dataclass(frozen=True)
class Remote:
    """A file elsewhere: where it is, what it is called here, how it is known again."""

    url: str  # empty: it is the user's own, and never fetched
    name: str  # in the cache and in a folder of data; may contain folders
    largest: int  # bytes; nothing longer is downloaded or unpacked
    checksums: Sequence[str] = ()  # as "md5:...", "md5:...|..."; none: first counts
    member: str = ""  # the file wanted, where `url` leads to a zip file
    holds: str = ""  # must occur in it, so that no login page passes for a book
    local: str = ""  # its name in a folder of data, where that is another one

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
                _unpack(remote, file)
            _check(file, remote, path)
            os.replace(file, path)
    except OSError as error:
        raise Refusal(
            f"cannot keep {str(path)!r} in the cache: {error.strerror or error}; make "
            "room or allow access there, or set PLASTICA_CACHE to another folder"
        ) from error
    return path


def at_hand(remote: Remote, folder: str | Path | None) -> Path | None:
    """Where a file is in the folder of data; None if it is to be fetched.

    That is the folder given, which must have the file, or else the one that
    PLASTICA_DATA names, which may.
    """
    given = os.path.expanduser(folder or os.environ.get("PLASTICA_DATA", ""))
    if given and not os.path.isdir(given):
        raise Refusal(
            f"{given!r}, where data should be, is no folder; correct its name"
        )
    path = Path(given, remote.local or remote.name)
    if given and path.exists():
        return path
    if folder:
        raise Refusal(f"{str(path)!r} does not exist; put it there or name no folder")
    return None


def kept(remote: Remote, folder: str | Path | None) -> Path:
    """The path of a file in the folder of data if it is there, else in the cache."""
    local = at_hand(remote, folder)
    if local and remote.checksums:
        _check(local, remote, local)
    return local or fetch(remote)


def _download(remote: Remote, file: Path) -> None:
    """Write what the address gives; a terminal is shown how far it has come."""
    import requests
    from rich.console import Console
    from rich.progress import Progress

    screen = Console(stderr=True)
    shown = Progress(console=screen, disable=not screen.is_terminal, transient=True)
    get = partial(requests.get, stream=True, timeout=TIMEOUT, headers=HEADERS)
    try:
        with shown as progress, get(remote.url) as answer:
            answer.raise_for_status()
            total = int(answer.headers.get("Content-Length", 0)) / CHUNK or None
            chunks = progress.track(
                answer.iter_content(CHUNK), total, description=Path(remote.name).name
            )
            _write(chunks, remote, file)
    except requests.RequestException as error:
        status = getattr(error.response, "status_code", None)
        got = f"status {status}" if status else "no complete answer"
        raise Refusal(
            f"cannot download {remote.url}: got {got} ({type(error).__name__}); "
            f"{remote.by_hand}"
        ) from error


def _write(chunks: Iterable[bytes], remote: Remote, file: Path) -> None:
    """Write a file that may not grow beyond the largest size expected."""
    with file.open("wb") as into:
        for chunk in chunks:
            if into.tell() + len(chunk) > remote.largest:
                raise Refusal(
                    f"{remote.url} gives more than the {remote.largest:,} bytes "
                    f"expected at most; {remote.by_hand}"
                )
            into.write(chunk)


def _unpack(remote: Remote, file: Path) -> None:
    """Put the member that is wanted in its zip file's place."""
    import zipfile
    import zlib

    broken = (ValueError, KeyError, EOFError, RuntimeError, zlib.error)
    try:
        with (
            zipfile.ZipFile(BytesIO(file.read_bytes())) as zipped,
            zipped.open(remote.member) as member,
        ):
            _write(iter(partial(member.read, CHUNK), b""), remote, file)
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
    if remote.holds and remote.holds.encode() not in file.read_bytes():
        raise Refusal(f"{what} is without {remote.holds!r}; {remedy}")
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
