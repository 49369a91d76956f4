"""What a learner has to show: a table beside its yardsticks, curves, pictures."""

import abc
import html
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple, Self

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from plastica.learner import AbstractLearner
from plastica.shown.extras import AbstractExtra, Curves, Extras, Panel

Learners = Sequence[tuple[str, AbstractLearner]]  # by the names that they are shown by
Lives = Float[np.ndarray | Array, "_"]  # a number for each, as many as there are


class Score(NamedTuple):
    """A mean and its standard error over lives; NaN where there is none."""

    mean: float
    error: float = np.nan

    @classmethod
    def of(cls, values: "Lives | Score") -> "Score":
        """The mean of some lives' losses, and how sure it is; one life has no error.

        What is a score already stays as it is.
        """
        if isinstance(values, Score):
            return values
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


Row = Mapping[str, Lives | Score]  # of a table, by column


class Table(NamedTuple):
    """Rows of a name and cells, under a title, with a note below."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Any, ...]], ...]
    note: str = ""

    @classmethod
    def of(
        cls, title: str, rows: Mapping[str, Mapping[str, Any]], note: str = ""
    ) -> Self:
        """From cells by row and column, both by name; "-" where a row has no cell."""
        columns = tuple(dict.fromkeys(name for row in rows.values() for name in row))
        filled = {n: tuple(row.get(c, "-") for c in columns) for n, row in rows.items()}
        return cls(title, columns, tuple(filled.items()), note)

    @classmethod
    def scored(cls, title: str, note: str, rows: Sequence[tuple[str, Row]]) -> Self:
        """Scores of rows, by the columns of all of them; no number where one has none.

        Columns come in the order in which the rows name them.
        """
        columns = tuple(dict.fromkeys(column for _, row in rows for column in row))
        none = Score(np.nan)
        scored = (
            (name, tuple(Score.of(row.get(column, none)) for column in columns))
            for name, row in rows
        )
        return cls(title, columns, tuple(scored), note)

    def lines(self) -> list[list[str]]:
        """The title and the columns, then every row, as they are printed."""
        rows = [(self.title, self.columns), *self.rows]
        return [[name, *map(str, cells)] for name, cells in rows]

    def html(self) -> str:
        """The table as HTML, without its note."""
        rows = ""
        for line in self.lines():
            tag = "td" if rows else "th"
            rows += "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in line)
        return f"<table>{rows}</table>"

    def markdown(self) -> str:
        """The table as Markdown."""
        rows = [[cell.replace("|", r"\|") for cell in line] for line in self.lines()]
        lines = [f"| {' | '.join(row)} |" for row in rows]
        lines.insert(1, "| --- " * len(rows[0]) + "|")
        return "\n".join([*lines, "", self.note]) if self.note else "\n".join(lines)


@dataclass(frozen=True)
class Shown:
    """What learners showed on worlds that no search has seen.

    A run keeps this as `scores.json`; reports, records and figures draw it.

    Args:
        table: a row for each learner, and for each yardstick.
        unit: of the losses in `life` and in the table, as "nats" or "squared error".
        life: the first learner's mean losses as its life goes on, by the name of their
            part.
        extras: what pictures need, by name.

    Example:
        >>> import plastica as pl
        >>> from plastica.shown import Score, Table
        >>> table = Table.of("100 lives", {"this rule": {"nats": Score(0.5, 0.25)}})
        >>> shown = pl.Shown(table, "nats", {"all": [1.0, 0.5]})
        >>> print(shown.table.markdown())
        | 100 lives | nats |
        | --- | --- |
        | this rule | 0.500 ± 0.250 |
        >>> pl.Shown.read({**shown.described(), "unit": "bits"}).unit
        'bits'
    """

    table: Table
    unit: str  # of the losses in `life` and in the table: "nats", "squared error"
    life: Mapping[str, list[float]]
    extras: Mapping[str, AbstractExtra] = field(default_factory=dict)

    def described(self, recorded_only: bool = False) -> dict[str, Any]:
        """The same as JSON has it.

        Args:
            recorded_only: whether to leave out the extras that records do not keep.

        Returns:
            A dictionary of plain values.
        """
        extras = {
            name: {"kind": type(extra).__name__} | asdict(extra)
            for name, extra in self.extras.items()
            if extra.recorded or not recorded_only
        }
        return {
            "title": self.table.title,
            "columns": list(self.table.columns),
            "rows": {n: [c._asdict() for c in row] for n, row in self.table.rows},
            "note": self.table.note,
            "unit": self.unit,
            "life": dict(self.life),
            "extras": extras,
        }

    @classmethod
    def read(cls, scores: Mapping[str, Any]) -> Self:
        """The opposite of `described`; extras of unknown kinds are left out.

        Kinds are looked up among those that there are; nothing is executed.

        Args:
            scores: the dictionary.

        Returns:
            What was described.
        """
        kinds = {kind.__name__: kind for kind in AbstractExtra.__subclasses__()}
        rows = (
            (n, tuple(Score(**c) for c in row)) for n, row in scores["rows"].items()
        )
        extras = {}
        for name, extra in scores.get("extras", {}).items():
            fields = dict(extra)
            if (kind := fields.pop("kind", None)) in kinds:
                extras[name] = kinds[kind](**fields)
        heads = tuple(scores["columns"])
        table = Table(scores["title"], heads, tuple(rows), scores.get("note", ""))
        return cls(table, scores.get("unit", "loss"), scores["life"], extras)

    def panels(self) -> list[Panel]:
        """The table, the curves within a life, and every extra, as parts of a page.

        Returns:
            The panels, in the order of the page.
        """
        within = Curves(dict(self.life), "tick", self.unit, "Means over unseen worlds.")
        return [
            Panel("Scores", self.table.note, self.table.html()),
            *within.panels("Learning within a life"),
            *(p for name, each in self.extras.items() for p in each.panels(name)),
        ]


class Outcome(NamedTuple):
    """What came of a learner's lives."""

    who: AbstractLearner
    row: Row  # of the table
    life: Mapping[str, Any]  # mean losses as a life goes on, by the name of their part
    seen: Any = None  # what pictures are made of


