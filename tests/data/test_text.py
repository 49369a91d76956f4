"""Alphabets, corpora, and every way in which a text can be refused."""

import bz2
import errno
import gzip
import hashlib
import lzma
import os
import re
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plastica.data import ALPHABETS, Alphabet, Corpus, load, text
from plastica.data.fetch import SOURCES
from plastica.errors import Refusal

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason="no shared/data beside the repository"
)
LETTERS = ALPHABETS["letters"]


@pytest.fixture(autouse=True)
def no_settings(monkeypatch, tmp_path):
    """Nothing of the user's own is read or written."""
    monkeypatch.delenv("PLASTICA_DATA", raising=False)
    monkeypatch.setenv("PLASTICA_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def no_network(monkeypatch):
    """Whoever fetches fails, and says what was asked for."""

    def fetch(remote):
        raise Refusal(f"asked for {remote.url}")

    monkeypatch.setattr(text, "fetch", fetch)


def refused(*arguments, **options) -> str:
    """The one line with which `load` refuses."""
    with pytest.raises(Refusal) as refusal:
        load(*arguments, **options)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def corpus(length: int) -> Corpus:
    """A text of the symbols 0, 1, 2, ... modulo 27."""
    symbols = (np.arange(length) % 27).astype(np.uint8)
    return Corpus("numbers", symbols, LETTERS, "0" * 64)


# Alphabets


@pytest.mark.parametrize(
    ("name", "size", "dtype"),
    [
        ("letters", 27, "uint8"),
        ("bytes", 256, "uint8"),
        ("padded-bytes", 259, "uint16"),
    ],
)
def test_three_alphabets(name, size, dtype):
    alphabet = Alphabet.named(name)
    assert (alphabet.name, alphabet.size) == (name, size)
    symbols = alphabet.encode(bytes(range(256)))
    assert symbols.dtype == dtype and symbols.max() < size
    assert alphabet.encode(b"").dtype == dtype and len(alphabet.encode(b"")) == 0
    assert hash(alphabet) == hash(replace(alphabet))


def test_letters_are_numbered_from_one_and_the_rest_is_zero():
    assert LETTERS.encode(b"aZ z").tolist() == [1, 26, 0, 26]
    everything = LETTERS.encode(bytes(range(128)), collapse=False)
    letters = everything[[*range(65, 91), *range(97, 123)]]
    assert letters.tolist() == 2 * list(range(1, 27))
    assert np.count_nonzero(everything) == 52


def test_a_character_beyond_ascii_is_one_other_symbol():
    for encoding in ("utf-8", "iso-8859-1"):
        symbols = LETTERS.encode("Mäßig, Übel".encode(encoding), collapse=False)
        assert LETTERS.decode(symbols) == "m  ig   bel"
    assert LETTERS.decode(LETTERS.encode("a\U0001f600b→c".encode())) == "a b c"
    kelvin = "\u212a".encode()  # its lower case is an ASCII k, but it is none itself
    assert LETTERS.encode(kelvin).tolist() == [0]


def test_runs_of_the_other_symbol_are_one_if_collapsed():
    given = b"  \r\nOne -- two.\n\n"
    assert LETTERS.decode(LETTERS.encode(given)) == " one two "
    loose = LETTERS.decode(LETTERS.encode(given, collapse=False))
    assert loose == "    one    two   "


@given(st.text())
def test_collapsing_is_what_a_regular_expression_does(given):
    loose = LETTERS.decode(LETTERS.encode(given.encode(), collapse=False))
    assert loose == re.sub(
        "[^a-z]", " ", re.sub("[A-Z]", lambda m: m[0].lower(), given)
    )
    tight = LETTERS.decode(LETTERS.encode(given.encode()))
    assert tight == re.sub(" +", " ", loose)


@given(st.binary(), st.booleans())
def test_letters_once_spelled_stay_as_they_are(given, collapse):
    symbols = LETTERS.encode(given, collapse)
    again = LETTERS.encode(LETTERS.decode(symbols).encode(), collapse)
    assert again.tolist() == symbols.tolist()
    assert not collapse or "  " not in LETTERS.decode(symbols)


@given(st.text())
@pytest.mark.parametrize("name", ["bytes", "padded-bytes"])
def test_bytes_come_back_as_the_text_they_were(name, given):
    alphabet = ALPHABETS[name]
    symbols = alphabet.encode(given.encode())
    assert symbols.tolist() == list(given.encode())
    assert alphabet.decode(symbols) == given


def test_what_cannot_be_shown_is_shown_as_such():
    assert ALPHABETS["padded-bytes"].decode(np.array([97, 258, 98])) == "a�b"
    assert ALPHABETS["bytes"].decode(np.array([228, 98])) == "�b"


@pytest.mark.parametrize("symbols", [[27], [-1], [3, 300]])
def test_symbols_of_another_alphabet_are_refused(symbols):
    with pytest.raises(Refusal, match="'letters' has the symbols 0 to 26, got"):
        LETTERS.decode(np.array(symbols))


def test_an_unknown_alphabet_is_refused_with_the_nearest():
    assert "did you mean letters?" in refused("python-docs", "leters")
    assert "letters, bytes, padded-bytes" in refused("python-docs", "runes")


# Corpora


@given(st.integers(0, 10_000))
def test_the_parts_are_the_text_in_order(length):
    whole = corpus(length)
    parts = [whole.part(name) for name in ("training", "validation", "test")]
    assert np.concatenate(parts).tolist() == whole.symbols.tolist()
    assert len(parts[0]) == length * 8 // 10
    assert abs(len(parts[1]) - length / 10) < 1 and abs(len(parts[2]) - length / 10) < 1


def test_an_unknown_part_is_refused():
    with pytest.raises(Refusal, match="did you mean training"):
        corpus(100).part("train")


def test_passages_must_fit_into_every_part():
    corpus(1_005).require(100)
    for length in (101, 0, -5):
        with pytest.raises(Refusal, match="1,005 symbols.*passages of 1 to 100"):
            corpus(1_005).require(length)


def test_a_corpus_stays_as_it_is():
    docs = load("python-docs")
    with pytest.raises(ValueError, match="read-only"):
        docs.symbols[0] = 1
    with pytest.raises(FrozenInstanceError):
        docs.name = "mine"  # pyright: ignore[reportAttributeAccessIssue]


# Sources


@pytest.mark.parametrize("alphabet", ALPHABETS)
def test_the_documentation_of_python_is_always_there(alphabet):
    docs = load("python-docs", alphabet)
    assert len(docs.symbols) > 300_000
    assert docs.symbols.max() < docs.alphabet.size
    assert "the value of" in docs.alphabet.decode(docs.part("training"))
    assert docs.sha256 == load("python-docs").sha256


def test_a_file_is_read_by_its_path(tmp_path):
    file = tmp_path / "verse.txt"
    file.write_bytes(b"Twas brillig,\r\nand the slithy toves")
    verse = load(str(file))
    assert verse.name == str(file)
    assert LETTERS.decode(verse.symbols) == "twas brillig and the slithy toves"
    assert verse.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert load(file, collapse=False).symbols.size == verse.symbols.size + 2
    assert load(file, "bytes").symbols.tobytes() == file.read_bytes()


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path):
    for name, content in {"b.txt": b"two", "a.txt": b"one", "c.md": b"no"}.items():
        (tmp_path / name).write_bytes(content)
    both = load(tmp_path)
    assert LETTERS.decode(both.symbols) == "one two"
    assert both.sha256 == hashlib.sha256(b"onetwo").hexdigest()


