"""Names and sentences have words with one meaning: some words are given up."""

import ast
import io
import re
import tokenize

import pytest

from .structure import PACKAGE

ROOT = PACKAGE.parent
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *PACKAGE.glob("zoo/*.md")]
DOCUMENTS = [page for page in PAGES if page.name != "CHANGELOG.md"]  # has former names
NAMES = {"told", "drawn", "lived", "choices", "carry_out"}  # each stood for many things
SENTENCES = re.compile(r"\b(told|drawn|carr(?:y|ies|ied) out)\b", re.I)
FILES = sorted(PACKAGE.rglob("*.py"))
ASK_AND_TELL = {"search/cma_es.py"}  # whose state has been called so on disk
FORMER = {"saving.py", "experiment.py"}  # which read what has former names


def names_given_up(text):
    """Identifiers that are, or that have between underscores, a word given up."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        for field in ("id", "attr", "arg", "name"):
            name = getattr(node, field, None)
            if isinstance(name, str) and name.strip("_") in NAMES:
                found.add(name)
    return found


def sentences_given_up(text):
    """Words given up in comments and docstrings, each with its line."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    kinds = tokenize.COMMENT, tokenize.STRING
    words = (token for token in tokens if token.type in kinds)
    lines = ((t.start[0], line) for t in words for line in t.string.splitlines())
    return [f"{n}: {line.strip()}" for n, line in lines if SENTENCES.search(line)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_has_no_word_that_is_given_up(path):
    where = path.relative_to(PACKAGE).as_posix()
    if where in ASK_AND_TELL:
        pytest.skip("ask and tell are the field's words")
    text = path.read_text()
    assert not names_given_up(text)
    assert where in FORMER or not sentences_given_up(text)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_a_document_has_no_word_that_is_given_up(path):
    lines = path.read_text().splitlines()
    assert not [line for line in lines if SENTENCES.search(line)]


def test_a_word_that_is_given_up_is_found():
    text = '"""What is told."""\ndef f(told):\n    _drawn = told  # carried out\n'
    assert names_given_up(text) == {"told", "_drawn"}
    assert len(sentences_given_up(text)) == 2