class AbstractExhibit(eqx.Module):
    """Shows learners of one kind of task, on worlds that no search has seen.

    A kind of exhibit says in `outcome` how a learner lives there, and in `heading` what
    its table is called. Whoever else it shows is `beside` the learners and lives as
    they do; what is known without such lives stands `below`.
    """

    unit: eqx.AbstractClassVar[str]  # of what is shown: "nats", "squared error"

    @abc.abstractmethod
    def outcome(self, learner: AbstractLearner, key: PRNGKeyArray) -> Outcome:
        """Newborns' lives, the same worlds for the same key."""

    @abc.abstractmethod
    def heading(self) -> tuple[str, str]:
        """The table's title and its note."""

    def beside(self) -> dict[str, AbstractLearner]:
        """Others that live, and stand under the learners."""
        return {}

    def yardsticks(self) -> dict[str, float]:
        """Losses of methods that search nothing, if `unit` is the objective's too."""
        return {}

    def below(self, learners: Learners, key: PRNGKeyArray) -> dict[str, dict]:
        """The last rows of the table, by column: the yardsticks."""
        return {n: {self.unit: Score(loss)} for n, loss in self.yardsticks().items()}

    def closely(self, outcomes: Sequence[Outcome], key: PRNGKeyArray) -> Extras:
        """Pictures of the first of those that lived, who are in the table's order."""
        return {}

    def shown(
        self, learners: Learners, key: PRNGKeyArray, closely: bool = True
    ) -> Shown:
        """Learners, by their names, beside the yardsticks, all on the same worlds.

        Every learner lives once. The first one is looked at more closely, for pictures
        and figures, unless only the table is wanted.
        """
        everyone = [*learners, *self.beside().items()]
        outcomes = [self.outcome(who, key) for _, who in everyone]
        rows = [
            (name, own.row) for (name, _), own in zip(everyone, outcomes, strict=True)
        ]
        rows += self.below(learners, key).items()
        extras = self.closely(outcomes, key) if closely else {}
        table = Table.scored(*self.heading(), rows)
        return Shown(table, self.unit, plain(outcomes[0].life), extras)


def plain(
    arrays: Mapping[str, Float[Array | np.ndarray, "..."]], digits: int | None = None
) -> dict[str, list]:
    """Arrays by name as JSON has them, as exact as a picture needs them."""
    exact = {name: np.asarray(array, float) for name, array in arrays.items()}
    if digits is not None:
        exact = {name: array.round(digits) for name, array in exact.items()}
    return {name: array.tolist() for name, array in exact.items()}