def test_a_path_may_start_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "verse.txt").write_bytes(b"beware")
    assert LETTERS.decode(load("~/verse.txt").symbols) == "beware"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "edge",
    [
        "*** {} OF THE PROJECT GUTENBERG EBOOK ALICE ***",
        "*** {} OF THIS PROJECT GUTENBERG EBOOK ALICE ***",
        "***{} OF THE PROJECT GUTENBERG EBOOK ALICE***",
        "*** {} of This Project Gutenberg Etext Alice",
        "*** {} OF THIS PROJECT GUTENBERG EBOOK ALICE'S\nLONG ADVENTURES ***",
    ],
)
def test_header_and_licence_are_cut_off(tmp_path, edge, newline):
    start, end = edge.format("START"), edge.format("END")
    book = f"The EBook of Alice\n{start}\nDown *** the hole\n{end}\nLicence\n"
    file = tmp_path / "alice.txt"
    file.write_bytes(book.replace("\n", newline).encode())
    assert LETTERS.decode(load(file).symbols) == "down the hole "
    assert load(file).sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    file.write_bytes(2 * book.encode())  # two books in one file
    assert LETTERS.decode(load(file).symbols) == "down the hole down the hole "


def test_half_a_frame_is_cut_off_and_none_is_no_matter(tmp_path):
    file = tmp_path / "alice.txt"
    for content, left in {
        "header\n*** START OF THE PROJECT GUTENBERG EBOOK X ***\nbody": "body",
        "body\n*** END OF THE PROJECT GUTENBERG EBOOK X ***\nlicence": "body ",
        "body *** START OF THE PROJECT GUTENBERG EBOOK in a line": (
            "body start of the project gutenberg ebook in a line"
        ),
    }.items():
        file.write_text(content)
        assert LETTERS.decode(load(file).symbols) == left


