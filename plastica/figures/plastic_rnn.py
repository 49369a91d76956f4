"""The figures of paper 002, evolved plastic recurrent networks."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from plastica.exhibit import Panel, Table
from plastica.exhibits.driving import track_panel
from plastica.exhibits.trials import map_panels
from plastica.experiments import knobs
from plastica.figures.drawing import Scale, argument, means
from plastica.plots import lines
from plastica.sweep import Planned, Record, Sweep, grid

METHODS = ("eprnn", "rnn", "eprnn-without-m", "lstm", "epmlp", "epmlp-random")
COLUMNS = ((1, 10, 20), (1, 25, 50), (3, 10, 20), (3, 25, 50))  # l, K, N of table 2
HARD = COLUMNS[1]  # the sines that figures 5 and 8 look at
NOISES = (0.01, 0.05, 0.2)
PAPER = 15_000  # generations
FORETOLD, FORETOLD_LARGE, DRIVEN = 6_000, 2_500, 1_000  # generations, the laptop's
SMALL = {"units": [16], "start": [0.3], "sigma": [0.05], "population": [128]}
CALM = SMALL | {"start": [0.1], "sigma": [0.01]}  # or MAML's closed loops explode
LARGE = {"units": [64], "start": [0.1], "sigma": [0.01], "population": [398]}


def table2(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """EPRNN predicts sines best: before its variants, RNN, LSTM and MAML (claim P1).

    The laptop's networks are small, but for one seed of the first column.
    """
    easy, *others = COLUMNS
    if scale == "laptop":
        runs = _sines([easy], METHODS, FORETOLD, seeds, SMALL)
        runs += _sines([easy], ["maml"], FORETOLD, seeds, CALM)
        runs += _sines(others, METHODS, FORETOLD, 1, SMALL)
        runs += _sines(others, ["maml"], FORETOLD, 1, CALM)
        runs += _sines([easy], [*METHODS, "maml"], FORETOLD_LARGE, 1)
    else:
        runs = _sines(COLUMNS, [*METHODS, "maml"], PAPER, seeds)
    return Sweep(runs, _curves)


def table3(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """In the robot EPRNN is best, but for LSTM at high noise (claims P2, P3 and P6)."""
    maml = ("maml-zero-shot", "maml-one-rollout")
    if scale == "laptop":
        runs = _drives(scale, [0.05], METHODS, seeds)
        runs += _drives(scale, [0.01, 0.2], METHODS[:2], seeds)
        runs += _drives(scale, [0.05], maml[:1], seeds)  # one roll-out: hours
    else:
        runs = _drives(scale, NOISES, METHODS + maml, seeds)
    return Sweep(runs, _table3)


def searches(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """Other searches than the program's, for as many generations (beyond the paper)."""
    generations, how = {"laptop": (FORETOLD, SMALL), "paper": (PAPER, {})}[scale]
    others = grid(
        "plastic_rnn.foretell",
        search=["adam", "snes"],
        **how,
        generations=[generations],
        seed=range(seeds),
    )
    runs = _sines(COLUMNS[:1], ["eprnn"], generations, seeds, how) + others
    return Sweep(runs, partial(_curves, rows="search"))


