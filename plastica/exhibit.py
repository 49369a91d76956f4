"""What a learner has to show: a table beside its yardsticks, and pictures."""

import abc
import html
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import equinox as eqx
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from plastica.learner import AbstractLearner


class Score(NamedTuple):
    """A mean and its standard error over lives."""

    mean: float
    error: float

    @classmethod
    def of(cls, values: Float[np.ndarray, "lives"]) -> Self:
        """The mean of some lives' losses, and how sure it is; one life has no error."""
        many = len(values) > 1
        error = np.std(values, ddof=1) / np.sqrt(len(values)) if many else np.nan
        return cls(float(np.mean(values)), float(error))

    def __str__(self) -> str:
        """Those that there are, with three decimals; small ones with their power."""
        if np.isnan(self.mean):
            return "-"
        digits = ".1e" if 0 < abs(self.mean) < 0.001 else ".3f"
        if np.isnan(self.error):
            return f"{self.mean:{digits}}"
        return f"{self.mean:{digits}} ± {self.error:{digits}}"


class Table(NamedTuple):
    """Rows of a name and cells, under a title, with a note below."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Any, ...]], ...]
    note: str = ""

    def html(self) -> str:
        """The table as HTML, without its note."""
        head = "".join(
            f"<th>{html.escape(c)}</th>" for c in (self.title, *self.columns)
        )
        rows = "".join(
            "<tr>" + "".join(f"<td>{html.escape(str(c))}</td>" for c in (name, *cells))
            for name, cells in self.rows
        )
        return f"<table><tr>{head}{rows}</table>"

    def markdown(self) -> str:
        """The table as Markdown."""
        rows = [(self.title, self.columns), *self.rows]
        lines = [
            "| " + " | ".join(str(c).replace("|", r"\|") for c in (name, *cells)) + " |"
            for name, cells in rows
        ]
        lines.insert(1, "| --- " * (len(self.columns) + 1) + "|")
        return "\n".join([*lines, "", self.note]) if self.note else "\n".join(lines)


class Panel(NamedTuple):
    """A piece of a report: a title, a sentence, and HTML made by this package."""

    title: str
    caption: str
    html: str


class AbstractExhibit(eqx.Module):
    """Shows learners of one kind of task, on worlds that no search has seen."""

    unit: eqx.AbstractClassVar[str]  # of what is shown: "nats", "squared error"

    def yardsticks(self) -> dict[str, float]:
        """Losses of methods that search nothing, if `unit` is the objective's too."""
        return {}

    @abc.abstractmethod
    def table(
        self, learners: Sequence[tuple[str, AbstractLearner]], key: PRNGKeyArray
    ) -> Table:
        """Learners, by their names, beside the yardsticks, on the same worlds."""

    @abc.abstractmethod
    def over_a_life(
        self, learner: AbstractLearner, key: PRNGKeyArray
    ) -> dict[str, Float[np.ndarray, "ticks"]]:
        """Mean losses as a life goes on, by the name of its part."""

    def details(self, learner: AbstractLearner, key: PRNGKeyArray) -> dict[str, Any]:
        """What a figure draws beyond that, as JSON has it; usually nothing."""
        return {}

    @abc.abstractmethod
    def panels(self, learner: AbstractLearner, key: PRNGKeyArray) -> list[Panel]:
        """Pictures of one learner in one world."""
