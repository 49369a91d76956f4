"""The figures of paper 002, evolved plastic recurrent networks."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from plastica.experiments.parts import Plan
from plastica.figures.drawing import argument, cells, extra, grouped, named
from plastica.run.record import Record, Records
from plastica.run.sweep import Figure, Runs, Sweep, grid
from plastica.shown import Panel, Table, Tracks
from plastica.shown.plots import lines

METHODS = ["eprnn", "rnn", "eprnn-without-m", "lstm", "epmlp", "epmlp-random"]
COLUMNS = [  # of table 2
    {"dimensions": l, "shots": K, "horizon": N}
    for l in (1, 3)
    for K, N in ((10, 20), (25, 50))
]
HARD = COLUMNS[1]  # the sines that figures 5 and 8 look at
NOISES = [0.01, 0.05, 0.2]
PAPER = {"generations": 15_000}
FORETOLD, LARGER = {"generations": 6_000}, {"generations": 2_500}  # the laptop's
SMALL = {"units": 16, "start": 0.3, "sigma": 0.05, "population": 128}
CALM = SMALL | {"start": 0.1, "sigma": 0.01}  # or MAML's closed loops explode
SINES = {"laptop": SMALL | FORETOLD, "paper": PAPER}
LARGE = {"units": 64, "start": 0.1, "sigma": 0.01, "population": 398}


def table2(plan: Plan = Plan()) -> Sweep:
    """EPRNN predicts sines best: before its variants, RNN, LSTM and MAML (claim P1).

    The laptop's networks are small, but for one seed of the first column.
    """
    easy, *others = COLUMNS
    if plan.scale == "laptop":
        runs = _sines(METHODS, [easy], plan.seeds, SMALL | FORETOLD)
        runs += _sines("maml", [easy], plan.seeds, CALM | FORETOLD)
        runs += _sines(METHODS, others, 1, SMALL | FORETOLD)
        runs += _sines("maml", others, 1, CALM | FORETOLD)
        runs += _sines([*METHODS, "maml"], [easy], 1, LARGER)
    else:
        runs = _sines([*METHODS, "maml"], COLUMNS, plan.seeds, PAPER)
    return Sweep(runs, _curves)


def table3(plan: Plan = Plan()) -> Sweep:
    """In the robot EPRNN is best, but for LSTM at high noise (claims P2, P3 and P6)."""
    if plan.scale == "laptop":
        runs = _drives(METHODS, 0.05, plan)
        runs += _drives(METHODS[:2], [0.01, 0.2], plan)
        runs += _drives("maml-zero-shot", 0.05, plan)  # one roll-out: hours
    else:
        maml = ["maml-zero-shot", "maml-one-rollout"]
        runs = _drives(METHODS + maml, NOISES, plan)

    def draw(records: Records) -> Figure:
        return _fitness(records, ("noise",)), _curves(records)[1]

    return Sweep(runs, draw)


def searches(plan: Plan = Plan()) -> Sweep:
    """Other searches than the program's, for as many generations (beyond the paper)."""
    how = SINES[plan.scale]
    others = {"search": ["adam", "snes"]} | how | {"seed": range(plan.seeds)}
    runs = grid("plastic_rnn.foretell", **others)
    runs = _sines("eprnn", COLUMNS[:1], plan.seeds, how) + runs
    return Sweep(runs, partial(_curves, rows="search"))


def figure4(plan: Plan = Plan()) -> Sweep:
    """Meta-testing scores as generations go by: the curves of tables 2 and 3."""
    runs = table2(plan).runs + table3(replace(plan, seeds=3)).runs
    return Sweep(runs, _curves)


def figure5(plan: Plan = Plan(seeds=1)) -> Sweep:
    """EPRNN's weights tell what is hidden, more than its activations do (claim P4)."""
    return Sweep(_looked_at("eprnn", plan), _readouts)


def figure8(plan: Plan = Plan(seeds=1)) -> Sweep:
    """An RNN's activations and an EPMLP's weights tell less (claim P4)."""
    return Sweep(_looked_at(["rnn", "epmlp"], plan), _readouts)


