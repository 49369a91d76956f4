"""Tables and pictures that sweeps of several papers share, made from their records."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from textwrap import fill
from typing import Any, TypeVar

import numpy as np

from plastica.run.record import Record, Records
from plastica.run.sweep import Figure
from plastica.shown import Panel, Score, Shown, Table
from plastica.shown.plots import COLOURS, new_figure, stroke, svg
from plastica.shown.plots import lines as joined

WIDEST = 36  # characters of a line beside an axis
Picture = Callable[[Records], Panel]
Names = Sequence[str]  # of arguments
Key = TypeVar("Key")


def figure(title: str, names: Names, *pictures: Picture) -> Callable[[Records], Figure]:
    """How records become a table of final scores by some arguments, and pictures."""

    def draw(records: Records) -> Figure:
        shown = [picture(records) for picture in pictures]
        return table(records, title, *names), shown

    return draw


def argument(record: Record, name: str) -> Any:
    """An argument that a run was made with; "experiment" is the function's own name.

    "-" where that experiment has no such argument; of several values a tuple.
    """
    if name == "experiment":
        return record["source"]["experiment"].rpartition(".")[2]
    value = record["source"]["arguments"].get(name, "-")
    return tuple(value) if isinstance(value, list) else value


def cells(record: Record, row: str = "this rule") -> dict[str, Score]:
    """A row's scores at the end, by column."""
    scores = record["scores"]
    pairs = zip(scores["columns"], scores["rows"][row], strict=True)
    return {column: Score(**cell) for column, cell in pairs}


def final(record: Record, row: str = "this rule") -> float:
    """A row's mean score at the end, in the column that counts: the last.

    Infinite where a life that it is the mean of diverged.
    """
    mean = record["scores"]["rows"][row][-1]["mean"]
    return mean if np.isfinite(mean) else np.inf


def extra(record: Record, name: str, title: str = "") -> list[Panel]:
    """The pictures of one of a record's extras; none where it has none."""
    extras = Shown.read(record["scores"]).extras
    return extras[name].panels(title) if name in extras else []


def grouped(
    records: Iterable[Record], key: Callable[[Record], Key]
) -> dict[Key, list[Record]]:
    """Records in groups that have the same key, in the order in which they come."""
    groups: dict[Key, list[Record]] = {}
    for record in records:
        groups.setdefault(key(record), []).append(record)
    return groups


def alike(records: Iterable[Record], *names: str) -> dict[tuple, list[Record]]:
    """Records in groups that agree in some arguments, the best of each group first.

    Groups are in the order of their arguments: numbers by size, then words, since both
    may be values of one argument.
    """

    def order(value: Any) -> tuple:
        number = isinstance(value, int | float)
        return (not number, value if number else str(value))

    groups = grouped(
        sorted(records, key=final), lambda r: tuple(argument(r, n) for n in names)
    )
    return dict(sorted(groups.items(), key=lambda item: [order(k) for k in item[0]]))


def kinds(records: Iterable[Record], names: Names) -> dict[str, list[Record]]:
    """The same groups, each by its arguments in words."""
    groups = alike(records, *names)
    return {named(names, values): group for values, group in groups.items()}


def named(names: Names, values: Sequence[Any]) -> str:
    """Arguments and their values, in words."""

    def spelled(name, value):
        if isinstance(value, tuple):
            value = " ".join(map(str, value)) or "-"
        return str(value) if name == "experiment" else f"{name} {value}"

    pairs = zip(names, values, strict=True)
    words = (spelled(name, value) for name, value in pairs if value != "-")
    return ", ".join(words).replace("_", " ")