# Named texts in a folder, and fetched


def layout(folder: Path, **files: bytes) -> Path:
    """A folder of data with these files in its text/."""
    (folder / "text").mkdir(parents=True)
    for name, content in files.items():
        (folder / "text" / name).write_bytes(content)
    return folder


def test_a_changed_local_file_is_refused(tmp_path, no_network):
    folder = layout(tmp_path / "data", enwik8_1mb=b"not the first megabyte")
    message = refused("enwik8", folder=folder)
    assert "369b688978f649681136198fb96db14c1616756260c55fb4b65e9bc049552cad" in message
    assert "give its path to take it as it is" in message
    load(folder / "text" / "enwik8_1mb")


def test_a_named_folder_must_have_the_file(tmp_path, no_network):
    folder = layout(tmp_path / "data")
    assert "wizard_of_oz.txt' does not exist" in refused("wizard-of-oz", folder=folder)
    assert "is no folder" in refused("wizard-of-oz", folder=tmp_path / "none")


def test_what_the_settings_folder_lacks_is_fetched(tmp_path, no_network, monkeypatch):
    asked = "asked for https://www.gutenberg.org/ebooks/55.txt.utf-8"
    assert refused("wizard-of-oz") == asked
    monkeypatch.setenv("PLASTICA_DATA", str(layout(tmp_path / "data")))
    assert refused("wizard-of-oz") == asked
    monkeypatch.setenv("PLASTICA_DATA", str(tmp_path / "none"))
    assert "is no folder" in refused("wizard-of-oz")


def test_a_fetched_text_is_read_from_the_cache(tmp_path, monkeypatch):
    book = b"x\n*** START OF THE PROJECT GUTENBERG EBOOK X ***\nBody\n"
    cached = layout(tmp_path / "cache") / "text" / "alice_de.txt"
    cached.write_bytes(book + b"*** END OF THE PROJECT GUTENBERG EBOOK X ***\n")
    assert LETTERS.decode(load("alice-de").symbols) == "body "
    cached.write_bytes(book)
    assert "is without '*** END OF TH'" in refused("alice-de")


def test_books_of_pg19_are_the_users_own(tmp_path, no_network, monkeypatch):
    assert "give the path of a folder of .txt books" in refused("pg19")
    books = tmp_path / "data" / "text" / "pg19"
    books.mkdir(parents=True)
    (books / "10.txt").write_bytes(b"my own book")
    monkeypatch.setenv("PLASTICA_DATA", str(tmp_path / "data"))
    assert LETTERS.decode(load("pg19").symbols) == "my own book"
    (books / "158_emma.txt").write_bytes(b"not Emma")
    assert "158_emma.txt' is not the file listed" in refused("pg19")


# Refusals


