"""Rules that were found and are kept: each with a card that says how, and how good.

`plastica.load("zoo:NAME")` and `plastica eval zoo:NAME` take them by name, too.
"""

from pathlib import Path
from typing import Any

from plastica import saving
from plastica.learner import AbstractLearner
from plastica.store import bundles, write_bundle


def names() -> list[str]:
    """The rules there are."""
    return [path.name for path in bundles(saving.ZOO)]


def load(name: str) -> AbstractLearner:
    """A rule by name."""
    return saving.load(f"zoo:{name}")


def card(name: str) -> str:
    """How a rule was made, and what it scores on data that nobody had seen."""
    return saving.in_zoo(name).with_suffix(".md").read_text()


def keep(rule: str | Path, name: str, **anywhere: Any) -> None:
    """Puts a rule among those kept; its card is yours to write.

    `anywhere` are knobs of its experiment with which `plastica eval` needs no data that
    must be fetched first, as in `text="python-docs"`.
    """
    arrays, about = saving.read_rule(rule)
    about["made"]["anywhere"] = anywhere
    write_bundle(saving.ZOO / name, arrays, about)
