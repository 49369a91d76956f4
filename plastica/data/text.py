"""Texts as symbols: what a network reads, one symbol a tick.

An `Alphabet` spells bytes as symbols, which are numbers from 0; a `Corpus` is a text so
spelled, in three parts; `load` makes one from a name or a path. Nothing here knows JAX.
"""

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Integer, UInt

from plastica.data.fetch import SOURCES, Remote, at_hand, fetch
from plastica.errors import Refusal, unknown


@dataclass(frozen=True)
class Alphabet:
    """The symbols of a text, numbered from 0 to `size` - 1; see `ALPHABETS`."""

    name: str
    size: int

    @staticmethod
    def named(name: str) -> "Alphabet":
        """The alphabet of that name; raises `Refusal` if there is none."""
        if name not in ALPHABETS:
            raise unknown("there is no alphabet", name, ALPHABETS)
        return ALPHABETS[name]

    def encode(self, text: bytes, collapse: bool = True) -> UInt[np.ndarray, "length"]:
        """Spell a text: uint8, or uint16 if there are more than 256 symbols.

        Among letters, each character that is not a to z in either case is the symbol 0:
        of UTF-8 if the text is that, of ISO-8859-1 if it is not. `collapse` makes one
        of each run of them; it means nothing to bytes.
        """
        symbols = np.frombuffer(text, np.uint8)
        if self.name != "letters":
            return symbols.astype(np.uint8 if self.size <= 256 else np.uint16)
        with suppress(UnicodeDecodeError):
            text.decode()
            symbols = symbols[symbols & 0xC0 != 0x80]  # one byte of each character
        symbols = (symbols | 0x20) - np.uint8(ord("a") - 1)  # a, A: 1; wraps below
        symbols = np.where(symbols <= 26, symbols, np.uint8(0))
        again = (symbols[1:] == 0) & (symbols[:-1] == 0)
        return np.delete(symbols, 1 + np.flatnonzero(again)) if collapse else symbols

    def decode(self, symbols: Integer[Any, "length"]) -> str:
        """Show symbols, as an array: letters and blanks, or UTF-8 with � for the rest.

        Raises `Refusal` for symbols that are not in the alphabet.
        """
        symbols = np.asarray(symbols, np.int64)
        if ((symbols < 0) | (symbols >= self.size)).any():
            raise Refusal(
                f"the alphabet {self.name!r} has the symbols 0 to {self.size - 1}, got "
                f"{symbols.min()} to {symbols.max()}; decode them as they were encoded"
            )
        if self.name == "letters":
            symbols = np.where(symbols == 0, ord(" "), symbols + ord("a") - 1)
        shown = np.minimum(symbols, 0xFF)  # a byte that is nowhere in UTF-8
        return shown.astype(np.uint8).tobytes().decode(errors="replace")


ALPHABETS = {
    "letters": Alphabet("letters", 27),
    "bytes": Alphabet("bytes", 256),
    "padded-bytes": Alphabet("padded-bytes", 259),  # paper 000's size; 3 never occur
}
PARTS = {"training": (0, 8), "validation": (8, 9), "test": (9, 10)}  # in tenths


