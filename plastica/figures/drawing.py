"""Tables and pictures that sweeps of several papers share, made from their records."""

from collections.abc import Callable, Sequence
from textwrap import fill
from typing import Annotated, Any, Literal

import numpy as np
from tyro.conf import arg

from plastica.exhibit import Panel, Score, Table
from plastica.plots import COLOURS, new_figure, svg
from plastica.plots import lines as joined
from plastica.sweep import Record

Scale = Annotated[
    Literal["laptop", "paper"],
    arg(
        help="laptop: up to two hours on two cores; paper: the document's own, on a GPU"
    ),
]

WIDEST = 36  # characters of a line beside an axis
Picture = Callable[[Sequence[Record]], Panel]


def drawn(title: str, *names: str, picture: Picture):
    """How records become a table of final scores by some arguments, and a picture."""

    def draw(records: Sequence[Record]) -> tuple[Table, list[Panel]]:
        return table(records, title, *names), [picture(records)]

    return draw


def argument(record: Record, name: str) -> Any:
    """An argument that a run was made with; "experiment" is the function's own name.

    "-" where that experiment has no such argument; of several values a tuple.
    """
    if name == "experiment":
        return record["source"]["experiment"].rpartition(".")[2]
    value = record["source"]["arguments"].get(name, "-")
    return tuple(value) if isinstance(value, list) else value


def final(record: Record, row: str = "this rule") -> float:
    """A row's mean score at the end, in the column that counts: the last.

    Infinite where a life that it is the mean of diverged.
    """
    mean = record["scores"]["rows"][row][-1]["mean"]
    return mean if np.isfinite(mean) else np.inf


def means(record: Record, row: str = "this rule") -> dict[str, float]:
    """A row's mean scores at the end, by column."""
    told = record["scores"]
    pairs = zip(told["columns"], told["rows"][row], strict=True)
    return {column: float(cell["mean"]) for column, cell in pairs}


def alike(records: Sequence[Record], *names: str) -> dict[tuple, list[Record]]:
    """Records in groups that agree in some arguments, the best of each group first."""
    groups: dict[tuple, list[Record]] = {}
    for record in sorted(records, key=final):
        key = tuple(argument(record, name) for name in names)
        groups.setdefault(key, []).append(record)
    return dict(sorted(groups.items(), key=lambda item: [_order(k) for k in item[0]]))


def table(records: Sequence[Record], title: str, *names: str) -> Table:
    """Best and mean final score with its spread over seeds, by some arguments.

    Of seeds whose scores are finite; how many are not is told.
    """
    rows = []
    for key, group in alike(records, *names).items():
        scores = [score for record in group if np.isfinite(score := final(record))]
        minutes = np.mean([record["seconds"] / 60 for record in group])
        spread = f"{np.std(scores, ddof=1):.3f}" if len(scores) > 1 else "-"
        least, mean = (f"{f(scores):.3f}" if scores else "-" for f in (min, np.mean))
        lost = f", {len(group) - len(scores)} diverged"
        seeds = f"{len(group)}{lost if len(scores) < len(group) else ''}"
        numbers = (seeds, least, mean, spread)
        lived = [record["generations"] for record in group]
        generations = " to ".join(f"{g:,}" for g in sorted({min(lived), max(lived)}))
        rows.append((named(names, key), (*numbers, generations, f"{minutes:.1f}")))
    columns = ("seeds", "best", "mean", "sd", "generations", "minutes a run")
    return Table(title, columns, tuple(rows))


def by_column(records: Sequence[Record], *names: str) -> Table:
    """Every score's mean over seeds and its error, by some arguments; then rivals'."""
    rows, rivals, told = {}, {}, records[0]["scores"]
    for key, group in alike(records, *names).items():
        for who in group[0]["scores"]["rows"]:
            cells = [[means(r, who)[c] for c in told["columns"]] for r in group]
            scores = tuple(map(Score.of, np.array(cells).T))
            if who == "this rule":
                rows[named(names, key) or who] = scores
            else:
                rivals.setdefault(who, scores)
    seeds = {record["seed"] for record in records}
    title = f"{told['title']}; {len(seeds)} seeds"
    return Table(title, tuple(told["columns"]), tuple((rows | rivals).items()))