def test_a_name_that_is_no_path_is_refused_with_the_nearest():
    assert "did you mean wizard-of-oz?" in refused("wizard-oz")
    assert "there are python-docs, wizard-of-oz" in refused("qqq")
    for name in ("", "a\nb", "a\0b", "x" * 10_000, "~nobody-at-all/x"):
        assert "there is no text or path" in refused(name)


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no /dev/zero here")
def test_what_is_neither_file_nor_folder_is_refused():
    refused("/dev/zero")


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "empty.txt").touch()
    assert "empty.txt' is empty" in refused(tmp_path / "empty.txt")
    assert "empty.txt' is empty" in refused(tmp_path)


def test_a_folder_without_texts_is_refused(tmp_path):
    assert "has no .txt files" in refused(tmp_path)


def test_a_book_without_a_body_is_refused(tmp_path):
    start = "*** START OF THE PROJECT GUTENBERG EBOOK X ***\n"
    (tmp_path / "x.txt").write_text(start + start.replace("START", "END"))
    assert "nothing but header and licence" in refused(tmp_path / "x.txt", "bytes")


def test_a_file_without_permission_is_refused(tmp_path, monkeypatch):
    file = tmp_path / "secret.txt"
    file.write_text("secret")

    def read_bytes(path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    assert "secret.txt': Permission denied" in refused(file)


@pytest.mark.parametrize(
    "content",
    [
        b"text with one \0 in it",
        "text in UTF-16".encode("utf-16"),
        b"\x1b\x01" * 6 + b"letters" * 20,
        "только буквы".encode(),
        b"1234 5678",
    ],
)
def test_what_has_no_letters_is_refused_as_letters_only(tmp_path, content):
    file = tmp_path / "strange.txt"
    file.write_bytes(content)
    assert "the alphabet 'bytes'" in refused(file)
    assert load(file, "bytes").symbols.tobytes() == content


# The files that came with the library's design


@needs_shared
def test_the_wizard_of_oz_has_its_length():
    oz = load("wizard-of-oz", "bytes", folder=SHARED)
    assert len(oz.symbols.tobytes().replace(b"\r\n", b"\n")) == 208_443
    letters = load("wizard-of-oz", folder=SHARED)
    assert "the road of yellow brick" in LETTERS.decode(letters.symbols)
    assert "gutenberg license" not in LETTERS.decode(letters.symbols)


@needs_shared
def test_alice_speaks_german():
    alice = load("alice-de", folder=SHARED)
    assert alice.sha256.startswith("942bc318")
    assert "alice fing an sich zu langweilen" in LETTERS.decode(alice.symbols)
    assert alice.symbols.max() == 26 and alice.symbols.min() == 0
    alice.require(10_000)


@needs_shared
def test_every_local_text_has_the_checksum_listed_for_it():
    listed = SOURCES["listed"]
    assert len(listed) == 17
    there = [SHARED / (file.local or file.name) for file in text.REMOTES.values()]
    books = [book for place in there for book in sorted(place.glob("*.txt"))]
    files = [place for place in there if place.is_file()] + books
    assert {file.name for file in files} == set(listed)
    for file in files:
        assert hashlib.sha256(file.read_bytes()).hexdigest() == listed[file.name]


@needs_shared
@pytest.mark.parametrize("name", text.REMOTES)
def test_every_named_text_is_found_by_the_settings(name, monkeypatch, no_network):
    monkeypatch.setenv("PLASTICA_DATA", str(SHARED))
    for alphabet in ALPHABETS:
        load(name, alphabet).require(5_000)


TOOL = {gzip.compress: "gzip", bz2.compress: "bzip2", lzma.compress: "xz"}


@pytest.mark.parametrize("how", TOOL)
def test_a_compressed_text_is_called_so_and_its_bytes_can_be_had(tmp_path, how):
    file = tmp_path / "text.txt"
    file.write_bytes(how(b"A fox met a crow."))
    assert f"is compressed, with {TOOL[how]}; decompress it" in refused(file)
    assert load(file, "bytes").symbols.tobytes() == file.read_bytes()


@needs_shared
def test_pictures_and_programs_are_no_letters():
    for name in ("ptt5", "kennedy.xls", "sum"):
        file = SHARED / "text" / "canterbury" / name
        assert "cannot be read as letters" in refused(file)
        assert load(file, "bytes").symbols.tobytes() == file.read_bytes()
