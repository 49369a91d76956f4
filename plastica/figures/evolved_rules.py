"""The figures of paper 000, evolved update rules for sequences."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from plastica.experiments.parts import Plan
from plastica.figures import drawing
from plastica.run.record import Records
from plastica.run.sweep import Figure, Runs, Sweep, begun, grid
from plastica.shown import Table

MEMORY = "nats per symbol, second reading of unseen passages"
PREDICTION = "bits per symbol, unseen passages"
MEMORIES = {  # hidden neurons and generations, by the length of the passage
    "laptop": {30: ([10, 30], 6_000), 100: ([10, 40], 4_000), 300: ([30, 100], 1_500)},
    "paper": {t: ([10, 40, 100, 300, 1_000], 10_000) for t in (30, 100, 300, 1_000)},
}
FROM = 100, 40  # length and hidden neurons of what shorter passages begin from
MODELS = {  # on a laptop those of longer texts go on from those of shorter ones
    "laptop": {300: ([30, 100], 3_000), 2_000: ([30, 100], 500)},
    "paper": {t: ([40, 100, 300, 1_000], 10_000) for t in (2_000, 10_000, 100_000)},
}
Sizes = dict[int, tuple]  # such as these
GONE_ON = 0.05  # deviation of theirs; a search of 300 characters has come to 0.056
ENGLISH = {"text": "wizard-of-oz", "also": "alice-de"}  # also read in German
GERMAN = {"text": "alice-de"}
# Weights with networks of their own take ten to thirty times as long as Hebbian ones;
# on a laptop passages are short and those networks small.
FORMS = {"laptop": {30: (10, 3_000)}, "paper": {100: (160, 10_000)}}
VECTORS = {"weight_state": 2}  # n_w: the least that an LSTM can have
LSTM = {"synapse": "lstm", "replaces": True} | VECTORS  # it always replaces


def figure2_left(plan: Plan = Plan()) -> Sweep:
    """R1: memory improves with hidden size; n >= T/3 memorises T almost perfectly.

    The shortest passages also from what was found on longer ones: searched on alone,
    they end in a local optimum (sigma tells the two apart).
    """
    x, line = plan.pick(laptop=("hidden", "length"), paper=("length", "hidden"))
    picture = partial(drawing.best_seeds, x=x, lines=(line, "sigma"), y=MEMORY)
    sizes = MEMORIES[plan.scale]
    runs = _by_length(plan, "memorise", sizes)
    longer = [r for r in runs if (r.arguments["length"], r.arguments["hidden"]) == FROM]
    again = tuple(
        replace(run, start=start)
        for start in longer
        for run in _by_length(plan, "memorise", {30: (sizes[30][0], 1_500)}, sigma=0.01)
        if run.arguments["seed"] == start.arguments["seed"]
    )
    return Sweep(
        runs + again, drawing.figure(MEMORY, ("length", "sigma", "hidden"), picture)
    )


def figure2_right(plan: Plan = Plan(seeds=4)) -> Sweep:
    """R2: of all forms, PMLP neurons with Hebbian weights are best by far.

    On a laptop longer passages too, with Hebbian weights alone.
    """
    names, sizes = ("neuron", "synapse"), FORMS[plan.scale]
    longer = plan.pick(laptop={100: (30, 2_500)}, paper={})
    forms = partial(_by_length, plan, "forms", neuron=["pmlp", "lstm"])
    runs = forms(sizes | longer) + forms(sizes, **_pmlp(plan)) + forms(sizes, **LSTM)

    def draw(records: Records) -> Figure:
        panels = [
            drawing.curves(group, lines=names, y=f"{MEMORY} of {length}", among=records)
            for (length,), group in drawing.alike(records, "length").items()
        ]
        return drawing.table(records, MEMORY, "length", *names), panels

    return Sweep(runs, draw)


def weight_inputs(plan: Plan = Plan()) -> Sweep:
    """R2, 6.2: how a weight's network is fed, and whether it replaces the weight."""
    lines, fed = ("synapse", "fed", "replaces"), ["side by side", "product", "both"]
    forms = partial(_by_length, plan, "forms", FORMS[plan.scale])
    runs = forms(**_pmlp(plan), replaces=[False, True], fed=fed)
    runs += forms(**LSTM, fed=fed)
    picture = partial(drawing.dots, names=lines, x=MEMORY)
    return Sweep(runs, drawing.figure(MEMORY, lines, picture))


