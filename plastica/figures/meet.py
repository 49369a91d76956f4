"""Every learner on every task: which pairs live, and which of them learn."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from plastica.experiments.learners import LEARNERS, Fit
from plastica.experiments.parts import Plan
from plastica.figures import drawing
from plastica.lifetime import misfit
from plastica.run.record import Record, Records
from plastica.run.sweep import Figure, Sweep, grid
from plastica.shown import Table
from plastica.task import AbstractTask
from plastica.tasks import Classification, Robot, Sines, Text, Toy

SMALL = {"side": 4, "lessons": 50}  # images, and lives in them
Place = tuple[str, dict[str, Any]]  # a task's name, and knobs of it
PLACES: dict[str, Place] = {
    "memorise": ("memorise", {}),
    "predict": ("predict", {}),
    "remember": ("remember", {}),
    "toys": ("toys", {}),
    "images": ("images", SMALL),
    "toys, in batches": ("toys", {"batch": 16}),
    "images, in batches": ("images", {"batch": 16} | SMALL),
    "sines": ("sines", {}),
    "robot": ("robot", {}),
}
KINDS: dict[str, type[AbstractTask]] = {
    "memorise": Text,
    "predict": Text,
    "remember": Text,
    "toys": Toy,
    "images": Classification,
    "sines": Sines,
    "robot": Robot,
}
NOTE = (
    "Loss on held-out worlds before and after {} generations of a meta-gradient, means "
    "over seeds ({}): nats; of sines squared error, of robots summed distance. Images "
    "have 4 by 4 pixels. In italics, the pair does not learn: its loss did not fall "
    "for every seed."
)


def reason(rule: str, place: str) -> str | None:
    """Why a learner of the package cannot live in a place; None where it can."""
    task, knobs = PLACES[place]
    fit = Fit(jax.random.key(0), 2, 2, 2, "batch" in knobs, True, False)
    return misfit(LEARNERS[rule](fit), KINDS[task], fit.batched)


def pairs(plan: Plan = Plan()) -> Sweep:
    """Which learners can live on which tasks, and learn there (claim X1)."""
    length = plan.pick(20, 200)
    how = {"search": "gradient", "generations": length, "every": length}
    runs = [
        grid("meet.meet", rule=rule, task=task, **knobs, **how, seed=range(plan.seeds))
        for rule in LEARNERS
        for place, (task, knobs) in PLACES.items()
        if reason(rule, place) is None
    ]

    def draw(records: Records) -> Figure:
        kept = drawing.alike(records, "rule", "task", "batch")
        table = {rule: {p: _cell(kept, rule, p) for p in PLACES} for rule in LEARNERS}
        seeds = min(map(len, kept.values()))
        return Table.of("learner", table, NOTE.format(length, seeds)), []

    return Sweep(sum(runs, ()), draw)


def _cell(kept: dict[tuple, list[Record]], rule: str, place: str) -> str:
    """Why there is none, or the loss before and after."""
    if why := reason(rule, place):
        return why
    task, knobs = PLACES[place]
    records: Sequence[Record] = [
        record
        for (*pair, batch), group in kept.items()
        if pair == [rule, task] and batch in (knobs.get("batch"), "-")
        for record in group
    ]
    if not records:
        return "-"
    first, *_, last = np.array([[l for _, l in r["curve"]] for r in records], float).T
    spelled = f"{first.mean():.3f} to {last.mean():.3f}"
    return spelled if np.all(last < first) else f"*{spelled}*"
