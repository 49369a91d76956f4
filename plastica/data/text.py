"""Texts as symbols: what a network reads, one symbol a tick.

An `Alphabet` spells bytes as symbols, which are numbers from 0; a `Corpus` is a text so
spelled, in three parts; `load` makes one from a name or a path. Nothing here knows JAX.
"""

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Integer, UInt

from plastica.data.fetch import Remote, data_folder, fetch
from plastica.errors import Refusal


@dataclass(frozen=True)
class Alphabet:
    """The symbols of a text, numbered from 0 to `size` - 1; see `ALPHABETS`."""

    name: str
    size: int

    @staticmethod
    def named(name: str) -> "Alphabet":
        """The alphabet of that name; raises `Refusal` if there is none."""
        if name not in ALPHABETS:
            raise Refusal(f"there is no alphabet {name!r}; {_instead(name, ALPHABETS)}")
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
    """A text spelled in an alphabet, to learn from, to tune on and to be judged by."""

    name: str
    symbols: UInt[np.ndarray, "length"]
    alphabet: Alphabet
    sha256: str  # of the bytes as read; of a folder's files, one after another

    def part(self, name: str) -> UInt[np.ndarray, "length"]:
        """The "training" part (the first 80 %), "validation" or "test" (10 % each)."""
        if name not in PARTS:
            raise Refusal(f"a text has no part {name!r}; {_instead(name, PARTS)}")
        start, stop = (len(self.symbols) * tenths // 10 for tenths in PARTS[name])
        return self.symbols[start:stop]

    def require(self, length: int) -> None:
        """Refuse a `length` of passages, in symbols, that some part cannot hold."""
        longest = min(len(self.part(name)) for name in PARTS)
        if not 1 <= length <= longest:
            raise Refusal(
                f"{self.name!r} has {len(self.symbols):,} symbols, so that each part "
                f"holds passages of 1 to {longest:,}, got a length of {length:,}; "
                "change the length or take a longer text"
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
    for such a file, it must have it. What that variable's folder does not have is
    fetched once into the user's cache; enwik8 is then the whole 100,000,000 bytes.

    What Project Gutenberg puts before and after a book is left out. Raises `Refusal`
    for whatever cannot be had, or cannot be read as a text in that alphabet.
    """
    name, spelling = os.fspath(source), Alphabet.named(alphabet)
    texts = _texts(name, folder)
    body = b"\n".join(_book(text) for text in texts)
    if not body:
        raise Refusal(f"{name!r} has nothing but header and licence; take another text")
    if spelling.name == "letters":
        _refuse_unless_letters(name, body)
    symbols = spelling.encode(body, collapse)
    symbols.flags.writeable = False
    return Corpus(name, symbols, spelling, sha256(b"".join(texts)).hexdigest())


def _gutenberg(number: int, name: str) -> Remote:
    url = f"https://www.gutenberg.org/ebooks/{number}.txt.utf-8"
    return Remote(url, name, largest=10_000_000, holds=b"*** END OF TH")


REMOTES = {  # what is fetched, and where the cache keeps it
    "wizard-of-oz": _gutenberg(55, "text/wizard_of_oz.txt"),
    "alice-de": _gutenberg(19778, "text/alice_de.txt"),
    "enwik8": Remote(
        "https://mattmahoney.net/dc/enwik8.zip",
        "text/enwik8",
        largest=100_000_000,
        checksums=(
            "md5:a1fa5ffddb56f4953e226637dabbb36a",
            "sha1:57b8363b814821dc9d47aa4d41f58733519076b2",
        ),
        member="enwik8",
    ),
}
LAYOUT = {  # in the text/ of a folder of data
    "wizard-of-oz": "wizard_of_oz.txt",
    "alice-de": "alice_de.txt",
    "enwik8": "enwik8_1mb",
    "pg19": "pg19",
}
CHECKSUMS = """\
942bc318e5b1f016fc895fd0995dba2efe80c1c3b02caa1211fc9b2ee9a6f3c0  alice_de.txt
369b688978f649681136198fb96db14c1616756260c55fb4b65e9bc049552cad  enwik8_1mb
0f9ea0b148d553177962a25edd2f56d36342c22576a3253a127b4fbeffa5687d  11_alice_in_wonderland.txt
6c37a18a886b4c12eaf4e5ff301813186616c7ee899c268db94eddd433027da7  120_treasure_island.txt
441e778a4297bfc944dc254810e8ded3134cfb0e36d73eef6bb312b4ffd74d6a  1342_pride_and_prejudice.txt
1db38633b6135805b4ca4b874ec5ced5be608ac3c3138cdae6019fc346d633a2  158_emma.txt
2a0ce5568625a304f54fbb6bfdeeadf527a1437254b5f0e06b5a9e233d4784a2  1661_sherlock_holmes.txt
f17ab08e0ad8c6e43d1e85e3cdae4e1b617ae35069cee7db8dcd457c87b1ec76  2701_moby_dick.txt
2341afcae7b06db1c80549fd700ddf10e8af12ca8e774c4747840a9ab8e81a14  33_the_scarlet_letter.txt
c802711470ddb2aaca81432fc101ed29c154e7c3d32df4172478695c33f68eae  345_dracula.txt
e2a41e811f74fba738384f6fdd39d1f426901f5857009bf3977cfb128d348fe4  35_the_time_machine.txt
734b8a1d51077e36767c46578517fd4826c024a1cbd05ebf1aca92aadbb7ad56  36_the_war_of_the_worlds.txt
2ff1cd2fa12ecff82da679e889ca7645e132e7bcfd55768ea42a955abe12c1e1  768_wuthering_heights.txt
83c8971b86eb16f61c0b74d35ff3a18933677b936cba1b2463f9ec6bd9453249  76_huckleberry_finn.txt
63905aed2ed77e597845305ff6730cb4d01851d5f321ce1904d4691685f70514  84_frankenstein.txt
e4733dca6c496f6b21f38ef270bbdb88a2243a57690494f3ba84fb3fd8708a12  98_a_tale_of_two_cities.txt
18274f31ae11aea07ea9b4f707998636c6f75d784c60d7e8fea0b4d5c2d77af6  wizard_of_oz.txt
"""  # noqa: E501
EDGE = rb"^[ \t]*\*\*\* ?%s OF TH(?:E|IS) PROJECT GUTENBERG E(?:BOOK|TEXT)"
TITLE = rb"[^*\n]*(?:\n[^*\n]+\*\*\*[ \t\r]*$|.*)\n?"  # may go on in a second line
START = re.compile(EDGE % b"START" + TITLE, re.I | re.M)
END = re.compile(EDGE % b"END", re.I | re.M)
CONTROLS = bytes({*range(32)} - {*b"\t\n\v\f\r"}) + b"\x7f"


def _texts(name: str, folder: str | Path | None) -> list[bytes]:
    """The files of a source, byte for byte."""
    path = os.path.expanduser(name)
    if name == "python-docs":
        return [_python_docs()]
    if name in LAYOUT:
        return _named(name, folder)
    if os.path.isfile(path) or os.path.isdir(path):
        return list(_read(Path(path)).values())
    instead = _instead(name, ("python-docs", *LAYOUT))
    raise Refusal(f"{name!r} is neither a text's name nor an existing path; {instead}")


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
    given = data_folder(folder)
    local = Path(given, "text", LAYOUT[name])
    if given and local.exists():
        return [_listed(file, text) for file, text in _read(local).items()]
    if folder:
        raise Refusal(f"{str(local)!r} does not exist; put it there or name no folder")
    if name not in REMOTES:
        raise Refusal(
            f"{name!r} is not fetched; give the path of a folder of .txt books, or set "
            f"PLASTICA_DATA to a folder that has them in text/{LAYOUT[name]}"
        )
    return list(_read(fetch(REMOTES[name])).values())


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


def _listed(file: Path, text: bytes) -> bytes:
    """The same text, refused if another one is listed under the file's name."""
    listed = re.search(rf"^(\w+)  {re.escape(file.name)}$", CHECKSUMS, re.M)
    got = sha256(text).hexdigest()
    if listed and got != listed[1]:
        raise Refusal(
            f"{str(file)!r} is not the file listed by that name: its sha256 is {got}, "
            f"not {listed[1]}; replace it, or give its path to take it as it is"
        )
    return text


def _book(text: bytes) -> bytes:
    """What stands between Project Gutenberg's lines; all, if there are none."""
    head, *bodies = START.split(text)
    return b"".join(END.split(body)[0] for body in bodies or [head])


def _refuse_unless_letters(name: str, text: bytes) -> None:
    letter = re.search(b"[A-Za-z]", text)
    controls = len(text) - len(text.translate(None, CONTROLS))
    if not letter or b"\0" in text or controls > 0.05 * len(text):
        raise Refusal(
            f"{name!r} cannot be read as letters: of {len(text):,} bytes {controls:,} "
            f"are control characters{'' if letter else ' and none is a letter'}; take "
            "another text, or the alphabet 'bytes'"
        )


def _instead(name: str, names: Iterable[str]) -> str:
    close = get_close_matches(name, names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names)}"