def at_the_end(told: Table) -> Table:
    """A table less its columns of moments before the end."""
    ends = [i for i, name in enumerate(told.columns) if ", after " not in name]
    rows = tuple((who, tuple(cells[i] for i in ends)) for who, cells in told.rows)
    return Table(told.title, tuple(told.columns[i] for i in ends), rows, told.note)


def across(records: Sequence[Record], names: Sequence[str]) -> Panel:
    """Final scores in every column of the runs' tables but the mean, seeds as dots."""
    figure, axes = new_figure()
    columns = records[0]["scores"]["columns"][:-1]
    for i, (kind, group) in enumerate(alike(records, *names).items()):
        scores = np.array([[means(r)[c] for c in columns] for r in group])
        colour = COLOURS[i % len(COLOURS)]
        style = ("-", "--", ":")[i // len(COLOURS) % 3]
        axes.plot(scores.mean(0), style, color=colour, label=named(names, kind))
        for own in scores:
            axes.plot(own, ".", color=colour, markersize=4)
    axes.set_xticks(range(len(columns)), columns, rotation=20, ha="right", fontsize=8)
    axes.set_ylabel("share wrong")
    if names:
        axes.legend(fontsize=7, frameon=False)
    return Panel("The figure", "Lines: means over seeds. Dots: seeds.", svg(figure))


def over_lives(
    records: Sequence[Record],
    names: Sequence[str],
    of: Callable[[Record], Sequence[float]],
    y: str,
    log: bool = False,
) -> Panel:
    """What each kind is like as a life goes on, the mean over seeds."""
    means = {
        named(names, kind): np.mean([of(record) for record in group], 0)
        for kind, group in alike(records, *names).items()
    }
    return Panel("Over a life", "Means over seeds.", joined(means, "lesson", y, log))


def best_seeds(
    records: Sequence[Record], x: str, lines: Sequence[str], y: str
) -> Panel:
    """Final scores over `x`: a line of the best seed of each kind, all seeds as dots.

    `lines` names the arguments that tell kinds apart; upwards is better.
    """
    figure, axes = new_figure()
    groups = alike(records, *lines, x)
    for i, kind in enumerate(dict.fromkeys(key[:-1] for key in groups)):
        own = {key[-1]: group for key, group in groups.items() if key[:-1] == kind}
        best = [-final(group[0]) for group in own.values()]
        colour = COLOURS[i % len(COLOURS)]
        axes.plot(list(own), best, color=colour, label=named(lines, kind))
        for at, group in own.items():
            scores = [-final(record) for record in group]
            axes.scatter([at] * len(group), scores, s=9, color=colour)
    ticks = sorted({key[-1] for key in groups})
    axes.set(xscale="log", xlabel=x, ylabel=fill(f"minus {y}", WIDEST))
    axes.set_xticks(ticks, [str(at) for at in ticks])
    axes.minorticks_off()
    axes.legend(fontsize=8, frameon=False)
    return Panel("The figure", "Lines: the best seed. Dots: every seed.", svg(figure))


def curves(
    records: Sequence[Record],
    lines: Sequence[str],
    y: str,
    among: Sequence[Record] = (),
) -> Panel:
    """Held-out loss over generations: the best seed of each kind, the fourth dashed.

    A kind has the colour that it has in a picture of all the records it is `among`.
    """
    figure, axes = new_figure()
    kinds = list(alike(among or records, *lines))
    for kind, group in alike(records, *lines).items():
        colour = COLOURS[kinds.index(kind) % len(COLOURS)]
        for record, style in zip(group[::3], ("-", "--"), strict=False):
            generations, losses = np.array(record["curve"], float).T
            label = named(lines, kind) if style == "-" else None
            axes.plot(generations, -losses, style, color=colour, label=label)
    axes.set(xlabel="generation", ylabel=fill(f"minus {y}", WIDEST))
    axes.legend(fontsize=7, frameon=False)
    caption = "The best seed of each kind; dashed: the fourth best, where there is one."
    return Panel("The figure", caption, svg(figure))


def heat(records: Sequence[Record], x: str, y: str, panels: str, unit: str) -> Panel:
    """Mean final scores over a grid of two arguments, side by side for a third's.

    A place one of whose seeds diverged has no colour, and says so.
    """
    from matplotlib.figure import Figure

    means = {
        key: np.mean([final(record) for record in group])
        for key, group in alike(records, panels, y, x).items()
    }
    sides = list(dict.fromkeys(key[0] for key in means))
    ys, xs = (sorted({key[i] for key in means}) for i in (1, 2))
    spelt = [name.replace("_", " ") for name in (x, y, panels)]
    colours = {"cmap": "summer_r", "alpha": 0.7}  # pale: numbers stand on them
    finite = [mean for mean in means.values() if np.isfinite(mean)]
    colours |= {"vmin": min(finite, default=0), "vmax": max(finite, default=1)}
    figure = Figure(figsize=(3.6 * len(sides), 3.2), layout="constrained")
    for axes, side in zip(
        np.atleast_1d(figure.subplots(1, len(sides))), sides, strict=True
    ):
        grid = np.full((len(ys), len(xs)), np.nan)
        for (own, at_y, at_x), mean in means.items():
            if own == side:
                place = ys.index(at_y), xs.index(at_x)
                grid[place] = mean if np.isfinite(mean) else np.nan
                told = f"{mean:.2f}" if np.isfinite(mean) else "diverged"
                axes.text(*place[::-1], told, ha="center", va="center")
        axes.imshow(grid, origin="lower", aspect="auto", **colours)
        axes.set(xlabel=spelt[0], ylabel=spelt[1], title=f"{spelt[2]} {side}")
        axes.set_xticks(range(len(xs)), xs)
        axes.set_yticks(range(len(ys)), ys)
    return Panel("The figure", f"Mean {unit} over seeds; less is better.", svg(figure))


def dots(records: Sequence[Record], names: Sequence[str], x: str) -> Panel:
    """Every seed's final score as a dot, a line of them for each kind."""
    groups = alike(records, *names)
    return _in_lines(
        {named(names, k): [final(r) for r in group] for k, group in groups.items()}, x
    )


def transfer(to: str):
    """How records become a comparison of rules evolved on a text, or moved to it."""

    def draw(records: Sequence[Record]) -> tuple[Table, list[Panel]]:
        groups: dict[str, list[float]] = {}
        for record in records:
            direct = argument(record, "text") == to
            row = "this rule" if direct else f"this rule, on {to}"
            how = "direct" if direct else "transfer"
            kind = f"{argument(record, 'experiment')}, {how}"
            groups.setdefault(kind, []).append(final(record, row))
        rows = tuple(
            (kind, (len(x), f"{min(x):.3f}", f"{np.median(x):.3f}", f"{max(x):.3f}"))
            for kind, x in sorted(groups.items())
        )
        title = f"{to}, unseen passages: nats per symbol (memorise), bits (predict)"
        table = Table(title, ("seeds", "best", "median", "worst"), rows)
        return table, [_in_lines(dict(sorted(groups.items())), title)]

    return draw


def named(names: Sequence[str], values: Sequence[Any]) -> str:
    """Arguments and their values, in words."""

    def told(name, value):
        if isinstance(value, tuple):
            value = " ".join(map(str, value)) or "-"
        return str(value) if name == "experiment" else f"{name} {value}"

    pairs = zip(names, values, strict=True)
    told_of = (told(name, value) for name, value in pairs if value != "-")
    return ", ".join(told_of).replace("_", " ")


def _in_lines(scores: dict[str, list[float]], x: str) -> Panel:
    """A line of dots for each name, and a bar at their median."""
    figure, axes = new_figure(height=1.2 + 0.3 * len(scores))
    for place, own in enumerate(scores.values()):
        axes.scatter(own, [place] * len(own), s=14, color=COLOURS[1])
        axes.scatter(np.median(own), place, marker="|", s=160, color=COLOURS[0])
    axes.set_yticks(range(len(scores)), list(scores))
    axes.invert_yaxis()
    axes.set_xlabel(fill(x, WIDEST))
    return Panel("The figure", "Dots: seeds. Bars: their median.", svg(figure))


def _order(value: Any) -> tuple:
    """Numbers by size, then words; so that both may be values of one argument."""
    number = isinstance(value, int | float)
    return (not number, value if number else str(value))