def figure4(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """Meta-testing scores as generations go by: the curves of tables 2 and 3."""
    runs = table2(scale=scale, seeds=seeds).runs + table3(scale=scale).runs
    return Sweep(runs, _curves)


def figure5(*, scale: Scale = "laptop", seeds: knobs.Seeds = 1) -> Sweep:
    """EPRNN's weights tell what is hidden, more than its activations do (claim P4)."""
    return Sweep(_looked_at(["eprnn"], scale, seeds), _readouts)


def figure8(*, scale: Scale = "laptop", seeds: knobs.Seeds = 1) -> Sweep:
    """An RNN's activations and an EPMLP's weights tell less (claim P4)."""
    runs = _looked_at(["rnn", "epmlp"], scale, seeds)
    return Sweep(runs, _readouts)


def figure9(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """Robots turn more, the noisier the signal (claim P5)."""
    runs = _drives(scale, NOISES, ["eprnn"], seeds)

    def draw(records: Sequence[Record]) -> tuple[Table, list[Panel]]:
        tracks = {}
        for record in sorted(records, key=lambda r: argument(r, "noise")):
            each = record["scores"]["details"]["tracks"]
            tracks.setdefault(f"noise {argument(record, 'noise')}", each["this rule"])
        tracks["random controller"] = each["random controller"]
        return _readouts(records)[0], [track_panel(tracks)]

    return Sweep(runs, draw)


def meta_test(record: Record) -> float:
    """The mean of the 3 best of the last 10 meta-tests (the tables' summary)."""
    return float(np.mean(sorted(loss for _, loss in record["curve"][-10:])[:3]))


def _sines(
    columns, who, generations: int, seeds: int, how: dict | None = None
) -> tuple[Planned, ...]:
    """All methods with one seed, then with the next."""
    return tuple(
        run
        for seed in range(seeds)
        for l, K, N in columns
        for run in grid(
            "plastic_rnn.foretell",
            method=who,
            dimensions=[l],
            shots=[K],
            horizon=[N],
            **how or {},
            generations=[generations],
            seed=[seed],
        )
    )


def _drives(scale: str, noises, who, seeds: int) -> tuple[Planned, ...]:
    sizes, generations = {
        "laptop": (SMALL | {"lives": [16]}, DRIVEN),
        "paper": (LARGE | {"lives": [4]}, PAPER),
    }[scale]
    return tuple(
        run
        for seed in range(seeds)
        for run in grid(
            "plastic_rnn.drive",
            method=who,
            noise=noises,
            **sizes,
            generations=[generations],
            seed=[seed],
        )
    )


def _looked_at(who, scale: str, seeds: int) -> tuple[Planned, ...]:
    """The runs of figures 5 and 8: sines of l=1, K=25, N=50; little noise."""
    if scale == "laptop":
        runs = _sines([HARD], who, FORETOLD, seeds, SMALL)
    else:
        runs = _sines([HARD], who, PAPER, seeds)
    return runs + _drives(scale, [0.01], who, seeds)


def _table3(records: Sequence[Record]) -> tuple[Table, list[Panel]]:
    return _fitness(records, ("noise",)), _curves(records)[1]


def _fitness(
    records: Sequence[Record], columns: tuple[str, ...], rows: str = "method"
) -> Table:
    """Fitness by an argument and columns over runs, as the paper's tables have it."""
    groups: dict[tuple, list[float]] = {}
    for record in records:
        place = argument(record, rows), _spelled(record, columns)
        groups.setdefault(place, []).append(-meta_test(record))
    heads = tuple(sorted({head for _, head in groups}))

    def cell(row: str, head: str) -> str:
        runs = groups.get((row, head))
        if not runs:
            return "-"
        spread = f" ± {np.std(runs):.3f}" if len(runs) > 1 else ""
        return f"{np.mean(runs):.3f}{spread} ({len(runs)})"

    names = dict.fromkeys(row for row, _ in groups)
    table = tuple((row, tuple(cell(row, head) for head in heads)) for row in names)
    return Table("fitness", heads, table, "Mean ± deviation over runs (how many).")


def _curves(
    records: Sequence[Record], rows: str = "method"
) -> tuple[Table, list[Panel]]:
    """A picture for each task, a line for each value of `rows`."""
    names = ("units", "dimensions", "shots", "horizon", "noise")
    pictures: dict[str, dict[str, list]] = {}
    for record in records:
        told = pictures.setdefault(_spelled(record, names), {})
        told.setdefault(argument(record, rows), []).append(record["curve"])
    panels = []
    for task, told in sorted(pictures.items()):
        means = {name: np.mean(runs, 0).T for name, runs in told.items()}
        curves = {name: (x, -loss) for name, (x, loss) in means.items()}
        picture = lines(curves, "generation", "fitness")
        panels.append(Panel(task, "Means over 1,600 tasks and over seeds.", picture))
    return _fitness(records, names, rows), panels


def _readouts(records: Sequence[Record]) -> tuple[Table, list[Panel]]:
    """What the runs' exhibits measured, a row a number, and the maps of first seeds."""
    cells: dict[str, dict[str, list[float]]] = {}
    panels = {}
    for record in sorted(records, key=lambda r: _spelled(r, ("noise",))):
        who = f"{argument(record, 'method')}, {_spelled(record, ('noise',)) or 'sines'}"
        scores = record["scores"]
        for name, score in means(record).items():
            cells.setdefault(name, {}).setdefault(who, []).append(score)
        panels.setdefault(who, map_panels(scores.get("details", {}), f"{who}: "))

    def cell(values: Sequence[float]) -> str:
        spread = f" ± {np.std(values):.2f}" if len(values) > 1 else ""
        return f"{np.mean(values):.2f}{spread}" if values else "-"

    heads = tuple(dict.fromkeys(head for row in cells.values() for head in row))
    rows = [(n, tuple(cell(r.get(h, [])) for h in heads)) for n, r in cells.items()]
    note = "Mean ± deviation over seeds, where there are several."
    title = "at the end of a life"
    shown = [panel for maps in panels.values() for panel in maps]
    return Table(title, heads, tuple(rows), note), shown


def _spelled(record: Record, names: Sequence[str]) -> str:
    """Those of the arguments that the run has, with their values."""
    told = record["source"]["arguments"]
    return ", ".join(f"{name} {told[name]}" for name in names if name in told)
