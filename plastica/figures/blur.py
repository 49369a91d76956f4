"""The figures of paper 004, bidirectional learned update rules."""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from plastica.experiments.blur import GROWTH, TOYS
from plastica.experiments.parts import Plan
from plastica.figures import drawing
from plastica.run.record import Record, Records
from plastica.run.sweep import Figure, Runs, Sweep, begun, grid
from plastica.shown import Panel, Table
from plastica.shown.extras import WRONG
from plastica.shown.plots import COLOURS, lines, new_figure, svg
from plastica.tasks.toys import HELD_OUT, TRAINING

HIDDEN = ("normalised=hidden",)  # a last layer that is, gives all answers as often
LASTING = ("unit_synapses=inside",)  # learns on after its horizon (C.6)
BENT = ("sigma=relu_tanh",)  # hidden layers as in the authors' program
SOON, LESSONS = (9, 24, 49), 99  # when toys are looked at, the last at the end
SMALL = {"images": "mnist", "side": 10, "crop": 20}  # as in 4.2
Curve = Sequence[float]


def figure2(plan: Plan = Plan()) -> Sweep:
    """The update that was learned is the gradient of no loss (claim B9)."""
    generations = plan.pick(laptop=1_000, paper=100_000)
    runs = grid("blur.update", generations=generations, seed=range(plan.seeds))
    return _compared(runs, picture=lambda r, _: drawing.extra(r[0], "antisymmetric")[0])


def figure3(plan: Plan = Plan(seeds=8)) -> Sweep:
    """How the best genome of figure 4 divides the plane as it learns (claim B2)."""

    def draw(records: Records) -> Figure:
        best = _by_training(records)[0]
        scores = drawing.cells(best)
        when = {f"after {t}": f", after {t}" for t in SOON} | {f"after {LESSONS}": ""}
        rows = {
            toy: {head: scores[toy + suffix] for head, suffix in when.items()}
            for toy in scores
            if "," not in toy and toy != "mean"
        }
        title = f"{WRONG} by the best run, over draws of synapses"
        return Table.of(title, rows), drawing.extra(best, "planes")

    return Sweep(figure4(plan).runs, draw)


def figure4(plan: Plan = Plan(seeds=8)) -> Sweep:
    """Genomes from some toys work on others, on five classes, on MNIST (claim B2)."""
    generations = plan.pick(laptop=1_500, paper=40_000)
    runs = _on_toys(plan, hidden=(20,), stages=4, generations=generations)
    return Sweep(runs, _toy_by_toy)


def figure4_wider(plan: Plan = Plan(seeds=8)) -> Sweep:
    """The genomes of figure 4, searched on a little in wider networks (claim B2)."""
    narrow = figure4(plan).runs
    generations = plan.pick(laptop=300, paper=10_000)
    sizes = {"hidden": (64,), "unrolls": 10 + GROWTH * 3, "rate": 5e-4}
    wide = begun(_on_toys(plan, **sizes, generations=generations), narrow)

    def draw(records: Records) -> Figure:
        wider = [r for r in records if drawing.argument(r, "hidden") == (64,)]
        return _toy_by_toy(wider)

    return Sweep(narrow + wide, draw)


def figure5(plan: Plan = Plan()) -> Sweep:
    """A genome from small digits trains larger images of other kinds (claim B3)."""
    show = ("and", "or", "xor", "fashion-mnist", "omniglot", "mnist")
    larger = {"hidden": [(256,), (256, 128)], "states": 4, "generations": 90_000}
    larger |= {"stages": 9, "runs": 8, "show": ("emnist-byclass", *show)}
    smaller = {"generations": 1_000, "stages": 3, "show": show}
    sizes = plan.pick(laptop=smaller, paper=larger)
    long = {"lessons": 100, "moments": (10, 20), "halves": True}
    long |= {"variant": (*HIDDEN, *LASTING, *BENT)}

    def draw(records: Records) -> Figure:
        right = _accuracies([record["scores"]["life"] for record in records])
        table = drawing.at_the_end(drawing.by_column(records))
        return table, [drawing.over_lives(right, "accuracy")]

    return Sweep(_genomes(plan, rivals=True, **long, **sizes), draw)


def figure6(plan: Plan = Plan()) -> Sweep:
    """First steps on MNIST beside SGD of any rate: figure 5's genomes (claim B4)."""

    def draw(records: Records) -> Figure:
        scores = [record["scores"] for record in records]
        own = [{"this rule": each["life"]["mnist"]} for each in scores]
        rivals = [each["extras"]["rivals"]["curves"] for each in scores]
        right = _accuracies([a | b for a, b in zip(own, rivals, strict=True)])
        first = lines({n: c[:50] for n, c in right.items()}, "lesson", "accuracy")
        title = f"accuracy on MNIST, {len(records)} seeds"
        panel = Panel("First steps", "Means over lives.", first)
        return _at_times(title, right, (5, 10, 20, 50), ".3f"), [panel]

    return Sweep(figure5(plan).runs, draw)