def figure9(plan: Plan = Plan()) -> Sweep:
    """Robots turn more, the noisier the signal (claim P5)."""

    def draw(records: Records) -> Figure:
        tracks = {}
        for record in sorted(records, key=lambda r: argument(r, "noise")):
            each = record["scores"]["extras"]["tracks"]["tracks"]
            tracks.setdefault(_spelled(record, ("noise",)), each["this rule"])
        tracks["random controller"] = each["random controller"]
        return _readouts(records)[0], Tracks(tracks).panels("")[:1]

    return Sweep(_drives("eprnn", NOISES, plan), draw)


def meta_test(record: Record) -> float:
    """The mean of the 3 best of the last 10 meta-tests (the tables' summary)."""
    return float(np.mean(sorted(loss for _, loss in record["curve"][-10:])[:3]))


def _sines(who: Any, columns: list[dict], seeds: int, how: dict) -> Runs:
    """All methods with one seed, then with the next."""
    runs = [
        grid("plastic_rnn.foretell", method=who, **column, **how, seed=seed)
        for seed in range(seeds)
        for column in columns
    ]
    return sum(runs, ())


def _drives(who: Any, noise: Any, plan: Plan) -> Runs:
    """The same in the robot."""
    how = plan.pick(
        laptop=SMALL | {"lives": 16, "generations": 1_000},
        paper=LARGE | {"lives": 4} | PAPER,
    )
    runs = [
        grid("plastic_rnn.drive", method=who, noise=noise, **how, seed=seed)
        for seed in range(plan.seeds)
    ]
    return sum(runs, ())


def _looked_at(who: Any, plan: Plan) -> Runs:
    """The runs of figures 5 and 8: sines of l=1, K=25, N=50; little noise."""
    sines = _sines(who, [HARD], plan.seeds, SINES[plan.scale])
    return sines + _drives(who, 0.01, plan)


def _fitness(records: Records, columns: tuple[str, ...], rows: str = "method") -> Table:
    """Fitness by an argument and columns over runs, as the paper's tables have it."""
    heads = sorted({_spelled(record, columns) for record in records})
    table = {}
    for row, own in grouped(records, lambda r: argument(r, rows)).items():
        cell = dict.fromkeys(heads, "-")
        for head, group in grouped(own, lambda r: _spelled(r, columns)).items():
            scores = [-meta_test(record) for record in group]
            cell[head] = f"{_mean(scores, '.3f')} ({len(scores)})"
        table[row] = cell
    return Table.of("fitness", table, "Mean ± deviation over runs (how many).")


def _curves(records: Records, rows: str = "method") -> Figure:
    """A picture for each task, a line for each value of `rows`."""
    names = ("units", "dimensions", "shots", "horizon", "noise")
    panels = []
    for task, own in sorted(grouped(records, lambda r: _spelled(r, names)).items()):
        curves = {}
        for name, group in grouped(own, lambda r: argument(r, rows)).items():
            generations, losses = np.mean([record["curve"] for record in group], 0).T
            curves[name] = generations, -losses
        picture = lines(curves, "generation", "fitness")
        panels.append(Panel(task, "Means over 1,600 tasks and over seeds.", picture))
    return _fitness(records, names, rows), panels


def _readouts(records: Records) -> Figure:
    """What the runs' exhibits measured, a row a number, and the maps of first seeds."""

    def who(record: Record) -> str:
        noise = _spelled(record, ("noise",)) or "sines"
        return f"{argument(record, 'method')}, {noise}"

    ordered = sorted(records, key=lambda r: _spelled(r, ("noise",)))
    rows, panels = {}, []
    for kind, group in grouped(ordered, who).items():
        each = [cells(record) for record in group]
        for name in dict.fromkeys(name for scores in each for name in scores):
            means = [scores[name].mean for scores in each if name in scores]
            rows.setdefault(name, {})[kind] = _mean(means, ".2f")
        panels += extra(group[0], "walks", f"{kind}: ")
    note = "Mean ± deviation over seeds, where there are several."
    return Table.of("at the end of a life", rows, note), panels


def _mean(values: Sequence[float], form: str) -> str:
    """Of some values, and their deviation where there are several."""
    deviation = f" ± {np.std(values):{form}}" if len(values) > 1 else ""
    return f"{np.mean(values):{form}}{deviation}"


def _spelled(record: Record, names: Sequence[str]) -> str:
    """Those of the arguments that the run has, with their values."""
    return named(names, [argument(record, name) for name in names])
