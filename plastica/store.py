"""Arrays on disk: written aside, checksummed, renamed; never pickled, never half there.

A bundle is two files, `NAME.npz` with the arrays and `NAME.json` that says what they
are and holds the checksum of the first. The second is renamed last and makes it whole.
"""

import contextlib
import errno
import hashlib
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from plastica.errors import Refusal

LARGEST = 16 * 2**30  # bytes that one bundle's arrays may unpack to


class Damaged(Refusal):
    """A file that is truncated, altered, or not what it is named for."""


def write_bundle(path: Path, arrays: dict[str, np.ndarray], about: dict) -> None:
    """Writes `path`.npz and `path`.json; either the whole bundle or what was there."""
    npz = path.with_suffix(".npz")
    write_aside(npz, lambda file: np.savez(file, **arrays))  # type: ignore[arg-type]
    about = about | {
        "sha256": sha256(npz),
        "arrays": {k: [list(v.shape), str(v.dtype)] for k, v in arrays.items()},
    }
    write_json(path.with_suffix(".json"), about)


def read_bundle(path: Path) -> tuple[dict[str, np.ndarray], dict]:
    """The arrays and what was said about them; `Damaged` if anything is amiss."""
    about = read_json(path.with_suffix(".json"))
    npz = path.with_suffix(".npz")
    listed = about.get("arrays")
    if not isinstance(listed, dict) or "sha256" not in about:
        raise Damaged(
            f"{path.with_suffix('.json')} does not describe a bundle of arrays"
        )
    if not npz.is_file():
        raise Damaged(f"{npz} is missing beside its .json; copy both files")
    if sha256(npz) != about["sha256"]:
        raise Damaged(
            f"{npz} is truncated or altered: its checksum is not the recorded one"
        )
    return _arrays(npz, listed), about


def write_json(path: Path, content: dict) -> None:
    """Writes JSON aside and renames it."""
    text = json.dumps(content, indent=2) + "\n"
    write_aside(path, lambda file: file.write(text.encode()))


def read_json(path: Path) -> dict:
    """A JSON object from a file; `Damaged` if it is none."""
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
    return content


def write_aside(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Has `write` fill a file beside `path`, syncs it to disk, and renames it."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with said_clearly(path):
        try:
            with aside.open("wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(aside, path)
            _sync_folder(path.parent)
        finally:
            with contextlib.suppress(OSError):
                aside.unlink()


@contextlib.contextmanager
def said_clearly(path: Path):
    """Turns an error of the file system into a line that says what can be done."""
    try:
        yield
    except PermissionError as error:
        raise Refusal(
            f"no permission to write {path}; choose another folder"
        ) from error
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG):
            raise
        reason = os.strerror(error.errno).lower()
        raise Refusal(
            f"cannot write {path}: {reason}; what was there before is untouched, so "
            "make room (or choose another folder) and go on"
        ) from error


def sha256(path: Path) -> str:
    """The checksum of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _arrays(npz: Path, listed: dict) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(npz) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > LARGEST:
            raise Damaged(f"{npz} would unpack to {unpacked:,} bytes; refused")
        with np.load(npz, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise Damaged(f"{npz} is not an archive of arrays: {error}") from error
    found = {k: [list(v.shape), str(v.dtype)] for k, v in arrays.items()}
    if found != listed:
        raise Damaged(f"{npz} holds other arrays than its .json says")
    return arrays


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
