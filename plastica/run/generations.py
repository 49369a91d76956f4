"""The generations of an experiment as a plain iterator, which keeps nothing."""

import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np

from plastica.experiment import Experiment
from plastica.search import Engine, advance
from plastica.search.search import MOST, SearchState

Metrics = dict[str, float | int | None]


class Step(NamedTuple):
    """Some generations in a row: the number of the last, the state, their metrics.

    `rows` has a dictionary a generation; where the one after them diverged whole,
    `failed` is true, and the state the one before it. Of the last of `rows` the
    held-out loss may stand in it as "eval/loss". `lost` is how many lives diverged in
    the generation that failed.
    """

    generation: int
    state: SearchState
    rows: list[Metrics]
    failed: bool = False
    lost: int = 0


def generations(
    experiment: Experiment,
    engine: Engine,
    state: SearchState,
    start: int,
    pace: Callable[[int], int],
    periods: tuple[int, ...] = (),
    fresh: bool = True,
) -> Iterator[Step]:
    """Generations from number `start` on, several in one compiled loop.

    A loop ends where its state is wanted: at an evaluation, at a stage, at multiples of
    `periods`, and after as many generations as `pace(generation)` says, 0 to stop. None
    of this changes, to the bit, what is lived. The start itself is evaluated, too, if
    it is 0 and `fresh`.
    """
    search, total = experiment.search, experiment.generations
    key = key_for(jax.random.key(experiment.seed), "generation")
    stages = [at for at, _ in experiment.stages]
    if start == 0 and fresh:
        yield Step(0, state, [evaluated(experiment, state)])
    generation = start
    while generation < total and (most := pace(generation)) > 0:
        if generation in stages:
            state = search.staged(state)
        ends = [total, *(at for at in stages if at > generation)]
        ends += [(generation // p + 1) * p for p in (experiment.every, *periods)]
        objective = experiment.objective_at(generation)
        count = min(most, MOST, min(ends) - generation)
        state, rows = advance(search, state, objective, key, engine, generation, count)
        rows = [{name: plain(value) for name, value in row.items()} for row in rows]
        failed = bool([row.pop("failed") for row in rows][-1])
        lost = rows.pop()["diverged"] if failed else 0
        generation += len(rows)
        if not failed and (generation == total or generation % experiment.every == 0):
            rows[-1] |= evaluated(experiment, state)
        yield Step(generation, state, rows, failed, lost)
        if failed:
            return


def evaluated(experiment: Experiment, state: SearchState) -> Metrics:
    """The held-out loss of the learner that the search stands for."""
    learner, key = experiment.search.best(state), jax.random.key(experiment.seed)
    return {
        "eval/loss": plain(
            _judged(learner, experiment.evaluation, key_for(key, "evaluation"))
        )
    }


@eqx.filter_jit
def _judged(learner, objective, key):
    return objective(learner, objective.init(learner, key), key)[0]


def key_for(key, purpose: str):
    """A key for a purpose, the same whatever other purposes there are."""
    return jax.random.fold_in(key, zlib.crc32(purpose.encode()))


def plain(value: Any) -> Any:
    """A Python number, or None for what is none: JSON has no NaN."""
    number = np.asarray(value).item()
    return number if np.isfinite(number) else None
