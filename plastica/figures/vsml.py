"""The figures of paper 003, variable sharing."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from plastica.exhibit import Panel, Score, Table
from plastica.experiments import knobs
from plastica.experiments.vsml import PASS
from plastica.figures.drawing import Scale
from plastica.plots import lines
from plastica.sweep import Planned, Record, Sweep, grid


def figure4(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """A sub-LSTM learns tanh(x) w with small errors (claim V2)."""
    generations = {"laptop": 4_000, "paper": 40_000}[scale]
    runs = grid("vsml.forward", generations=[generations], seed=range(seeds))
    return Sweep(runs, _scores)


def figure5(*, scale: Scale = "laptop", seeds: knobs.Seeds | None = None) -> Sweep:
    """Cloned back-propagation learns images that it never saw (claim V3).

    Improved, it learns faster at first (V4); hidden layers are shown for less long.
    """
    seeds = seeds or {"laptop": 5, "paper": 60}[scale]
    side, generations = {"laptop": (14, 200), "paper": (28, 10_000)}[scale]
    clones = grid("vsml.clone", lessons=[PASS], seed=range(seeds))
    deep = grid("vsml.clone", lessons=[5_000], hidden=[(32,)], seed=range(seeds))
    improved = tuple(
        Planned(
            "vsml.improve",
            {"side": side, "generations": generations, "seed": seed},
            start=start,
        )
        for seed, start in enumerate(clones)
    )
    return Sweep(clones + deep + improved, _scores)


def figure6(*, scale: Scale = "laptop", seeds: knobs.Seeds = 3) -> Sweep:
    """From scratch, it learns faster than Adam, and other images too (claim V5)."""
    side, generations = {"laptop": (8, 3_000), "paper": (28, 10_000)}[scale]
    sizes = {"side": [side], "generations": [generations], "seed": range(seeds)}
    rules = grid("vsml.from_scratch", learner=["vsml"], **sizes)
    others = grid("vsml.from_scratch", learner=["meta-rnn"], units=[64], **sizes)
    return Sweep(rules + others, _scores)


def _scores(records: Sequence[Record]) -> tuple[Table, list[Panel]]:
    """Scores over seeds of all learners in all courses, and their lives.

    Of the rivals the one that is least often wrong is drawn, in the last course.
    """
    found: dict = defaultdict(lambda: defaultdict(dict))  # by who, where and seed
    lives: dict[str, list] = defaultdict(list)
    rivals: dict[str, list] = defaultdict(list)
    for record in records:
        seed, told = record["seed"], record["scores"]
        for row, cells in told["rows"].items():
            for column, cell in zip(told["columns"], cells, strict=True):
                who, where = _who(record, row), _where(record, column)
                found[who][where][seed] = cell["mean"]
        for name, life in told["life"].items():
            if ", first" in name:  # drawn already, as a longer life begins
                continue
            lives[f"{_who(record, 'this rule')}, {_where(record, name)}"].append(life)
        last = list(told["life"])[-1]
        for rival, curve in told.get("details", {}).items():
            rivals[f"{rival}, {_where(record, last)}"].append(curve)
    columns = dict.fromkeys(where for row in found.values() for where in row)
    columns.pop("mean", None)
    rows = []
    for who, row in found.items():
        means = [list(row.get(where, {0: np.nan}).values()) for where in columns]
        rows.append((who, tuple(Score.of(np.array(each)) for each in means)))
    best = min(rivals, key=lambda who: np.mean(rivals[who][0]), default=None)
    if best:
        lives[best] = rivals[best]
    sums = {who: np.cumsum(np.mean(each, 0)) for who, each in lives.items()}
    so_far = {who: s / np.arange(1, len(s) + 1) for who, s in sums.items()}
    title = records[0]["scores"]["title"].split(" after")[0].split(",")[0]
    unit = title if "wrong" in title else "squared error"
    picture = lines(so_far, "lesson", f"{unit} so far")
    panel = Panel("Within a life", "The mean so far.", picture)
    return Table(f"{title}, over seeds", tuple(columns), tuple(rows)), [panel]


def _who(record: Record, row: str) -> str:
    """What a row of a record is called beside those of other experiments."""
    kind, given = record["source"]["experiment"], record["source"]["arguments"]
    clones = {"vsml.clone": "the clone", "vsml.improve": "the clone, improved"}
    own = clones.get(kind, given.get("learner", "this rule"))
    who = {"this rule": own, "where it began": "the clone"}.get(row, row)
    hidden = ", ".join(map(str, given.get("hidden", ())))
    return f"{who}, hidden {hidden}" if hidden else who


def _where(record: Record, column: str) -> str:
    """A column of a record, after how many lessons where it does not say."""
    clone = record["source"]["experiment"] == "vsml.clone"
    if not clone or column == "mean":
        return column
    return f"{column}, after {record['source']['arguments']['lessons']:,}"
