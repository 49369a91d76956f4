"""What the library refuses, and how a run can end before its last generation."""

import os
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

PACKAGE = f"{Path(__file__).parent}{os.sep}"
LIBRARIES = ("site-packages", "dist-packages", f"{Path(os.__file__).parent}{os.sep}")


class Refusal(ValueError):
    """Bad input: what is wrong, why, what was got, and the remedy, in one line.

    It is a `ValueError`. The command line prints its message alone and exits with
    status 2.

    Example:
        >>> import plastica as pl
        >>> try:
        ...     pl.Network.chain(3, 0)
        ... except pl.Refusal as error:
        ...     print(error)
        a network needs layers of at least one unit, got sizes (3, 0)
    """

    def __str__(self) -> str:
        """The message; what it quotes may have had lines of its own."""
        return " ".join(super().__str__().splitlines())


class Damaged(Refusal):
    """A file that is missing, truncated, altered, or not what it is named for."""


class Interrupted(SystemExit):
    """A signal ended the run, its generation saved; carries the exit status."""

    def __init__(self, status: int, path: Path) -> None:
        """The exit status and the run's folder."""
        super().__init__(status)
        self.path = path


class Diverged(RuntimeError):
    """All of a generation, or too many in a row; the last good state is on disk."""

    def __init__(self, generation: int, all_of: str, path: Path) -> None:
        """The generation, how many of what diverged, and the run's folder."""
        super().__init__(
            f"generation {generation}: all {all_of} diverged (NaN or infinite losses); "
            f"the last good state is in {path}; try a smaller deviation or rate, or "
            "look for what is no number in the task and the rule"
        )
        self.path = path


@contextmanager
def own_code() -> Iterator[None]:
    """Says what goes wrong in a file of the user's in one line, by file and line.

    What goes wrong in the package, or below it and not in such a file, stays as it is.
    """
    try:
        yield
    except (Refusal, BrokenPipeError):
        raise
    except (Exception, SystemExit) as error:
        if (place := _place(error)) is None:
            raise
        first = [*str(getattr(error, "msg", error)).strip().splitlines(), ""][0]
        what = f"{type(error).__name__}: {first}".rstrip(".: ")
        raise Refusal(f"{place}: {what}; mend it") from error


def _place(error: BaseException) -> str | None:
    """The user's file and line where it was raised; None if that was the package's."""
    frames = traceback.walk_tb(error.__traceback__)
    places = [(frame.f_code.co_filename, line) for frame, line in frames]
    if isinstance(error, SyntaxError):
        places += [(str(error.filename), error.lineno)] * bool(error.filename)
    for name, line in reversed(places):
        if name.startswith(PACKAGE):
            return None
        if name[0] != "<" and not any(library in name for library in LIBRARIES):
            return f"{os.path.relpath(name)}, line {line}"
    return None


def unknown(said: str, name: object, known: Iterable[str]) -> Refusal:
    """The refusal of a name that is not one of those known.

    `said` begins it, as in "there is no alphabet"; the name follows, then the known
    names most like it, or, where none is, the first dozen of them.
    """
    names = list(known)
    if near := get_close_matches(str(name), names):
        remedy = f"did you mean {' or '.join(near)}?"
    elif names:
        remedy = f"there are {', '.join(names[:12])}"
    else:
        remedy = "there is none"
    return Refusal(f"{said} {name!r}; {remedy}")


def check_word(name: str, word: object, known: Iterable[str]) -> None:
    """Refuse a word that is not one of those that `name` may be."""
    if word not in (words := tuple(known)):
        raise unknown(f"{name} cannot be", word, words)


def check_set(name: str, words: object, known: Iterable[str]) -> None:
    """Refuse what is no set, or one with a word that `name` may not have."""
    if not isinstance(words, set | frozenset):
        raise Refusal(
            f"{name} must be a frozenset of any of {', '.join(known)}, got {words!r}; "
            "change it"
        )
    for word in words:
        check_word(name, word, known)


def check_words(part: Any) -> None:
    """Refuse a dataclass one of whose fields is no word that its type allows."""
    for field in fields(part):
        kinds = {field.type, *get_args(field.type)}  # a type, or those of a union
        words = {w for k in kinds if get_origin(k) is Literal for w in get_args(k)}
        word = getattr(part, field.name)
        if words and not (word is None and type(None) in kinds):
            check_word(f"`{field.name}`", word, sorted(words))
