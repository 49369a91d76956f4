"""The figures of paper 001, learning to remember."""

from collections.abc import Sequence
from functools import partial
from itertools import product
from typing import Any, get_args

import numpy as np

from plastica.cells import OP
from plastica.experiments.parts import Plan
from plastica.figures import drawing
from plastica.run.record import Records
from plastica.run.sweep import Figure, Runs, Sweep, grid
from plastica.shown import Panel, Table
from plastica.shown.plots import new_figure, stroke, svg

NOTE = (
    "Nats per symbol of snippets asked back, while living: early is the mean of the "
    "first fifth of a life, final of its last twentieth. Newborns: the mean over seeds "
    "of fresh lives in unseen text, theta fixed. np: numbers in theta."
)


def figure1_grid(plan: Plan = Plan()) -> Sweep:
    """Which updates remember (figure 1, left and middle; claims M1 and M2).

    The paper: at delay 80 GATED synapses are best and MLP ones fail; at 10 nearly all
    work. Early on, LSTM neurons are best at 80; at the end LSTM-id synapses do well.
    """
    telling = [("LSTM", "GATED"), ("GATED", "GATED"), ("LSTM", "LSTM-id")]
    telling += [("LSTM", "MLP"), ("MLP-tanh", "MLP")]
    pairs = plan.pick(telling, paper=product(get_args(OP), get_args(OP)))
    runs = [
        _runs(plan, [10, 80], laptop=100_000, neuron=neuron, synapse=synapse)
        for neuron, synapse in pairs
    ]
    return _figure(sum(runs, ()), "delay", "neuron", "synapse")


def figure1_delays(plan: Plan = Plan()) -> Sweep:
    """Sizes of the state, and LSTMs, by delay (figure 1, right; claim M3).

    The paper: 14 numbers beat 6, and both beat LSTMs of 16 and 128 units up to a delay
    of 80, with far fewer parameters.
    """
    delays = plan.pick(laptop=[10, 40, 80], paper=[10, 20, 40, 80, 160, 320])
    lstm = partial(_runs, plan, experiment="remember_lstm")
    ours = _runs(plan, delays, state=[6, 14])
    theirs = lstm(delays, hidden=[16, 128], memory=["reset", "kept"])
    if plan.scale == "laptop":  # at long delay an LSTM is overtaken later
        ours += _runs(plan, 80, laptop=200_000, state=14)
        theirs += lstm(80, laptop=200_000, hidden=128, memory="reset")
    return _figure(ours + theirs, "delay", "ticks", "state", "hidden", "memory")


def neurons(plan: Plan = Plan()) -> Sweep:
    """Neurons of the hidden layer (section 7, claim M4).

    The paper: performance does not grow with their number.
    """
    sizes = plan.pick(laptop=[0, 5, 20], paper=[0, 5, 20, 50, 100])
    return _figure(_runs(plan, [10, 80], hidden=sizes), "delay", "hidden")


def ingredients(plan: Plan = Plan()) -> Sweep:
    """What the ingredients are worth (section 7, claim M5).

    The paper: the hidden layer helps early only, self-connections of the input layer do
    the work; letting OP put out u fails to learn; different components matter.
    """
    without = {"hidden": 0, "self_connections": False}
    without |= {"sends": "put out", "one_component": True}
    runs = _runs(plan, 10)
    for name, value in without.items():
        runs += _runs(plan, 10, **{name: value})
    return _figure(runs, *without)


def elsewhere(plan: Plan = Plan()) -> Sweep:
    """This rule and that of paper 000 in each other's tasks, which no paper shows."""
    rules = {"rule": ["vector_neuron", "pmlp_hebb"], "text": "wizard-of-oz"}
    rules |= {"hears": "nothing", "hidden": plan.pick(10, 40)}
    rules |= {"population": plan.pick(64, 128)}
    read = {"task": ["memorise", "predict"], "generations": plan.pick(300, 2_000)}
    read |= {"length": plan.pick(20, 100)}
    asked = {"task": "remember", "search": "gradient"}
    asked |= {"generations": plan.pick(2_000, 100_000)}
    seeds = {"seed": range(plan.seeds)}
    runs = [grid("meet.meet", **rules, **task, **seeds) for task in (read, asked)]
    names = "task", "rule"
    title = "nats per symbol of unseen text, bits where it predicts"
    picture = partial(drawing.dots, names=names, x=title)
    return Sweep(sum(runs, ()), drawing.figure(title, names, picture))


