"""The figures of paper 000, evolved update rules for sequences."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import product

from plastica.exhibit import Panel, Table
from plastica.experiments import knobs
from plastica.figures.drawing import (
    Scale,
    alike,
    argument,
    best_seeds,
    curves,
    dots,
    drawn,
    heat,
    table,
    transfer,
)
from plastica.sweep import Planned, Record, Sweep, grid

MEMORY = "nats per symbol, second reading of unseen passages"
PREDICTION = "bits per symbol, unseen passages"
MEMORIES = {  # hidden neurons and generations, by the length of the passage
    "laptop": {
        30: ((10, 30), 6_000),
        100: ((10, 40), 4_000),
        300: ((30, 100), 1_500),
    },
    "paper": {t: ((10, 40, 100, 300, 1_000), 10_000) for t in (30, 100, 300, 1_000)},
}
FROM = 100, 40  # length and hidden neurons of what shorter passages begin from
MODELS = {  # on a laptop those of longer texts go on from those of shorter ones
    "laptop": {300: ((30, 100), 3_000), 2_000: ((30, 100), 500)},
    "paper": {t: ((40, 100, 300, 1_000), 10_000) for t in (2_000, 10_000, 100_000)},
}
GONE_ON = 0.05  # deviation of theirs; a search of 300 characters has come to 0.056
ENGLISH = {"text": ["wizard-of-oz"], "also": ["alice-de"]}  # also read in German
VECTORS = {"weight_state": [2]}  # n_w: the least that an LSTM can have


def figure2_left(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """R1: memory improves with hidden size; n >= T/3 memorises T almost perfectly.

    The shortest passages also from what was found on longer ones: searched on alone,
    they end in a local optimum (sigma tells the two apart).
    """
    names = "length", "sigma", "hidden"
    x, line = {"laptop": ("hidden", "length"), "paper": ("length", "hidden")}[scale]
    picture = partial(best_seeds, x=x, lines=(line, "sigma"), y=MEMORY)
    runs = _by_length("memorise", MEMORIES[scale], seeds)
    longer = [r for r in runs if (r.arguments["length"], r.arguments["hidden"]) == FROM]
    shortest = {30: (MEMORIES[scale][30][0], 1_500)}
    again = (
        replace(run, start=start)
        for start in longer
        for run in _by_length("memorise", shortest, seeds, {"sigma": [0.01]})
        if run.arguments["seed"] == start.arguments["seed"]
    )
    return Sweep((*runs, *again), drawn(MEMORY, *names, picture=picture))


def figure2_right(*, scale: Scale = "laptop", seeds: knobs.Seeds = 4) -> Sweep:
    """R2: of all forms, PMLP neurons with Hebbian weights are best by far.

    On a laptop longer passages too, with Hebbian weights alone.
    """
    names, neurons = ("neuron", "synapse"), {"neuron": ["pmlp", "lstm"]}
    sizes, weights = _forms(scale)
    longer = {"laptop": {100: ((30,), 2_500)}, "paper": {}}[scale]
    runs = [
        _by_length("forms", sizes | longer, seeds, neurons),
        _by_length("forms", sizes, seeds, neurons | weights["pmlp"]),
        _by_length("forms", sizes, seeds, neurons | weights["lstm"]),
    ]

    def draw(records: Sequence[Record]) -> tuple[Table, list[Panel]]:
        panels = [
            curves(group, lines=names, y=f"{MEMORY} of {length}", among=records)
            for (length,), group in alike(records, "length").items()
        ]
        return table(records, MEMORY, "length", *names), panels

    return Sweep(sum(runs, ()), draw)


def weight_inputs(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """R2, 6.2: how a weight's network is fed, and whether it replaces the weight."""
    lines = "synapse", "fed", "replaces"
    sizes, weights = _forms(scale)
    fed = {"fed": ["side by side", "product", "both"]}
    runs = [
        _by_length("forms", sizes, seeds, weight | fed)
        for weight in (weights["pmlp"] | {"replaces": [False, True]}, weights["lstm"])
    ]
    picture = partial(dots, names=lines, x=MEMORY)
    return Sweep(sum(runs, ()), drawn(MEMORY, *lines, picture=picture))