def figure7(plan: Plan = Plan()) -> Sweep:
    """CMA-ES on accuracy alone comes as far as gradients do (claim B5)."""
    sizes = plan.pick(
        laptop={"hidden": (64,), "generations": 200, "population": 16},
        paper={"hidden": (512,), "generations": 400, "population": 80},
    )
    how = {"side": 14, "unrolls": 15, "lessons": 50, "moments": (5, 10, 15, 30)}
    kinds = {"search": ["cma_es", "gradient"]}
    return _compared(_genomes(plan, **kinds, **how, **sizes), *kinds)


def figure8(plan: Plan = Plan()) -> Sweep:
    """Without normalisation genomes do not carry over (claim B6)."""
    runs = _genomes(plan, depths=(1, 2, 3), normalised=True, variant=[(), HIDDEN])
    runs += _genomes(plan, depths=(1, 2, 3), normalised=False, variant=())
    return _compared(runs, "normalised", "variant")


def figure9(plan: Plan = Plan()) -> Sweep:
    """Kinds of synapses, of backward sweep and of start (claim B7)."""
    backward = plan.pick(["additive"], ["additive", "multiplicative", "second state"])
    synapses = plan.pick(["symmetric"], ["symmetric", "two sets"])
    variants = [
        (f"synapses={own}", f"synapse_states={count}", f"backward={sweep}")
        for sweep, own, count in product(backward, synapses, ("one", "k"))
    ]
    shown = {"show": ("omniglot", "mnist"), "rivals": plan.pick(False, paper=True)}
    kinds = {"variant": variants, "start": ["random", "gradient"]}
    return _compared(_genomes(plan, **shown, **kinds), *kinds)


def figure10(plan: Plan = Plan()) -> Sweep:
    """Genomes from deep networks work in shallow ones, not the other way (B8)."""
    trained = plan.pick(laptop=(1, 2, 3), paper=(2, 3, 4))
    run = plan.pick(laptop=(1, 2, 3, 4, 5), paper=(1, 2, 3, 4, 5, 10))
    hidden = [(20,) * depth for depth in trained]
    runs = _genomes(plan, hidden=hidden, depths=run, variant=HIDDEN)
    return _compared(runs, "hidden")


def figure12(plan: Plan = Plan()) -> Sweep:
    """Non-linearities matter little (claim B10): they stand in figure 13 too."""
    return figure13(plan)


def figure13(plan: Plan = Plan()) -> Sweep:
    """Non-linearities matter little; states help, if not linear (claim B10)."""
    more = [("sigmoid", "sigmoid"), ("relu_tanh", "identity"), ("tanh", "identity")]
    pairs = [("relu_tanh", "relu_tanh"), ("tanh", "tanh"), ("identity", "identity")]
    pairs += plan.pick([], paper=more)
    variants = [(f"sigma={up}", f"sigma_back={down}") for up, down in pairs]
    linear = (*variants[2], "sigma_last=identity")  # throughout
    runs = _genomes(plan, variant=[*variants, linear], states=[2, 4, 8])
    return _compared(runs, "variant", "states")


def figure14(plan: Plan = Plan()) -> Sweep:
    """Unrolls that grow, all runs set to the best, or as many throughout (B11)."""
    most, runs = plan.pick(laptop=(4, 3), paper=(9, 8))
    growing = _genomes(plan, stages=most, unrolls=10, runs=runs)
    whole = 10 + GROWTH * (most - 1)
    at_once = _genomes(plan, stages=1, unrolls=whole, runs=runs)
    picture = partial(drawing.curves, y=WRONG)
    return _compared(growing + at_once, "stages", picture=picture)


def figure15(plan: Plan = Plan()) -> Sweep:
    """Oja's term bounds the synapses: the genomes of figure 16 (claim B11)."""
    y = "root mean square of synapses"

    def of(record: Record) -> Curve:
        (sizes,) = record["scores"]["extras"]["synapses"]["curves"].values()
        return sizes

    def draw(records: Records) -> Figure:
        sizes = _by_variant(records, of)
        table = _at_times(y, sizes, (10, 50, 150), ".2g")
        return table, [drawing.over_lives(sizes, y, log=True)]

    return Sweep(figure16(plan).runs, draw)


