"""The figures of paper 004, bidirectional learned update rules."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from plastica.exhibit import Panel, Score, Table
from plastica.exhibits.exams import WRONG, planes
from plastica.exhibits.update import antisymmetric
from plastica.experiments import knobs
from plastica.experiments.blur import GROWTH, TOYS
from plastica.figures.drawing import (
    Scale,
    across,
    alike,
    argument,
    at_the_end,
    by_column,
    curves,
    named,
    over_lives,
)
from plastica.plots import COLOURS, lines, new_figure, svg
from plastica.sweep import Planned, Record, Sweep, grid
from plastica.tasks.toys import HELD_OUT, TRAINING

HIDDEN = ("normalised=hidden",)  # a last layer that is, gives all answers as often
LASTING = ("unit_synapses=inside",)  # learns on after its horizon (C.6)
BENT = ("sigma=relu_tanh",)  # hidden layers as in the authors' program
SOON, LESSONS = (9, 24, 49), 99  # when toys are looked at, the last at the end
SMALL = {"source": ["mnist"], "side": [10], "crop": [20]}  # as in 4.2


def figure2(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """The update that was learned is the gradient of no loss (claim B9)."""
    generations = [{"laptop": 1_000, "paper": 100_000}[scale]]
    runs = grid("blur.update", generations=generations, seed=range(seeds))
    return Sweep(
        runs, _drawn((), lambda r, _: antisymmetric(r[0]["scores"]["details"]))
    )


def figure3(*, scale: Scale = "laptop", seeds: knobs.Seeds = 8) -> Sweep:
    """How the best genome of figure 4 divides the plane as it learns (claim B2)."""

    def draw(records: Sequence[Record]) -> tuple[Table, list[Panel]]:
        best = _by_training(records)[0]
        cells = _cells(best)
        when = [f", after {lessons}" for lessons in SOON] + [""]
        names = [name for name in cells if "," not in name and name != "mean"]
        rows = ((name, tuple(cells[name + w] for w in when)) for name in names)
        title = f"{WRONG} by the best run, over draws of synapses"
        heads = tuple(f"after {lessons}" for lessons in (*SOON, LESSONS))
        table = Table(title, heads, tuple(rows))
        return table, [planes(best["scores"]["details"])]

    return Sweep(figure4(scale=scale, seeds=seeds).runs, draw)


def figure4(*, scale: Scale = "laptop", seeds: knobs.Seeds = 8) -> Sweep:
    """Genomes from some toys work on others, on five classes, on MNIST (claim B2)."""
    generations = {"laptop": 1_500, "paper": 40_000}[scale]
    sizes = {"hidden": [(20,)], "stages": [4], "generations": [generations]}
    return Sweep(_on_toys(sizes, seeds), _toy_by_toy)


def figure4_wider(*, scale: Scale = "laptop", seeds: knobs.Seeds = 8) -> Sweep:
    """The genomes of figure 4, searched on a little in wider networks (claim B2)."""
    narrow = figure4(scale=scale, seeds=seeds).runs
    generations = {"laptop": 300, "paper": 10_000}[scale]
    sizes = {"hidden": [(64,)], "unrolls": [10 + GROWTH * 3], "rate": [5e-4]}
    wide = _on_toys(sizes | {"generations": [generations]}, seeds)
    runs = [replace(run, start=start) for run, start in zip(wide, narrow, strict=True)]

    def draw(records: Sequence[Record]) -> tuple[Table, list[Panel]]:
        return _toy_by_toy([r for r in records if argument(r, "hidden") == (64,)])

    return Sweep((*narrow, *runs), draw)


def figure5(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """A genome from small digits trains larger images of other kinds (claim B3)."""
    show = ("and", "or", "xor", "fashion-mnist", "omniglot", "mnist")
    sizes = {
        "laptop": {"generations": [1_000], "stages": [3], "show": [show]},
        "paper": {
            "hidden": [(256,), (256, 128)],
            "states": [4],
            "generations": [90_000],
            "stages": [9],
            "runs": [8],
            "show": [("emnist-byclass", *show)],
        },
    }[scale]
    long = {"lessons": [100], "moments": [(10, 20)], "halves": [True]}
    long |= {"variant": [(*HIDDEN, *LASTING, *BENT)]}
    runs = _compared(scale, seeds, rivals=[True], **long, **sizes).runs
    return Sweep(runs, lambda r: (at_the_end(by_column(r)), [_by_course(r)]))


def figure6(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """First steps on MNIST beside SGD of any rate: figure 5's genomes (claim B4)."""

    def draw(records: Sequence[Record]) -> tuple[Table, list[Panel]]:
        told = [r["scores"] for r in records]
        wrong = {"this rule": [each["life"]["mnist"] for each in told]}
        for name in told[0]["details"].keys() & told[0]["rows"].keys():
            wrong[name] = [each["details"][name] for each in told]
        right = {n: 1 - np.mean(wrong[n], 0) for n in told[0]["rows"]}
        when = (5, 10, 20, 50)
        rows = ((n, tuple(f"{c[t]:.3f}" for t in when)) for n, c in right.items())
        heads = tuple(f"after {t} lessons" for t in when)
        first = lines({n: c[:50] for n, c in right.items()}, "lesson", "accuracy")
        table = Table(f"accuracy on MNIST, {len(records)} seeds", heads, tuple(rows))
        return table, [Panel("First steps", "Means over lives.", first)]

    return Sweep(figure5(scale=scale, seeds=seeds).runs, draw)


