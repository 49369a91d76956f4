"""Tables and pictures that sweeps of several papers share, made from their records."""

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from tyro.conf import arg

from plastica.exhibit import Panel, Table
from plastica.plots import COLOURS, new_figure, svg
from plastica.sweep import Record

Scale = Annotated[
    Literal["laptop", "paper"],
    arg(
        help="laptop: at most an hour on two cores; paper: the document's own, on a GPU"
    ),
]


def argument(record: Record, name: str):
    """An argument that a run was made with."""
    return record["source"]["arguments"][name]


def final(record: Record) -> float:
    """The rule's mean score at the end, in the column that counts: the last."""
    return record["scores"]["rows"]["this rule"][-1]["mean"]


def by(records: Sequence[Record], *names: str) -> dict[tuple, list[float]]:
    """Final scores of all seeds, grouped by some arguments."""
    groups: dict[tuple, list[float]] = {}
    for record in records:
        key = tuple(argument(record, name) for name in names)
        groups.setdefault(key, []).append(final(record))
    return dict(sorted(groups.items()))


def best_seeds(records: Sequence[Record], x: str, lines: str, y: str) -> Panel:
    """A line of the best seed for each value of `lines`, all seeds as dots."""
    figure, axes = new_figure()
    groups = by(records, lines, x)
    for i, line in enumerate(sorted({key[0] for key in groups})):
        colour = COLOURS[i % len(COLOURS)]
        seeds = {at: scores for (name, at), scores in groups.items() if name == line}
        axes.plot(
            list(seeds),
            [-min(scores) for scores in seeds.values()],
            color=colour,
            label=f"{lines} {line}",
        )
        for at, scores in seeds.items():
            axes.scatter([at] * len(scores), -np.array(scores), s=9, color=colour)
    axes.set(xscale="log", xlabel=x, ylabel=y)
    axes.set_xticks(sorted({key[1] for key in groups}))
    axes.set_xticklabels([str(at) for at in sorted({key[1] for key in groups})])
    axes.minorticks_off()
    axes.legend(fontsize=8, frameon=False)
    return Panel("The figure", "Lines: the best seed. Dots: every seed.", svg(figure))


def table(records: Sequence[Record], title: str, *names: str) -> Table:
    """Best and mean final score with its spread over seeds, by some arguments."""
    rows = []
    for key, scores in by(records, *names).items():
        alike = [r for r in records if tuple(argument(r, n) for n in names) == key]
        minutes = np.mean([record["seconds"] / 60 for record in alike])
        spread = f"{np.std(scores, ddof=1):.3f}" if len(scores) > 1 else "-"
        numbers = (len(scores), f"{min(scores):.3f}", f"{np.mean(scores):.3f}", spread)
        who = ", ".join(f"{n} {v}" for n, v in zip(names, key, strict=True))
        rows.append((who, (*numbers, f"{minutes:.1f}")))
    columns = ("seeds", "best", "mean", "sd", "minutes a run")
    return Table(title, columns, tuple(rows))
