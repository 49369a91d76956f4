"""The figures of paper 001, learning to remember."""

from collections.abc import Sequence
from itertools import product
from typing import Any, get_args

import numpy as np

from plastica.cells import OP
from plastica.exhibit import Panel, Table
from plastica.experiments import knobs
from plastica.figures.drawing import Scale, alike, dots, final, named, table
from plastica.plots import new_figure, stroke, svg
from plastica.sweep import Planned, Record, Sweep, grid


def figure1_grid(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """Which updates remember (figure 1, left and middle; claims M1 and M2).

    The paper: at delay 80 GATED synapses are best and MLP ones fail; at 10 nearly all
    work. Early on, LSTM neurons are best at 80; at the end LSTM-id synapses do well.
    """
    telling = [("LSTM", "GATED"), ("GATED", "GATED"), ("LSTM", "LSTM-id")]
    telling += [("LSTM", "MLP"), ("MLP-tanh", "MLP")]
    every = list(product(get_args(OP), get_args(OP)))
    pairs = {"laptop": telling, "paper": every}[scale]
    runs = tuple(
        run
        for neuron, synapse in pairs
        for run in _runs(
            scale, seeds, [10, 80], laptop=100_000, neuron=[neuron], synapse=[synapse]
        )
    )
    return Sweep(runs, _drawn("delay", "neuron", "synapse"))


def figure1_delays(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """Sizes of the state, and LSTMs, by delay (figure 1, right; claim M3).

    The paper: 14 numbers beat 6, and both beat LSTMs of 16 and 128 units up to a delay
    of 80, with far fewer parameters.
    """
    delays = {"laptop": [10, 40, 80], "paper": [10, 20, 40, 80, 160, 320]}[scale]
    ours = _runs(scale, seeds, delays, state=[6, 14])
    units = {"hidden": [16, 128], "memory": ["reset", "kept"]}
    theirs = _runs(scale, seeds, delays, "remember_lstm", **units)
    draw = _drawn("delay", "ticks", "state", "hidden", "memory")
    if scale == "laptop":  # at long delay an LSTM is overtaken later
        ours += _runs(scale, seeds, [80], laptop=200_000, state=[14])
        best = {"hidden": [128], "memory": ["reset"]}
        theirs += _runs(scale, seeds, [80], "remember_lstm", 200_000, **best)
    return Sweep(ours + theirs, draw)


def neurons(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """Neurons of the hidden layer (section 7, claim M4).

    The paper: performance does not grow with their number.
    """
    sizes = {"laptop": [0, 5, 20], "paper": [0, 5, 20, 50, 100]}[scale]
    runs = _runs(scale, seeds, [10, 80], hidden=sizes)
    return Sweep(runs, _drawn("delay", "hidden"))


def ingredients(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """What the ingredients are worth (section 7, claim M5).

    The paper: the hidden layer helps early only, self-connections of the input layer do
    the work; letting OP put out u fails to learn; different components matter.
    """
    without = [{}, {"hidden": [0]}, {"self_connections": [False]}]
    without += [{"sends": ["put out"]}, {"one_component": [True]}]
    runs = tuple(run for less in without for run in _runs(scale, seeds, [10], **less))
    draw = _drawn("hidden", "self_connections", "sends", "one_component")
    return Sweep(runs, draw)


def elsewhere(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """This rule and that of paper 000 in each other's tasks, which no paper shows."""
    sizes = {
        "laptop": {"length": [20], "hidden": [10], "population": [64]},
        "paper": {"length": [100], "hidden": [40], "population": [128]},
    }[scale]
    rules = {"rule": ["vector_neuron", "pmlp_hebb"], "text": ["wizard-of-oz"]}
    generations = {"laptop": [300], "paper": [2_000]}[scale]
    sizes |= {"seed": range(seeds)}
    evolved = grid(
        "meet.meet",
        **rules,
        task=["memorise", "predict"],
        generations=generations,
        **sizes,
    )
    updates = {"laptop": [2_000], "paper": [100_000]}[scale]
    told = {"task": ["remember"], "search": ["gradient"], "generations": updates}
    remembering = grid("meet.meet", **rules, **told, **sizes)

    def draw(records: Sequence[Record]) -> tuple[Table, list[Panel]]:
        names = ("task", "rule")
        title = "nats per symbol of unseen text, bits where it predicts"
        return table(records, title, *names), [dots(records, names, title)]

    return Sweep(evolved + remembering, draw)


def sizes(*, scale: Scale = "laptop", seeds: knobs.Seeds = 1) -> Sweep:
    """Sizes and the rate, which the text leaves out: one at a time from the default."""
    choices: dict[str, Any] = {"rate": [1e-3, 3e-3, 1e-2, 3e-2]}
    choices |= {"update_hidden": [10, 40], "embedding": [2, 8]}
    runs = tuple(
        run
        for name, tried in choices.items()
        for run in _runs(scale, seeds, [10, 80], laptop=20_000, **{name: tried})
    )
    units = {
        "hidden": [16, 128],
        "memory": ["reset", "kept"],
        "rate": [1e-3, 3e-3, 1e-2],
    }
    lstm = _runs(scale, seeds, [10], "remember_lstm", **units)
    return Sweep(runs + lstm, _drawn("delay", "ticks", "hidden", "memory", *choices))


def _runs(
    scale, seeds, delays, experiment="remember", laptop=50_000, **choices
) -> tuple[Planned, ...]:
    """Runs in the book of the paper, for each choice, delay and seed.

    The paper's lives are of a million ticks, and a `laptop`'s of so many.
    """
    ticks = {"laptop": laptop, "paper": 1_000_000}[scale]
    return grid(
        f"learning_to_remember.{experiment}",
        text=["wizard-of-oz"],
        ticks=[ticks],
        delay=delays,
        **choices,
        seed=range(seeds),
    )


def _drawn(*names: str):
    """How records become a figure: best and mean over seeds, early and at the end."""

    def draw(records: Sequence[Record]) -> tuple[Table, list[Panel]]:
        kinds = ("experiment", *names)
        groups = {named(kinds, k): g for k, g in alike(records, *kinds).items()}
        rows = tuple((who, _cells(group)) for who, group in groups.items())
        columns = ("np", "seeds", "early best", "early mean", "final best")
        columns += ("final mean", "sd", "newborns", "minutes a run")
        note = (
            "Nats per symbol of snippets asked back, while living: early is the mean "
            "of the first fifth of a life, final of its last twentieth. Newborns: the "
            "mean over seeds of fresh lives in unseen text, theta fixed. np: numbers "
            "in theta."
        )
        return Table("nats", columns, rows, note), [_curves(records, names)]

    return draw


def _cells(group: Sequence[Record]) -> tuple:
    lived = [np.array([loss for _, loss in record["living"]]) for record in group]
    early = [np.nanmean(nats[: max(len(nats) // 5, 1)]) for nats in lived]
    late = [np.nanmean(nats[-max(len(nats) // 20, 1) :]) for nats in lived]
    spread = f"{np.std(late, ddof=1):.3f}" if len(late) > 1 else "-"
    numbers = (min(early), np.mean(early), min(late), np.mean(late))
    newborns = np.mean([final(record) for record in group])
    minutes = np.mean([record["seconds"] / 60 for record in group])
    shown = (f"{number:.3f}" for number in numbers)
    ends = (spread, f"{newborns:.3f}", f"{minutes:.1f}")
    return (group[0]["theta"], len(group), *shown, *ends)


def _curves(records: Sequence[Record], names: Sequence[str]) -> Panel:
    """Lives side by side for each delay, all of a kind in one colour."""
    delays = list(alike(records, "delay"))
    others = [name for name in names if name not in ("delay", "ticks")]
    kinds = {kind: i for i, kind in enumerate(alike(records, "experiment", *others))}
    figure, sides = new_figure(max(7.0, 1 + 3.4 * len(delays)), 3.8, len(delays))
    sides = np.atleast_1d(sides)
    told = "delay", "ticks", "experiment", *others
    for (delay, _, *kind), group in alike(records, *told).items():
        axes, own = sides[delays.index((delay,))], stroke(kinds[tuple(kind)])
        lived = [np.array(record["living"], float).T for record in group]
        best = min(lived, key=lambda curve: np.nanmean(curve[1][-5:]))
        ticks = best[0] * group[0]["ticks"] / group[0]["generations"] / 2
        axes.plot(
            ticks, np.mean([curve[1] for curve in lived], 0), linewidth=1.4, **own
        )
        axes.plot(ticks, best[1], linewidth=0.5, **own)
        axes.set(title=f"delay {delay}", xlabel="ticks lived")
    sides[0].set_ylabel("nats per symbol asked back")
    several = {kind[0] for kind in kinds}
    for kind, i in kinds.items():
        words = (kind[0] if len(several) > 1 else "", named(others, kind[1:]))
        sides[0].plot([], [], label=" ".join(filter(None, words)), **stroke(i))
    figure.legend(
        loc="outside lower center", ncols=min(len(delays), 2), fontsize=7, frameon=False
    )
    said = "Thick: the mean over seeds. Thin: the seed that is best at the end."
    return Panel("While living", said, svg(figure))
