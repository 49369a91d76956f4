"""The docstrings of the public names are whole, and their examples run."""

import pytest

from .docstrings import all_lacking, examples, failure, lacking, sections

FAST = (
    *("BLUR", "PMLPHebb", "PlasticRNN", "VSML", "VectorNeuron"),  # rules
    *("RememberPast", "Robot", "Sines", "Text", "Toy"),  # tasks
    *("OpenAIES", "SNES", "SideBySide"),  # searches
    *("Experiment", "train"),
)


def test_the_docstrings_of_public_names_are_whole():
    assert not all_lacking(), "\n".join(all_lacking())


def test_two_examples_only_are_not_run():
    """One would join a cluster, the other would write into the package."""
    skipped = [name for name, what in examples().items() if "+SKIP" in what.__doc__]
    assert skipped == ["join", "zoo.keep"]


@pytest.mark.parametrize("name", FAST)
def test_an_example_runs(name, two_devices):
    assert not (failed := failure(name, examples()[name])), failed


def good(a, *rest, b=1):
    """Adds.

    Args:
        a, b: numbers, one of them
            with: a colon in its second line.
        *rest: more numbers.

    Returns:
        Their sum.

    Source: paper 000, Eq. (1).

    Example:
        >>> 1 + 1
        2
    """


def bad(a, b):
    """Adds.

    Args:
        a: a number.
        c: no number.

    Example:
        There is none.
    """


def bare(a) -> None:
    pass


class Kind:
    """A class.

    Args:
        a: a number.

    Example:
        >>> 1 + 1
        3
    """

    def __init__(self, a, b):
        pass


def test_what_a_docstring_lacks_is_noticed():
    assert lacking("good", good) == []
    assert lacking("bad", bad) == [
        "bad has no Example:",
        "bad does not describe `b`",
        "bad has no argument `c`",
        "bad has no Returns:",
    ]
    assert lacking("bare", bare, example=False) == [
        "bare has no docstring",
        "bare does not describe `a`",
    ]
    assert lacking("Kind", Kind) == ["Kind does not describe `b`"]


def test_sections_end_where_the_text_goes_on():
    said = sections(good)
    assert set(said) == {"", "Args", "Returns", "Example"}
    assert "paper 000" in said[""] and ">>> " not in said["Args"]


def test_an_example_that_is_wrong_fails():
    assert failure("good", good) == ""
    assert "Expected:\n    3\nGot:\n    2" in failure("Kind", Kind)
