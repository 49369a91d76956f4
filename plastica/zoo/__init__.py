"""Rules that were found and are kept, each with a card on its making and its scores.

`plastica.load("zoo:NAME")` and `plastica eval zoo:NAME` take them by name, too.

Example:
    >>> import plastica as pl
    >>> "memorise-100" in pl.zoo.names()
    True
    >>> pl.zoo.load("memorise-100").network.sizes[0]
    27
"""

from pathlib import Path
from typing import Any

from plastica import saving
from plastica.learner import AbstractLearner
from plastica.store import bundles, write_bundle


def names() -> list[str]:
    """The names of the rules.

    Returns:
        The names, in alphabetical order.

    Example:
        >>> import plastica as pl
        >>> pl.zoo.names()[0]
        'drives-to-a-signal'
    """
    return [path.name for path in bundles(saving.ZOO)]


def load(name: str) -> AbstractLearner:
    """A rule by name.

    Args:
        name: the name.

    Returns:
        The learner.

    Raises:
        Refusal: if there is no such rule.

    Example:
        >>> import plastica as pl
        >>> type(pl.zoo.load("memorise-100")).__name__
        'PMLPHebb'
    """
    return saving.load(f"zoo:{name}")


def card(name: str) -> str:
    """How a rule was made, and its scores on data that nobody had seen.

    Args:
        name: the name.

    Returns:
        The card, in Markdown.

    Raises:
        Refusal: if there is no such rule.

    Example:
        >>> import plastica as pl
        >>> pl.zoo.card("memorise-100").startswith("# ")
        True
    """
    return saving.in_zoo(name).with_suffix(".md").read_text()


def keep(rule: str | Path, name: str, **anywhere: Any) -> None:
    """Adds a rule to those kept; its card is yours to write.

    Args:
        rule: a file or a run's folder, as in `plastica.load`.
        name: the new name.
        **anywhere: knobs of its experiment with which `plastica eval` needs no data
            that must be fetched first, as in `text="python-docs"`.

    Raises:
        Refusal: if there is no such file, or it cannot be written.

    Example:
        >>> import plastica as pl
        >>> pl.zoo.keep("runs/mine", "mine", text="python-docs")  # doctest: +SKIP
    """
    arrays, about = saving.read_rule(rule)
    about["made"]["anywhere"] = anywhere
    write_bundle(saving.ZOO / name, arrays, about)