@dataclass(frozen=True, eq=False)
class Corpus:
    """A text spelled in an alphabet, in three parts: training, validation and test.

    Args:
        name: the text's name or path.
        symbols: the symbols as integers, shape `(length,)`.
        alphabet: how they are spelled.
        sha256: checksum of the bytes as read; of a folder's files, one after another.
    """

    name: str
    symbols: UInt[np.ndarray, "length"]
    alphabet: Alphabet
    sha256: str  # of the bytes as read; of a folder's files, one after another

    def part(self, name: str) -> UInt[np.ndarray, "length"]:
        """The "training" part (the first 80 %), "validation" or "test" (10 % each)."""
        if name not in PARTS:
            raise unknown("a text has no part", name, PARTS)
        start, stop = (len(self.symbols) * tenths // 10 for tenths in PARTS[name])
        return self.symbols[start:stop]

    def require(self, length: int) -> None:
        """Refuse a `length` of passages, in symbols, that some part cannot hold."""
        longest = min(len(self.part(name)) for name in PARTS)
        has = f"{self.name!r} has {len(self.symbols):,} symbols"
        if not longest:
            raise Refusal(f"{has}, too few for three parts; take a longer text")
        if not 1 <= length <= longest:
            raise Refusal(
                f"{has}, so that each part holds passages of 1 to {longest:,}, got a "
                f"length of {length:,}; change the length or take a longer text"
            )


def load(
    source: str | Path,
    alphabet: str = "letters",
    collapse: bool = True,
    folder: str | Path | None = None,
) -> Corpus:
    """A corpus by name, or from a text file, or from a folder of .txt files in order.

    Names: "python-docs" (CPython's own documentation, on every machine; it differs
    between versions), "wizard-of-oz", "alice-de", "enwik8", "pg19" (your own books).
    All but the first are read from `folder`, or from the folder that the environment
    variable PLASTICA_DATA names, as text/wizard_of_oz.txt, text/alice_de.txt,
    text/enwik8_1mb (the first megabyte) and text/pg19/*.txt; where a checksum is listed
    for such a file, it must have it. What that folder does not have is fetched once
    into the user's cache; enwik8 is then the whole 100,000,000 bytes. What Project
    Gutenberg puts before and after a book is left out.

    Args:
        source: a name, or the path of a file or a folder.
        alphabet: "letters" (27 symbols: a to z in either case, and 0 for the rest),
            "bytes" (256), or "padded-bytes" (259, the size in paper 000).
        collapse: whether a run of symbols 0 becomes one, among letters.
        folder: a folder that has the named texts; None: PLASTICA_DATA.

    Returns:
        A `Corpus`: symbols, shape `(length,)`, its alphabet, and a checksum. Its parts
        are "training" (the first 80 %), "validation" and "test" (10 % each).

    Raises:
        Refusal: if the text cannot be had, or cannot be read in that alphabet.

    Example:
        >>> import numpy as np
        >>> import plastica as pl
        >>> corpus = pl.load_text("python-docs")
        >>> corpus.alphabet.size, len(corpus.symbols) > 100_000
        (27, True)
        >>> corpus.alphabet.decode(np.array([1, 2, 0, 3]))
        'ab c'
    """
    name, spelling = os.fspath(source), Alphabet.named(alphabet)
    texts = _texts(name, folder)
    body = _body(texts)
    if not body:
        raise Refusal(f"{name!r} has nothing but header and licence; take another text")
    if spelling.name == "letters":
        _refuse_compressed(name, texts)
        _refuse_unless_letters(name, body)
    symbols = spelling.encode(body, collapse)
    symbols.flags.writeable = False
    return Corpus(name, symbols, spelling, sha256(b"".join(texts)).hexdigest())


REMOTES = {name: Remote(**file) for name, file in SOURCES["texts"].items()}
EDGE = rb"^[ \t]*\*\*\* ?%s OF TH(?:E|IS) PROJECT GUTENBERG E(?:BOOK|TEXT)"
TITLE = rb"[^*\n]*(?:\n[^*\n]+\*\*\*[ \t\r]*$|.*)\n?"  # may go on in a second line
START = re.compile(EDGE % b"START" + TITLE, re.I | re.M)
END = re.compile(EDGE % b"END", re.I | re.M)
COMPRESSED = {  # by what such a file begins with
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
CONTROLS = bytes({*range(32)} - {*b"\t\n\v\f\r"}) + b"\x7f"


def _texts(name: str, folder: str | Path | None) -> list[bytes]:
    """The files of a source, byte for byte."""
    path = os.path.expanduser(name)
    if name == "python-docs":
        return [_python_docs()]
    if name in REMOTES:
        return _named(name, folder)
    if os.path.isfile(path) or os.path.isdir(path):
        return list(_read(Path(path)).values())
    raise unknown("there is no text or path", name, ["python-docs", *REMOTES])


def _python_docs() -> bytes:
    try:
        from pydoc_data.topics import topics
    except ImportError as error:
        raise Refusal(
            "'python-docs' cannot be read: this Python has no pydoc_data, which is its "
            "documentation; give the path of a text instead"
        ) from error
    return "".join(topics[topic] for topic in sorted(topics)).encode()


def _named(name: str, folder: str | Path | None) -> list[bytes]:
    """The files of a text that the library knows: the user's own, or fetched."""
    remote = REMOTES[name]
    local = at_hand(remote, folder)
    if not local and not remote.url:
        raise Refusal(
            f"{name!r} is not fetched; give the path of a folder of .txt books, or set "
            f"PLASTICA_DATA to a folder that has them in {remote.name}"
        )
    if not local:
        return list(_read(fetch(remote)).values())
    texts = _read(local)
    for file, text in texts.items():
        got = sha256(text).hexdigest()
        listed = SOURCES["listed"].get(file.name, got)
        if got != listed:
            raise Refusal(
                f"{str(file)!r} is not the file listed by that name: its sha256 is "
                f"{got}, not {listed}; replace it, or give its path to take it as it is"
            )
    return list(texts.values())


def _read(path: Path) -> dict[Path, bytes]:
    """A file, or the .txt files of a folder by name, none of them empty."""
    try:
        files = [path]
        if path.is_dir():
            files = sorted(file for file in path.iterdir() if file.suffix == ".txt")
        texts = {file: file.read_bytes() for file in files}
    except OSError as error:
        raise Refusal(
            f"cannot read {str(error.filename or path)!r}: {error.strerror}; allow it, "
            "or take another text"
        ) from error
    if not texts:
        raise Refusal(f"the folder {str(path)!r} has no .txt files; take another")
    for file in files:
        if not texts[file]:
            raise Refusal(f"{str(file)!r} is empty; remove it or take another text")
    return texts


def _body(texts: list[bytes]) -> bytes:
    """What stands between Project Gutenberg's lines; all, if there are none."""
    books = []
    for text in texts:
        head, *bodies = START.split(text)
        books.append(b"".join(END.split(body)[0] for body in bodies or [head]))
    return b"\n".join(books)


def _refuse_compressed(name: str, texts: list[bytes]) -> None:
    for text, (magic, kind) in product(texts, COMPRESSED.items()):
        if text.startswith(magic):
            raise Refusal(
                f"{name!r} is compressed, with {kind}; decompress it, and give what "
                "was in it"
            )


def _refuse_unless_letters(name: str, text: bytes) -> None:
    letter = re.search(b"[A-Za-z]", text)
    controls = len(text) - len(text.translate(None, CONTROLS))
    if not letter or b"\0" in text or controls > 0.05 * len(text):
        raise Refusal(
            f"{name!r} cannot be read as letters: of {len(text):,} bytes {controls:,} "
            f"are control characters{'' if letter else ' and none is a letter'}; take "
            "another text, or the alphabet 'bytes'"
        )
