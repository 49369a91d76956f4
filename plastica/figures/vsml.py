"""The figures of paper 003, variable sharing."""

from collections import defaultdict

import numpy as np

from plastica.experiments.parts import Plan
from plastica.experiments.vsml import PASS
from plastica.figures.drawing import cells
from plastica.run.record import Record, Records
from plastica.run.sweep import Figure, Sweep, begun, grid
from plastica.shown import Panel, Score, Table
from plastica.shown.plots import lines


def figure4(plan: Plan = Plan()) -> Sweep:
    """A sub-LSTM learns tanh(x) w with small errors (claim V2)."""
    generations = plan.pick(laptop=4_000, paper=40_000)
    runs = grid("vsml.forward", generations=generations, seed=range(plan.seeds))
    return Sweep(runs, _scores)


def figure5(plan: Plan = Plan(seeds=0)) -> Sweep:
    """Cloned back-propagation learns images that it never saw (claim V3).

    Improved, it learns faster at first (V4); hidden layers are shown for less long.
    """
    seeds = range(plan.seeds or plan.pick(laptop=5, paper=60))
    sizes = plan.pick(
        laptop={"side": 14, "generations": 200},
        paper={"side": 28, "generations": 10_000},
    )
    clones = grid("vsml.clone", lessons=PASS, seed=seeds)
    deep = grid("vsml.clone", lessons=5_000, hidden=(32,), seed=seeds)
    improved = begun(grid("vsml.improve", **sizes, seed=seeds), clones)
    return Sweep(clones + deep + improved, _scores)


def figure6(plan: Plan = Plan()) -> Sweep:
    """From scratch, it learns faster than Adam, and other images too (claim V5)."""
    sizes = plan.pick(
        laptop={"side": 8, "generations": 3_000},
        paper={"side": 28, "generations": 10_000},
    )
    sizes |= {"seed": range(plan.seeds)}
    rules = grid("vsml.from_scratch", learner="vsml", **sizes)
    others = grid("vsml.from_scratch", learner="meta-rnn", units=64, **sizes)
    return Sweep(rules + others, _scores)


def _scores(records: Records) -> Figure:
    """Scores over seeds of all learners in all courses, and their lives."""
    found: dict = defaultdict(lambda: defaultdict(dict))  # by who, where and seed
    for record in records:
        for row in record["scores"]["rows"]:
            for column, cell in cells(record, row).items():
                if column != "mean":
                    place = found[_who(record, row)][_where(record, column)]
                    place[record["seed"]] = cell.mean
    rows: dict[str, dict] = {who: {} for who in found}
    for who, row in found.items():
        for where, means in row.items():
            rows[who][where] = Score.of(np.array([*means.values()], float))
    title = records[0]["scores"]["title"].split(" after")[0].split(",")[0]
    unit = title if "wrong" in title else "squared error"
    return Table.of(f"{title}, over seeds", rows), [_so_far(records, unit)]


def _so_far(records: Records, unit: str) -> Panel:
    """Means of lives up to each lesson, over seeds, of all learners in all courses.

    Of the rivals the one that is least often wrong is plotted, in the last course.
    """
    lives: dict[str, list] = defaultdict(list)
    rivals: dict[str, list] = defaultdict(list)
    for record in records:
        scores = record["scores"]
        for name, life in scores["life"].items():
            if ", first" not in name:  # plotted already, as a longer life begins
                who = f"{_who(record, 'this rule')}, {_where(record, name)}"
                lives[who].append(life)
        others = scores.get("extras", {}).get("rivals", {}).get("curves", {})
        for rival, curve in others.items():
            rivals[f"{rival}, {_where(record, list(scores['life'])[-1])}"].append(curve)
    if rivals:
        best = min(rivals, key=lambda who: np.mean(rivals[who][0]))
        lives[best] = rivals[best]
    means = {who: np.mean(each, 0) for who, each in lives.items()}
    so_far = {who: np.cumsum(m) / np.arange(1, len(m) + 1) for who, m in means.items()}
    picture = lines(so_far, "lesson", f"{unit} so far")
    return Panel("Within a life", "The mean so far.", picture)


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
    lessons = record["source"]["arguments"].get("lessons", 0)
    return f"{column}, after {lessons:,}" if clone else column