def plain_mlp(plan: Plan = Plan()) -> Sweep:
    """R3: a plain MLP with tanh solves 100 symbols, not 300; with ReLU all fail."""
    largest, lines = _largest(plan), ("experiment", "neuron")
    runs = _by_length(plan, "memorise", largest)
    runs += _by_length(plan, "forms", largest, neuron=["tanh", "relu"])
    picture = partial(drawing.best_seeds, x="length", lines=lines, y=MEMORY)
    return Sweep(runs, drawing.figure(MEMORY, ("length", *lines), picture))


def figure3_left(plan: Plan = Plan()) -> Sweep:
    """R4: meta-gradients solve only short sequences, evolution far longer ones."""
    sizes, lines = _largest(plan), ("experiment", "readout")
    short = {10: sizes[30], 30: sizes[30], 100: sizes[100]}
    half = {t: (hidden, number // 2) for t, (hidden, number) in short.items()}  # time
    runs = _by_length(plan, "memorise", short)
    runs += _by_length(plan, "by_gradient", half, readout=["relu", "softmax"])
    picture = partial(drawing.best_seeds, x="length", lines=lines, y=MEMORY)
    return Sweep(runs, drawing.figure(MEMORY, (*lines, "length"), picture))


def figure3_right(plan: Plan = Plan()) -> Sweep:
    """R5: an LSTM falls behind on long sequences; gradients find it before NES does."""
    sizes, lines = _largest(plan), ("experiment", "search")
    lstm = partial(_by_length, plan, "memorise_lstm", sizes)
    runs = _by_length(plan, "memorise", sizes) + lstm(search="gradient")
    runs += lstm(search="snes", lives=1)  # as the rule's own search has
    picture = partial(drawing.best_seeds, x="length", lines=lines, y=MEMORY)
    return Sweep(runs, drawing.figure(MEMORY, (*lines, "length", "hidden"), picture))


def figure4_left(plan: Plan = Plan()) -> Sweep:
    """R6: prediction improves with length, and in long texts with hidden size.

    With the training curves (figure 7).
    """
    text, names = plan.pick(ENGLISH, paper={"text": "enwik8"}), ("length", "hidden")
    ends = partial(drawing.best_seeds, x="length", lines=["hidden"], y=PREDICTION)
    lives = partial(drawing.curves, lines=names, y="nats per symbol, held out")
    runs = _models(plan, MODELS[plan.scale], text)
    return Sweep(runs, drawing.figure(PREDICTION, names, ends, lives))


def figure7(plan: Plan = Plan()) -> Sweep:
    """R6: the training curves of figure 4, left; the same runs."""
    return figure4_left(plan)


def figure4_right(plan: Plan = Plan()) -> Sweep:
    """R7: a rule evolved on English reads German as one evolved on German does."""
    memory, models = plan.pick(
        laptop=({100: (30, 4_000)}, {300: (30, 3_000), 2_000: (30, 500)}),
        paper=({300: (200, 10_000)}, {10_000: (300, 10_000)}),
    )
    runs = _by_length(plan, "memorise", memory, **ENGLISH)
    runs += _by_length(plan, "memorise", memory, **GERMAN)
    runs += _models(plan, models, ENGLISH) + _models(plan, models, GERMAN)
    return Sweep(runs, partial(_in_german, lengths=(max(memory), max(models))))


def figure5(plan: Plan = Plan()) -> Sweep:
    """R8: states of 10 and updates of 14 are best with 100 members; 300 gain more.

    On a laptop only the row and the column through the sizes that are said to be best.
    """
    sizes = plan.pick(laptop={100: (30, 1_500)}, paper={300: (100, 10_000)})
    pairs: Sequence[tuple[int, int]] = plan.pick(
        laptop=((10, 6), (10, 14), (10, 30), (4, 14), (16, 14)),
        paper=tuple(product((4, 10, 16), (6, 14, 30))),
    )
    names, runs = ("population", "state", "update_hidden"), ()
    for members, pair in product((100, 300), pairs):
        chosen = dict(zip(names, (members, *pair), strict=True))
        runs += _by_length(plan, "memorise", sizes, **chosen)
    picture = partial(drawing.heat, names=names, unit=MEMORY)
    return Sweep(runs, drawing.figure(MEMORY, names, picture))


def figure6(plan: Plan = Plan()) -> Sweep:
    """R9: rates of 1.0 for the mean and 0.1 for the deviation are most robust."""
    sizes = plan.pick(laptop={60: (20, 3_000)}, paper={300: (100, 2_000)})
    rates = {"rate_mean": [0.3, 1.0, 3.0], "rate_sigma": [0.03, 0.1, 0.3]}
    runs = _by_length(plan, "memorise", sizes, **rates)
    names = "length", "rate_sigma", "rate_mean"
    picture = partial(drawing.heat, names=names, unit=MEMORY)
    return Sweep(runs, drawing.figure(MEMORY, tuple(rates), picture))


def ingredients(plan: Plan = Plan()) -> Sweep:
    """R10: what transposed weights, four components and the read-out are worth."""
    sizes = plan.pick(laptop={100: (30, 2_500)}, paper={300: (100, 10_000)})
    without = {"transposed": False, "one_component": True, "readout": "softmax"}
    runs = _by_length(plan, "forms", sizes)
    for name, value in without.items():
        runs += _by_length(plan, "forms", sizes, **{name: value})
    picture = partial(drawing.dots, names=tuple(without), x=MEMORY)
    return Sweep(runs, drawing.figure(MEMORY, tuple(without), picture))


def _by_length(plan: Plan, experiment: str, sizes: Sizes, **knobs: Any) -> Runs:
    """Runs at some lengths, each with its sizes of network and its generations."""
    name, seeds = f"evolved_rules.{experiment}", range(plan.seeds)
    runs = [
        grid(name, length=t, hidden=n, **knobs, generations=number, seed=seeds)
        for t, (n, number) in sizes.items()
    ]
    return sum(runs, ())


def _models(plan: Plan, sizes: Sizes, text: dict) -> Runs:
    """Language models of texts of some lengths."""
    if plan.scale == "paper":
        return _by_length(plan, "predict", sizes, **text)
    shortest, *longer = ({length: size} for length, size in sizes.items())
    runs = latest = _by_length(plan, "predict", shortest, **text)
    for size in longer:
        later = _by_length(plan, "predict", size, **text, sigma=GONE_ON)
        latest = begun(later, latest)
        runs += latest
    return runs


def _pmlp(plan: Plan) -> dict[str, Any]:
    """Weights that are networks, small ones on a laptop."""
    hidden = plan.pick(laptop={"weight_hidden": 6}, paper={})
    return {"synapse": "pmlp"} | VECTORS | hidden


def _largest(plan: Plan) -> Sizes:
    """The lengths of figure 2, left, each with its largest network only."""
    sizes = MEMORIES[plan.scale].items()
    return {length: (hidden[-1], number) for length, (hidden, number) in sizes}


def _in_german(records: Records, lengths: Sequence[int]) -> Figure:
    """Rules evolved on German of some lengths, and those that were moved to it."""
    scores: dict[str, list[float]] = {}
    for record in records:
        if drawing.argument(record, "length") in lengths:
            direct = drawing.argument(record, "text") == GERMAN["text"]
            how = "direct" if direct else "transfer"
            row = "this rule" if direct else f"this rule, on {GERMAN['text']}"
            kind = f"{drawing.argument(record, 'experiment')}, {how}"
            scores.setdefault(kind, []).append(drawing.final(record, row))
    scores = dict(sorted(scores.items()))
    title = "alice-de, unseen passages: nats per symbol (memorise), bits (predict)"
    rows = {}
    for kind, own in scores.items():
        numbers = {"best": min(own), "median": np.median(own), "worst": max(own)}
        spelled = {name: f"{number:.3f}" for name, number in numbers.items()}
        rows[kind] = {"seeds": len(own)} | spelled
    return Table.of(title, rows), [drawing.in_lines(scores, title)]