def sizes(plan: Plan = Plan(seeds=1)) -> Sweep:
    """Sizes and the rate, which the text leaves out: one at a time from the default."""
    knobs: dict[str, Any] = {"rate": [1e-3, 3e-3, 1e-2, 3e-2]}
    knobs |= {"update_hidden": [10, 40], "embedding": [2, 8]}
    runs = [
        _runs(plan, [10, 80], laptop=20_000, **{name: tried})
        for name, tried in knobs.items()
    ]
    units = {"hidden": [16, 128], "memory": ["reset", "kept"]}
    lstm = _runs(plan, 10, "remember_lstm", **units, rate=[1e-3, 3e-3, 1e-2])
    return _figure(sum(runs, ()) + lstm, "delay", "ticks", *units, *knobs)


def _runs(
    plan: Plan, delay: Any, experiment="remember", laptop=50_000, **knobs
) -> Runs:
    """Runs in the book of the paper, for each choice, delay and seed.

    The paper's lives are of a million ticks, and a `laptop`'s of so many.
    """
    name, ticks = f"learning_to_remember.{experiment}", plan.pick(laptop, 1_000_000)
    book = {"text": "wizard-of-oz", "ticks": ticks, "delay": delay}
    return grid(name, **book, **knobs, seed=range(plan.seeds))


def _figure(runs: Runs, *names: str) -> Sweep:
    """Best and mean over seeds by some arguments, early and at the end; and lives."""

    def draw(records: Records) -> Figure:
        groups = drawing.kinds(records, ("experiment", *names))
        rows = {kind: _cells(group) for kind, group in groups.items()}
        return Table.of("nats", rows, NOTE), [_curves(records, names)]

    return Sweep(runs, draw)


def _cells(group: Records) -> dict[str, Any]:
    """What is shown of runs of a kind, by column."""
    curves = [np.array([loss for _, loss in record["living"]]) for record in group]
    early = [np.nanmean(nats[: max(len(nats) // 5, 1)]) for nats in curves]
    late = [np.nanmean(nats[-max(len(nats) // 20, 1) :]) for nats in curves]
    return {
        "np": group[0]["theta"],
        "seeds": len(group),
        "early best": f"{min(early):.3f}",
        "early mean": f"{np.mean(early):.3f}",
        "final best": f"{min(late):.3f}",
        "final mean": f"{np.mean(late):.3f}",
        "sd": drawing.spread(late),
        "newborns": f"{np.mean([drawing.final(record) for record in group]):.3f}",
        "minutes a run": drawing.minutes(group),
    }


def _curves(records: Records, names: Sequence[str]) -> Panel:
    """Lives side by side for each delay, all of a kind in one colour."""
    delays = [delay for (delay,) in drawing.alike(records, "delay")]
    others = [name for name in names if name not in ("delay", "ticks")]
    kinds = list(drawing.alike(records, "experiment", *others))
    figure, sides = new_figure(max(7.0, 1 + 3.4 * len(delays)), 3.8, len(delays))
    sides = np.atleast_1d(sides)
    apart = "delay", "ticks", "experiment", *others
    for (delay, _, *kind), group in drawing.alike(records, *apart).items():
        axes, own = sides[delays.index(delay)], stroke(kinds.index(tuple(kind)))
        curves = [np.array(record["living"], float).T for record in group]
        best = min(curves, key=lambda curve: np.nanmean(curve[1][-5:]))
        ticks = best[0] * group[0]["ticks"] / group[0]["generations"] / 2
        mean = np.mean([curve[1] for curve in curves], 0)
        axes.plot(ticks, mean, linewidth=1.4, **own)
        axes.plot(ticks, best[1], linewidth=0.5, **own)
        axes.set(title=f"delay {delay}", xlabel="ticks lived")
    sides[0].set_ylabel("nats per symbol asked back")
    several = len({kind[0] for kind in kinds}) > 1
    for i, kind in enumerate(kinds):
        words = (kind[0] if several else "", drawing.named(others, kind[1:]))
        sides[0].plot([], [], label=" ".join(filter(None, words)), **stroke(i))
    below = {"loc": "outside lower center", "ncols": min(len(delays), 2)}
    figure.legend(fontsize=7, frameon=False, **below)
    said = "Thick: the mean over seeds. Thin: the seed that is best at the end."
    return Panel("While living", said, svg(figure))