def figure16(plan: Plan = Plan()) -> Sweep:
    """Beyond the horizon; at the end labels are random (claim B11)."""
    lessons, honest = plan.pick(laptop=(200, 150), paper=(800, 500))
    variants: list[tuple[str, ...]] = [
        (f"oja={oja}", f"unit_synapses={unit}")
        for oja, unit in product(("none", "released"), ("none", "inside"))
    ]
    variants += [("saturation=tanh",)]
    long = {"lessons": lessons, "honest": honest, "moments": (10, honest)}

    def draw(records: Records) -> Figure:
        wrong = _by_variant(records, lambda record: record["scores"]["life"]["mnist"])
        return drawing.by_column(records, "variant"), [drawing.over_lives(wrong, WRONG)]

    return Sweep(_genomes(plan, variant=variants, **long), draw)


def figure17(plan: Plan = Plan()) -> Sweep:
    """Ten classes of Omniglot (claim B7): figure 9's genomes are shown on them too."""
    return figure9(plan)


def _genomes(plan: Plan, **knobs: Any) -> Runs:
    """Genomes from 10 by 10 MNIST, shown on it as it is."""
    generations = plan.pick(laptop=600, paper=20_000)
    usual = {"generations": generations, "show": ("mnist",), "lessons": 10}
    return grid("blur.genome", **SMALL | usual | knobs, seed=range(plan.seeds))


def _compared(runs: Runs, *names: str, picture=drawing.across) -> Sweep:
    """Genomes by some arguments: a table and a picture."""

    def draw(records: Records) -> Figure:
        return drawing.by_column(records, *names), [picture(records, names)]

    return Sweep(runs, draw)


def _on_toys(plan: Plan, **sizes: Any) -> Runs:
    """Genomes from toys, shown on MNIST too."""
    toys = {"images": "toys", "batch": 512, "variant": (*HIDDEN, *LASTING)}
    toys |= {"lessons": LESSONS, "moments": SOON, "show": ("mnist",)}
    return grid("blur.genome", **toys, **sizes, seed=range(plan.seeds))


def _toy_by_toy(records: Records) -> Figure:
    """Each run's errors on every toy and on MNIST."""
    ordered = _by_training(records)
    rows = {
        f"seed {r['seed']}": {name: drawing.cells(r)[name] for name in (*TOYS, "mnist")}
        for r in ordered
    }
    title = f"{WRONG} after {LESSONS} lessons, the best in training first"
    pictures = [_validated(ordered), _lives(ordered[0], ordered[-1])]
    return Table.of(title, rows), pictures


def _by_training(records: Records) -> list[Record]:
    """The best on the toys of its search first."""
    return sorted(records, key=lambda record: -_right(record, TRAINING))


def _right(record: Record, toys: Sequence[str]) -> float:
    """Mean accuracy on some toys."""
    return 1 - float(np.mean([drawing.cells(record)[toy].mean for toy in toys]))


def _validated(records: Records) -> Panel:
    """Accuracy on toys held out over that on toys of the search."""
    figure, axes = new_figure(4.0, 3.4)
    pairs = [[_right(r, toys) for toys in (TRAINING, HELD_OUT)] for r in records]
    axes.scatter(*np.array(pairs).T, color=COLOURS[1])
    axes.set(xlabel="accuracy on toys of the search", ylabel="on toys held out")
    return Panel("Toys held out, and those of the search", "Dots: runs.", svg(figure))


def _lives(best: Record, worst: Record) -> Panel:
    """How often the best and the worst run are wrong as they learn toys."""
    means = {
        f"{name} run, {kind}": np.mean([run["scores"]["life"][t] for t in toys], 0)
        for name, run in (("best", best), ("worst", worst))
        for kind, toys in (("toys of the search", TRAINING), ("held out", HELD_OUT))
    }
    picture = lines(means, "lesson", WRONG)
    return Panel("Over a life", "Best and worst in training.", picture)


def _accuracies(lives: Sequence[Mapping[str, Curve]]) -> dict[str, np.ndarray]:
    """Shares right as lives go on, by name, the mean over lives of shares wrong."""
    return {name: 1 - np.mean([life[name] for life in lives], 0) for name in lives[0]}


def _by_variant(records: Records, of) -> dict[str, np.ndarray]:
    """Means over seeds of a curve `of` every record, by the variant of the genome."""
    groups = drawing.kinds(records, ("variant",))
    return {k: np.mean([of(r) for r in group], 0) for k, group in groups.items()}


def _at_times(
    title: str, curves: Mapping[str, np.ndarray], times: Sequence[int], form: str
) -> Table:
    """What curves are after some lessons, each a row."""
    rows = {
        name: {f"after {t} lessons": f"{curve[t]:{form}}" for t in times}
        for name, curve in curves.items()
    }
    return Table.of(title, rows)