def table(records: Records, title: str, *names: str) -> Table:
    """Best and mean final score with its spread over seeds, by some arguments.

    Of seeds whose scores are finite; the number of others is shown.
    """
    rows = {}
    for kind, group in kinds(records, names).items():
        scores = [score for record in group if np.isfinite(score := final(record))]
        lost = len(group) - len(scores)
        lengths = {record["generations"] for record in group}
        ends = sorted({min(lengths), max(lengths)})
        rows[kind] = {
            "seeds": f"{len(group)}, {lost} diverged" if lost else f"{len(group)}",
            "best": f"{min(scores):.3f}" if scores else "-",
            "mean": f"{np.mean(scores):.3f}" if scores else "-",
            "sd": spread(scores),
            "generations": " to ".join(f"{number:,}" for number in ends),
            "minutes a run": minutes(group),
        }
    return Table.of(title, rows)


def spread(scores: Sequence[Any]) -> str:
    """The standard deviation over seeds; one seed has none."""
    return f"{np.std(scores, ddof=1):.3f}" if len(scores) > 1 else "-"


def minutes(group: Records) -> str:
    """What a run took, on average."""
    return f"{np.mean([record['seconds'] / 60 for record in group]):.1f}"


def by_column(records: Records, *names: str) -> Table:
    """Every score's mean over seeds and its error, by some arguments; then rivals'."""
    rows, rivals = {}, {}
    for kind, group in kinds(records, names).items():
        for who in group[0]["scores"]["rows"]:
            each = [cells(record, who) for record in group]
            pairs = ((c, np.array([s[c].mean for s in each], float)) for c in each[0])
            scores = {column: Score.of(means) for column, means in pairs}
            if who == "this rule":
                rows[kind or who] = scores
            else:
                rivals.setdefault(who, scores)
    seeds = {record["seed"] for record in records}
    title = f"{records[0]['scores']['title']}; {len(seeds)} seeds"
    return Table.of(title, rows | rivals)


def at_the_end(whole: Table) -> Table:
    """A table less its columns of moments before the end."""
    ends = [i for i, name in enumerate(whole.columns) if ", after " not in name]
    rows = {
        who: {whole.columns[i]: cells[i] for i in ends} for who, cells in whole.rows
    }
    return Table.of(whole.title, rows, whole.note)


def across(records: Records, names: Names) -> Panel:
    """Final scores in every column of the runs' tables but the mean, seeds as dots."""
    figure, axes = new_figure()
    columns = records[0]["scores"]["columns"][:-1]
    for i, (kind, group) in enumerate(kinds(records, names).items()):
        scores = np.array([[cells(r)[c].mean for c in columns] for r in group])
        axes.plot(scores.mean(0), label=kind, **stroke(i))
        axes.plot(scores.T, ".", color=stroke(i)["color"], markersize=4)
    axes.set_xticks(range(len(columns)), columns, rotation=20, ha="right", fontsize=8)
    axes.set_ylabel("share wrong")
    if names:
        axes.legend(fontsize=7, frameon=False)
    return Panel("The figure", "Lines: means over seeds. Dots: seeds.", svg(figure))


def over_lives(curves: Mapping[str, np.ndarray], y: str, log: bool = False) -> Panel:
    """What each kind is like as a life goes on, the mean over seeds."""
    return Panel("Over a life", "Means over seeds.", joined(curves, "lesson", y, log))


def best_seeds(records: Records, x: str, lines: Names, y: str) -> Panel:
    """Final scores over `x`: a line of the best seed of each kind, all seeds as dots.

    `lines` names the arguments that tell kinds apart; upwards is better.
    """
    figure, axes = new_figure()
    for i, (kind, group) in enumerate(kinds(records, lines).items()):
        colour = COLOURS[i % len(COLOURS)]
        scores = {
            at: [-final(r) for r in own] for (at,), own in alike(group, x).items()
        }
        best = [own[0] for own in scores.values()]
        axes.plot(list(scores), best, color=colour, label=kind)
        for at, own in scores.items():
            axes.scatter([at] * len(own), own, s=9, color=colour)
    ticks = [at for (at,) in alike(records, x)]
    axes.set(xscale="log", xlabel=x, ylabel=fill(f"minus {y}", WIDEST))
    axes.set_xticks(ticks, [str(at) for at in ticks])
    axes.minorticks_off()
    axes.legend(fontsize=8, frameon=False)
    return Panel("The figure", "Lines: the best seed. Dots: every seed.", svg(figure))


