"""Arrays on disk: written aside, checksummed, renamed; never pickled, never half there.

A bundle is two files, `NAME.npz` with the arrays and `NAME.json` that says what they
are and holds the checksums of both. The second is renamed last and makes it whole.
"""

import contextlib
import errno
import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from plastica.errors import Refusal

Guard = Callable[[], None]
_guard: ContextVar[Guard | None] = ContextVar("guard", default=None)
LARGEST = 16 * 2**30  # bytes that one bundle's arrays may unpack to
UNREADABLE = (  # what NumPy and zipfile raise at an archive that is none
    *(OSError, ValueError, KeyError, EOFError, MemoryError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error),
)


class Damaged(Refusal):
    """A file that is truncated, altered, or not what it is named for."""


def write_bundle(path: Path, arrays: dict[str, np.ndarray], about: dict) -> None:
    """Writes `path`.npz and `path`.json, both aside before either is renamed.

    What was there before stays whole, unless the process dies between the two renames;
    then the bundle is seen to be damaged.
    """
    npz, described = suffixed(path, ".npz"), suffixed(path, ".json")
    fill = partial(np.savez, **arrays)  # type: ignore[arg-type]
    with said_clearly(npz), _aside(npz, fill) as new_npz:
        about = about | {"sha256": sha256(new_npz), "arrays": layout(arrays)}
        with _aside(described, lambda file: file.write(_json(about))) as new_described:
            _rename(new_npz, npz)
            _rename(new_described, described)
        _sync_folder(npz.parent)


def read_bundle(path: Path) -> tuple[dict[str, np.ndarray], dict]:
    """The arrays and what was said about them; `Damaged` if anything is amiss."""
    described, npz = suffixed(path, ".json"), suffixed(path, ".npz")
    about = read_json(described)
    listed = about.get("arrays")
    if not isinstance(listed, dict) or "sha256" not in about:
        raise Damaged(f"{described} does not describe a bundle of arrays")
    try:
        found = sha256(npz)
    except FileNotFoundError as error:
        raise Damaged(f"{npz} is missing beside its .json; copy both files") from error
    except OSError as error:
        raise Refusal(f"cannot read {npz}: {_reason(error)}") from error
    if found != about["sha256"]:
        raise Damaged(
            f"{npz} is truncated or altered: its checksum is not the recorded one"
        )
    return _arrays(npz, listed), about


def write_json(path: Path, content: dict) -> None:
    """Writes JSON, with a checksum of its own, aside and renames it."""
    write_aside(path, lambda file: file.write(_json(content)))


def read_json(path: Path) -> dict:
    """A JSON object that `write_json` wrote; `Damaged` if it is another."""
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise Refusal(f"{path} does not exist") from error
    except PermissionError as error:
        raise Refusal(f"no permission to read {path}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise Damaged(f"{path} is not readable as JSON: {error}") from error
    if not isinstance(content, dict):
        raise Damaged(f"{path} holds no JSON object")
    if content.pop("checksum", None) != checksum(content):
        raise Damaged(f"{path} is altered: its checksum is not the recorded one")
    return content


def write_text(path: Path, text: str) -> None:
    """Writes a text aside, and renames it."""
    write_aside(path, lambda file: file.write(text.encode()))


def write_aside(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Has `write` fill a file beside `path`, syncs it to disk, and renames it."""
    with said_clearly(path), _aside(path, write) as aside:
        _rename(aside, path)
        _sync_folder(path.parent)


@contextlib.contextmanager
def guarded(guard: Guard):
    """Calls `guard` before every rename; one that raises prevents it."""
    token = _guard.set(guard)
    try:
        yield
    finally:
        _guard.reset(token)


@contextlib.contextmanager
def said_clearly(path: Path):
    """Turns an error of the file system into a line that says what can be done."""
    try:
        yield
    except OSError as error:
        said, remedy = f"cannot write {path}: {_reason(error)}", "choose another folder"
        if isinstance(error, PermissionError):
            said = f"no permission to write {path}"
        elif error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG):
            before = "what was there before is untouched"
            remedy = f"{before}, so make room (or {remedy}) and go on"
        raise Refusal(f"{said}; {remedy}") from error


def sha256(path: Path) -> str:
    """The checksum of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def layout(arrays: Mapping[str, np.ndarray]) -> dict[str, list]:
    """The shape and the type of every array, as a bundle's .json lists them."""
    return {name: [list(a.shape), str(a.dtype)] for name, a in arrays.items()}


def suffixed(path: Path, suffix: str) -> Path:
    """The path with a suffix added; a dot in its name, as in rate=0.1, is none."""
    return path.with_name(path.name + suffix)


def checksum(content: dict) -> str:
    """Of a JSON object, whatever the order of its names and its spaces."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@contextlib.contextmanager
def _aside(path: Path, write: Callable[[BinaryIO], Any]):
    """A file beside `path`, filled and synced; gone at the end if not renamed."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with aside.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        yield aside
    finally:
        with contextlib.suppress(OSError):
            aside.unlink()


def _rename(aside: Path, path: Path) -> None:
    if guard := _guard.get():
        guard()
    os.replace(aside, path)


def _json(content: dict) -> bytes:
    sealed = content | {"checksum": checksum(content)}
    return (json.dumps(sealed, indent=2) + "\n").encode()


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _arrays(npz: Path, listed: dict) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(npz) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > LARGEST:
            raise Damaged(f"{npz} would unpack to {unpacked:,} bytes; refused")
        with np.load(npz, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except UNREADABLE as error:
        raise Damaged(f"{npz} is not an archive of arrays: {error}") from error
    if layout(arrays) != listed:
        raise Damaged(f"{npz} holds other arrays than its .json says")
    return arrays


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
