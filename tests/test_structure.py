"""The package stays small and straight: what `tests/structure.py` measures of it."""

import pytest

from .structure import PACKAGE, Structure

CODE = 10_380  # lines of code, at most; to be brought to 9,500
DOCSTRINGS = 4_000  # lines of docstrings, at least
BIGGEST = 320  # lines of a file, at most
SMALL = 6  # private functions of less than 4 lines that one place names, at most
P90 = 25  # lines that nine functions of ten do not exceed
PARAMETERS = 6  # of an experiment, at most


@pytest.fixture(scope="module")
def measured():
    """The package as it is."""
    return Structure.of(PACKAGE)


def test_no_modules_import_one_another_in_a_circle(measured):
    assert not measured.circle, " imports ".join(measured.circle)


def test_an_experiment_has_few_parameters(measured):
    assert measured.parameters[1] <= PARAMETERS, measured.parameters


def test_functions_are_short(measured):
    assert measured.p90 <= P90


def test_functions_with_one_caller_are_worth_a_name(measured):
    assert len(measured.small) <= SMALL, measured.small


def test_files_are_short(measured):
    assert measured.biggest[1] <= BIGGEST, measured.biggest


def test_there_is_no_more_code_than_there_was_and_no_less_is_said_of_it(measured):
    assert measured.code <= CODE
    assert measured.docstrings >= DOCSTRINGS


FILES = {
    "__init__.py": "from plain import a\n",
    "a.py": '"""One line of code."""\nfrom plain import b  # and a comment\n',
    "b.py": "def later():\n    from plain.c import name\n",
    "c.py": "from plain.a import _one\n\n\ndef _one():\n    return _one\n",
}


def test_what_is_measured(tmp_path):
    """A circle through an import inside a function, and lines of code."""
    package = tmp_path / "plain"
    package.mkdir()
    experiment = "def of(a, b) -> Experiment:\n    pass\n"
    for name, text in (FILES | {"d.py": experiment}).items():
        (package / name).write_text(text)
    told = Structure.of(package)
    assert set(told.circle) == {"plain.a", "plain.b", "plain.c"}
    assert told.circle[0] == told.circle[-1]
    assert (told.code, told.docstrings) == (9, 1)
    assert told.parameters == ("d.of", 2)
    assert told.small == ("c._one",)
    assert told.biggest == ("c.py", 5)