def plain_mlp(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """R3: a plain MLP with tanh solves 100 symbols, not 300; with ReLU all fail."""
    largest, neurons = _largest(scale), {"neuron": ["tanh", "relu"]}
    lines = "experiment", "neuron"
    picture = partial(best_seeds, x="length", lines=lines, y=MEMORY)
    return Sweep(
        _by_length("memorise", largest, seeds)
        + _by_length("forms", largest, seeds, neurons),
        drawn(MEMORY, "length", *lines, picture=picture),
    )


def figure3_left(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """R4: meta-gradients solve only short sequences, evolution far longer ones."""
    sizes = _largest(scale)
    short = {10: sizes[30], 30: sizes[30], 100: sizes[100]}
    half = {t: (hidden, number // 2) for t, (hidden, number) in short.items()}  # time
    readouts = {"readout": ["relu", "softmax"]}
    lines = "experiment", "readout"
    picture = partial(best_seeds, x="length", lines=lines, y=MEMORY)
    return Sweep(
        _by_length("memorise", short, seeds)
        + _by_length("by_gradient", half, seeds, readouts),
        drawn(MEMORY, *lines, "length", picture=picture),
    )


def figure3_right(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """R5: an LSTM falls behind on long sequences; gradients find it before NES does."""
    sizes = _largest(scale)
    by_snes = {"search": ["snes"], "lives": [1]}  # as the rule's own search has
    lines = "experiment", "search"
    picture = partial(best_seeds, x="length", lines=lines, y=MEMORY)
    return Sweep(
        _by_length("memorise", sizes, seeds)
        + _by_length("memorise_lstm", sizes, seeds, {"search": ["gradient"]})
        + _by_length("memorise_lstm", sizes, seeds, by_snes),
        drawn(MEMORY, *lines, "length", "hidden", picture=picture),
    )


def figure4_left(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """R6: prediction improves with length, and in long texts with hidden size.

    With the training curves (figure 7).
    """
    runs = _models(scale, MODELS[scale], seeds, _text(scale))
    names = "length", "hidden"

    def draw(records: Sequence[Record]) -> tuple[Table, list[Panel]]:
        ends = best_seeds(records, x="length", lines=["hidden"], y=PREDICTION)
        lives = curves(records, lines=names, y="nats per symbol, held out")
        return table(records, PREDICTION, *names), [ends, lives]

    return Sweep(runs, draw)


def figure7(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """R6: the training curves of figure 4, left; the same runs."""
    return figure4_left(scale=scale, seeds=seeds)


def figure4_right(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """R7: a rule evolved on English reads German as one evolved on German does."""
    memory, models = {
        "laptop": (
            {100: ((30,), 4_000)},
            {t: ((30,), number) for t, (_, number) in MODELS["laptop"].items()},
        ),
        "paper": ({300: ((200,), 10_000)}, {10_000: ((300,), 10_000)}),
    }[scale]
    texts = ENGLISH, {"text": ["alice-de"]}
    memories = [_by_length("memorise", memory, seeds, text) for text in texts]
    runs = [_models(scale, models, seeds, text) for text in texts]

    def draw(records: Sequence[Record]) -> tuple[Table, list[Panel]]:
        lengths = max(memory), max(models)
        return transfer("alice-de")(
            [r for r in records if argument(r, "length") in lengths]
        )

    return Sweep(sum(memories + runs, ()), draw)


def figure5(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """R8: states of 10 and updates of 14 are best with 100 members; 300 gain more.

    On a laptop only the row and the column through the sizes that are said to be best.
    """
    length, hidden, generations = {
        "laptop": (100, 30, 1_500),
        "paper": (300, 100, 10_000),
    }[scale]
    row, column = product([10], (6, 14, 30)), product((4, 16), [14])
    sizes = {
        "laptop": (*row, *column),
        "paper": tuple(product((4, 10, 16), (6, 14, 30))),
    }[scale]
    runs = [
        grid(
            "evolved_rules.memorise",
            length=[length],
            hidden=[hidden],
            population=[members],
            state=[state],
            update_hidden=[update],
            generations=[generations],
            seed=range(seeds),
        )
        for members in (100, 300)
        for state, update in sizes
    ]
    names = "population", "state", "update_hidden"
    picture = partial(
        heat, x="update_hidden", y="state", panels="population", unit=MEMORY
    )
    return Sweep(sum(runs, ()), drawn(MEMORY, *names, picture=picture))


def figure6(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """R9: rates of 1.0 for the mean and 0.1 for the deviation are most robust."""
    length, hidden, generations = {
        "laptop": (60, 20, 3_000),
        "paper": (300, 100, 2_000),
    }[scale]
    runs = grid(
        "evolved_rules.memorise",
        length=[length],
        hidden=[hidden],
        rate_mean=[0.3, 1.0, 3.0],
        rate_sigma=[0.03, 0.1, 0.3],
        generations=[generations],
        seed=range(seeds),
    )
    names = "rate_mean", "rate_sigma"
    picture = partial(heat, x="rate_mean", y="rate_sigma", panels="length", unit=MEMORY)
    return Sweep(runs, drawn(MEMORY, *names, picture=picture))


def ingredients(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """R10: what transposed weights, four components and the read-out are worth."""
    sizes = {
        "laptop": {100: ((30,), 2_500)},
        "paper": {300: ((100,), 10_000)},
    }[scale]
    without: tuple[dict, ...] = (
        {},
        {"transposed": [False]},
        {"one_component": [True]},
        {"readout": ["softmax"]},
    )
    runs = [_by_length("forms", sizes, seeds, choice) for choice in without]
    names = "transposed", "one_component", "readout"
    picture = partial(dots, names=names, x=MEMORY)
    return Sweep(sum(runs, ()), drawn(MEMORY, *names, picture=picture))


def _by_length(
    experiment: str, sizes: dict, seeds: int, choices: dict | None = None
) -> tuple[Planned, ...]:
    """Runs at some lengths, each with its sizes of network and its generations."""
    runs = [
        grid(
            f"evolved_rules.{experiment}",
            length=[length],
            hidden=hidden,
            **choices or {},
            generations=[generations],
            seed=range(seeds),
        )
        for length, (hidden, generations) in sizes.items()
    ]
    return sum(runs, ())


def _forms(scale: str) -> tuple[dict, dict]:
    """Where forms of weights are compared, and their arguments.

    Weights with networks of their own take ten to thirty times as long as Hebbian ones;
    on a laptop passages are short and those networks small.
    """
    hidden = {"laptop": {"weight_hidden": [6]}, "paper": {}}[scale]
    sizes = {
        "laptop": {30: ((10,), 3_000)},
        "paper": {100: ((160,), 10_000)},
    }[scale]
    pmlp = {"synapse": ["pmlp"]} | VECTORS | hidden
    lstm = {"synapse": ["lstm"], "replaces": [True]} | VECTORS  # it always replaces
    return sizes, {"pmlp": pmlp, "lstm": lstm}


def _models(scale: str, sizes: dict, seeds: int, text: dict) -> tuple[Planned, ...]:
    """Language models of texts of some lengths."""
    if scale == "paper":
        return _by_length("predict", sizes, seeds, text)
    (shortest, *longer) = sizes.items()
    runs = latest = _by_length("predict", dict([shortest]), seeds, text)
    for size in longer:
        later = text | {"sigma": [GONE_ON]}
        planned = _by_length("predict", dict([size]), seeds, later)
        pairs = zip(planned, latest, strict=True)
        latest = tuple(replace(run, start=start) for run, start in pairs)
        runs += latest
    return runs


def _largest(scale: str) -> dict:
    """The lengths of figure 2, left, each with its largest network only."""
    return {t: (sizes[-1:], number) for t, (sizes, number) in MEMORIES[scale].items()}


def _text(scale: str) -> dict:
    return {"laptop": ENGLISH, "paper": {"text": ["enwik8"]}}[scale]
