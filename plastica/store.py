"""Arrays on disk: written aside, checksummed, renamed; never pickled, never half there.

A bundle is one file, `NAME.safetensors`. Its header says what the arrays are, and holds
a checksum of them and one of what it says. Older bundles are twins, which are read.
"""

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from plastica import twins
from plastica.errors import Damaged, Refusal

_guard: ContextVar[Callable[[], None] | None] = ContextVar("guard", default=None)
LARGEST = 16 * 2**30  # bytes of a file, or that an older one may unpack to
SUFFIX = ".safetensors"
THERE = (SUFFIX, twins.DESCRIBED)  # a bundle stands where one of these does
ENDS = (*THERE, twins.ARRAYS)
SAID = "plastica"  # the one entry of a header's metadata
KINDS = "biufc"  # of numbers that both NumPy and the format have, up to 8 bytes


def write_bundle(path: Path, arrays: Mapping[str, np.ndarray], about: dict) -> Path:
    """Writes `path`.safetensors and returns it; `about` says what the arrays are."""
    file, rows = suffixed(path, SUFFIX), {}
    for name, array in arrays.items():
        if array.dtype.kind not in KINDS or array.itemsize > 8:
            raise Refusal(f"{name} is {array.dtype}, which is not saved; cast it")
        rows[name] = np.asarray(array, order="C")
    header = about | {"arrays": layout(rows), "sha256": _sha256(rows)}
    write_aside(file, save(rows, {SAID: json.dumps(_sealed(header))}))
    return file


def read_bundle(path: Path) -> tuple[dict[str, np.ndarray], dict]:
    """The arrays and what was said about them; `Damaged` if anything is amiss."""
    file, described = suffixed(path, SUFFIX), suffixed(path, twins.DESCRIBED)
    if os.path.lexists(described) and not os.path.lexists(file):
        about, file = read_json(described), suffixed(path, twins.ARRAYS)
        arrays = twins.unpacked(_content(file), about, file, LARGEST)
    else:
        arrays, about = _unpacked(_content(file), file)
    if about.pop("arrays", None) != layout(arrays):
        raise Damaged(f"{file} holds other arrays than it was written with")
    return arrays, about


def is_bundle(path: Path) -> bool:
    """Whether a bundle stands at `path`, whole or not."""
    return any(os.path.lexists(suffixed(path, end)) for end in THERE)


def bundles(folder: Path) -> list[Path]:
    """The bundles of a folder by name, whole or not, as `read_bundle` takes them."""
    files = (f for end in THERE for f in folder.glob(f"*{end}"))
    return sorted({file.with_suffix("") for file in files})


def write_json(path: Path, content: dict) -> None:
    """Writes JSON, with a checksum of its own, aside and renames it."""
    write_text(path, json.dumps(_sealed(content), indent=2) + "\n")


def read_json(path: Path) -> dict:
    """A JSON object that `write_json` wrote; `Damaged` if it is another."""
    return _unsealed(_content(path), path)


def write_text(path: Path, text: str) -> None:
    """Writes a text aside, and renames it."""
    write_aside(path, text.encode())


def write_aside(path: Path, content: bytes) -> None:
    """Fills a file beside `path`, syncs it to disk, and renames it.

    What was there before stays whole, whenever the process dies.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with said_clearly(path):
        try:
            with aside.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if guard := _guard.get():
                guard()
            os.replace(aside, path)
        finally:
            with contextlib.suppress(OSError):
                aside.unlink()
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextlib.contextmanager
def guarded(guard: Callable[[], None]):
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
        remedy = "choose another folder"
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG):
            before = "what was there before is untouched"
            remedy = f"{before}, so make room (or {remedy}) and go on"
        why = str(error.strerror).lower()
        raise Refusal(f"cannot write {path}: {why}; {remedy}") from error


def layout(arrays: Mapping[str, np.ndarray]) -> dict[str, list]:
    """The shape and the type of every array, as a bundle lists them."""
    return {name: [list(a.shape), str(a.dtype)] for name, a in arrays.items()}


def suffixed(path: Path, suffix: str) -> Path:
    """The path with a suffix added; a dot in its name, as in rate=0.1, is none."""
    return path.with_name(path.name + suffix)


def checksum(content: dict) -> str:
    """Of a JSON object, whatever the order of its names and its spaces."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _sealed(content: dict) -> dict:
    return content | {"checksum": checksum(content)}


def _unsealed(text: bytes | str, where: Path) -> dict:
    try:
        content = json.loads(text)
        is_object = isinstance(content, dict)
        whole = is_object and content.pop("checksum", None) == checksum(content)
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{where} is not readable as JSON: {error}") from error
    if not is_object:
        raise Damaged(f"{where} holds no JSON object")
    if not whole:
        raise Damaged(f"{where} is altered: its checksum is not the recorded one")
    return content


def _content(path: Path) -> bytes:
    """The bytes of a file, read once; refused before, if there are too many."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > LARGEST:
                raise Damaged(f"{path} has {size:,} bytes, too many; refused")
            return file.read(size)
    except OSError as error:
        kind = Refusal if isinstance(error, PermissionError) else Damaged
        raise kind(f"cannot read {path}: {str(error.strerror).lower()}") from error


def _unpacked(content: bytes, file: Path) -> tuple[dict[str, np.ndarray], dict]:
    """The arrays, which are those that the header was written with, and what it says.

    The library has checked the header when it is read again for its metadata.
    """
    try:
        arrays = load(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    except (SafetensorError, KeyError, ValueError, OverflowError) as error:
        raise Damaged(f"{file} is truncated or altered: {error}") from error
    metadata = header.get("__metadata__") or {}
    if metadata.keys() != {SAID}:
        raise Damaged(f"{file} is another program's: it does not say what it holds")
    about = _unsealed(metadata[SAID], file)
    if about.pop("sha256", None) != _sha256(arrays):
        raise Damaged(f"{file} is altered: its arrays are not those that were written")
    return arrays, about


def _sha256(arrays: Mapping[str, np.ndarray]) -> str:
    """The checksum of the arrays' bytes, in the order of their names."""
    found = hashlib.sha256()
    for name in sorted(arrays):
        found.update(arrays[name].tobytes())
    return found.hexdigest()