def curves(records: Records, lines: Names, y: str, among: Records = ()) -> Panel:
    """Held-out loss over generations: the best seed of each kind, the fourth dashed.

    A kind has the colour that it has in a picture of all the records it is `among`.
    """
    figure, axes = new_figure()
    known = list(kinds(among or records, lines))
    for kind, group in kinds(records, lines).items():
        colour = COLOURS[known.index(kind) % len(COLOURS)]
        for record, style in zip(group[::3], ("-", "--"), strict=False):
            generations, losses = np.array(record["curve"], float).T
            label = kind if style == "-" else None
            axes.plot(generations, -losses, style, color=colour, label=label)
    axes.set(xlabel="generation", ylabel=fill(f"minus {y}", WIDEST))
    axes.legend(fontsize=7, frameon=False)
    caption = "The best seed of each kind; dashed: the fourth best, where there is one."
    return Panel("The figure", caption, svg(figure))


def heat(records: Records, names: Names, unit: str) -> Panel:
    """Mean final scores over a grid of two arguments, side by side for another's.

    The names are of the panels, of their rows and of their columns. A place one of
    whose seeds diverged has no colour, and says so.
    """
    from matplotlib.figure import Figure

    means = {
        key: np.mean([final(record) for record in group])
        for key, group in alike(records, *names).items()
    }
    sides, ys, xs = ([k for (k,) in alike(records, name)] for name in names)
    panel, y, x = (name.replace("_", " ") for name in names)
    colours = {"cmap": "summer_r", "alpha": 0.7}  # pale: numbers stand on them
    finite = [mean for mean in means.values() if np.isfinite(mean)]
    colours |= {"vmin": min(finite, default=0), "vmax": max(finite, default=1)}
    figure = Figure(figsize=(3.6 * len(sides), 3.2), layout="constrained")
    columns = figure.subplots(1, len(sides), squeeze=False)[0]
    for axes, side in zip(columns, sides, strict=True):
        grid = np.array([[means.get((side, b, a), np.nan) for a in xs] for b in ys])
        for (row, column), mean in np.ndenumerate(grid):
            if not np.isnan(mean):
                number = f"{mean:.2f}" if np.isfinite(mean) else "diverged"
                axes.text(column, row, number, ha="center", va="center")
        axes.imshow(grid, origin="lower", aspect="auto", **colours)
        axes.set(xlabel=x, ylabel=y, title=f"{panel} {side}")
        axes.set_xticks(range(len(xs)), xs)
        axes.set_yticks(range(len(ys)), ys)
    return Panel("The figure", f"Mean {unit} over seeds; less is better.", svg(figure))


def dots(records: Records, names: Names, x: str) -> Panel:
    """Every seed's final score as a dot, a line of them for each kind."""
    groups = kinds(records, names)
    return in_lines({k: [final(r) for r in group] for k, group in groups.items()}, x)


def in_lines(scores: Mapping[str, Sequence[float]], x: str) -> Panel:
    """A line of dots for each name, and a bar at their median."""
    figure, axes = new_figure(height=1.2 + 0.3 * len(scores))
    for place, own in enumerate(scores.values()):
        axes.scatter(own, [place] * len(own), s=14, color=COLOURS[1])
        axes.scatter(np.median(own), place, marker="|", s=160, color=COLOURS[0])
    axes.set_yticks(range(len(scores)), list(scores))
    axes.invert_yaxis()
    axes.set_xlabel(fill(x, WIDEST))
    return Panel("The figure", "Dots: seeds. Bars: their median.", svg(figure))