def figure7(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """CMA-ES on accuracy alone comes as far as gradients do (claim B5)."""
    sizes = {
        "laptop": {"hidden": [(64,)], "generations": [200], "population": [16]},
        "paper": {"hidden": [(512,)], "generations": [400], "population": [80]},
    }[scale]
    how = {"side": [14], "unrolls": [15], "lessons": [50], "moments": [(5, 10, 15, 30)]}
    kinds = ["cma_es", "gradient"]
    return _compared(scale, seeds, across, search=kinds, **how, **sizes)


def figure8(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """Without normalisation genomes do not carry over (claim B6)."""
    depths = {"depths": [(1, 2, 3)]}
    every = {"normalised": [True], "variant": [(), HIDDEN]}
    normal = _compared(scale, seeds, **depths, **every)
    as_it_is = _compared(scale, seeds, **depths, normalised=[False], variant=[()])
    draw = _drawn(("normalised", "variant"), across)
    return Sweep(normal.runs + as_it_is.runs, draw)


def figure9(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """Kinds of synapses, of backward sweep and of start (claim B7)."""
    variants = [
        (f"synapses={synapses}", f"synapse_states={count}", f"backward={backward}")
        for backward in ("additive", "multiplicative", "second state")
        for synapses in ("symmetric", "two sets")
        for count in ("one", "k")
        if scale == "paper" or (backward == "additive" and synapses == "symmetric")
    ]
    kinds = {"variant": variants, "start": ["random", "gradient"]}
    shown = {"show": [("omniglot", "mnist")], "rivals": [scale == "paper"]}
    return _compared(scale, seeds, across, **shown, **kinds)


def figure10(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """Genomes from deep networks work in shallow ones, not the other way (B8)."""
    trained = {"laptop": (1, 2, 3), "paper": (2, 3, 4)}[scale]
    run = {"laptop": (1, 2, 3, 4, 5), "paper": (1, 2, 3, 4, 5, 10)}[scale]
    hidden = [(20,) * depth for depth in trained]
    kinds = {"hidden": hidden, "depths": [run], "variant": [HIDDEN]}
    return _compared(scale, seeds, across, **kinds)


def figure12(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """Non-linearities matter little (claim B10): they stand in figure 13 too."""
    return figure13(scale=scale, seeds=seeds)


def figure13(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """Non-linearities matter little; states help, if not linear (claim B10)."""
    pairs = [("relu_tanh",) * 2, ("tanh",) * 2, ("identity",) * 2]
    if scale == "paper":
        pairs += [("sigmoid",) * 2, ("relu_tanh", "identity"), ("tanh", "identity")]
    variants: list[tuple[str, ...]] = [
        (f"sigma={up}", f"sigma_back={down}") for up, down in pairs
    ]
    variants.append((*variants[2], "sigma_last=identity"))  # linear throughout
    return _compared(scale, seeds, across, variant=variants, states=[2, 4, 8])


def figure14(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """Unrolls that grow, all runs set to the best, or as many throughout (B11)."""
    most, runs = {"laptop": (4, 3), "paper": (9, 8)}[scale]
    growing = _compared(scale, seeds, stages=[most], unrolls=[10], runs=[runs])
    whole = [10 + GROWTH * (most - 1)]
    at_once = _compared(scale, seeds, stages=[1], unrolls=whole, runs=[runs])
    draw = _drawn(("stages",), partial(curves, y=WRONG))
    return Sweep(growing.runs + at_once.runs, draw)


def figure15(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """Oja's term bounds the synapses: the genomes of figure 16 (claim B11)."""
    y, when = "root mean square of synapses", (10, 50, 150)

    def of(record: Record) -> Sequence[float]:
        return record["scores"]["details"]["synapses"]

    def draw(records: Sequence[Record]) -> tuple[Table, list[Panel]]:
        means = {
            named(("variant",), kind): np.mean([of(record) for record in group], 0)
            for kind, group in alike(records, "variant").items()
        }
        heads = tuple(f"after {lessons} lessons" for lessons in when)
        rows = ((n, tuple(f"{m[t]:.2g}" for t in when)) for n, m in means.items())
        panel = over_lives(records, ("variant",), of, y, log=True)
        return Table(y, heads, tuple(rows)), [panel]

    return Sweep(figure16(scale=scale, seeds=seeds).runs, draw)


def figure16(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """Beyond the horizon; at the end labels are random (claim B11)."""
    lessons, honest = {"laptop": (200, 150), "paper": (800, 500)}[scale]
    variants = [
        (f"oja={oja}", f"unit_synapses={unit}")
        for oja in ("none", "released")
        for unit in ("none", "inside")
    ] + [("saturation=tanh",)]
    wrong = partial(over_lives, of=lambda r: r["scores"]["life"]["mnist"], y=WRONG)
    long = {"lessons": [lessons], "honest": [honest], "moments": [(10, honest)]}
    return _compared(scale, seeds, wrong, variant=variants, **long)


def figure17(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """Ten classes of Omniglot (claim B7): figure 9's genomes are shown on them too."""
    return figure9(scale=scale, seeds=seeds)


def _compared(scale: Scale, seeds: int, *pictures, **choices) -> Sweep:
    """Genomes from 10 by 10 MNIST, shown on it as it is, by what they differ in."""
    generations = [{"laptop": 600, "paper": 20_000}[scale]]
    usual = {"generations": generations, "show": [("mnist",)], "lessons": [10]}
    names = tuple(name for name, values in choices.items() if len(values) > 1)
    runs = grid("blur.genome", **SMALL | usual | choices, seed=range(seeds))
    return Sweep(runs, _drawn(names, *pictures))


def _drawn(names: tuple[str, ...], *pictures):
    """How records become a table by some arguments, and pictures by them."""

    def draw(records: Sequence[Record]) -> tuple[Table, list[Panel]]:
        shown = [picture(records, names) for picture in pictures]
        return by_column(records, *names), shown

    return draw


def _cells(record: Record) -> dict[str, Score]:
    told = record["scores"]
    pairs = zip(told["columns"], told["rows"]["this rule"], strict=True)
    return {name: Score(**cell) for name, cell in pairs}


def _right(record: Record, toys: Sequence[str]) -> float:
    """Mean accuracy on some toys."""
    cells = _cells(record)
    return 1 - float(np.mean([cells[toy].mean for toy in toys]))


def _on_toys(sizes: dict[str, list], seeds: int) -> tuple[Planned, ...]:
    toys = {
        "source": ["toys"],
        "batch": [512],
        "variant": [(*HIDDEN, *LASTING)],
        "lessons": [LESSONS],
        "moments": [SOON],
        "show": [("mnist",)],
    }
    return grid("blur.genome", **toys, **sizes, seed=range(seeds))


def _toy_by_toy(records: Sequence[Record]) -> tuple[Table, list[Panel]]:
    """Each run's errors on every toy and on MNIST."""
    ordered = _by_training(records)
    heads = (*TOYS, "mnist")
    rows = (
        (f"seed {r['seed']}", tuple(_cells(r)[name] for name in heads)) for r in ordered
    )
    title = f"{WRONG} after {LESSONS} lessons, the best in training first"
    pictures = [_validated(ordered), _lives(ordered[0], ordered[-1])]
    return Table(title, heads, tuple(rows)), pictures


def _by_training(records: Sequence[Record]) -> list[Record]:
    """The best on the toys of its search first."""
    return sorted(records, key=lambda record: -_right(record, TRAINING))


def _validated(records: Sequence[Record]) -> Panel:
    """Accuracy on toys held out over that on toys of the search."""
    figure, axes = new_figure(4.0, 3.4)
    pairs = [[_right(r, toys) for toys in (TRAINING, HELD_OUT)] for r in records]
    axes.scatter(*np.array(pairs).T, color=COLOURS[1])
    axes.set(xlabel="accuracy on toys of the search", ylabel="on toys held out")
    return Panel("Toys held out, and those of the search", "Dots: runs.", svg(figure))


def _lives(best: Record, worst: Record) -> Panel:
    means = {
        f"{name} run, {kind}": np.mean([run["scores"]["life"][t] for t in toys], 0)
        for name, run in (("best", best), ("worst", worst))
        for kind, toys in (("toys of the search", TRAINING), ("held out", HELD_OUT))
    }
    picture = lines(means, "lesson", WRONG)
    return Panel("Over a life", "Best and worst in training.", picture)


def _by_course(records: Sequence[Record]) -> Panel:
    """How each course is learned, the mean over seeds."""
    each = [record["scores"]["life"] for record in records]
    right = {name: 1 - np.mean([life[name] for life in each], 0) for name in each[0]}
    picture = lines(right, "lesson", "accuracy")
    return Panel("Over a life", "Means over seeds.", picture)
