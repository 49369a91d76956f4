"""From Python, in one line: score a learner, or watch one live."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from plastica import lifetime
from plastica.learner import AbstractLearner
from plastica.lifetime import Watch, birth, check, total
from plastica.ranges import key_of
from plastica.shown import Score
from plastica.task import AbstractTask


class Evaluation(NamedTuple):
    """A learner's score over lives: loss and miss, each a mean with its error."""

    loss: Score
    miss: Score
    losses: Float[np.ndarray, "lives"]


def evaluate(
    learner: AbstractLearner, task: AbstractTask, lives: int, key: PRNGKeyArray | int
) -> Evaluation:
    """Mean loss and miss of newborns in new worlds, with standard errors."""
    check(learner, task)
    keys = jax.random.split(key_of(key), lives)
    losses, misses = map(np.asarray, _scores(learner, task, keys))
    return Evaluation(Score.of(losses), Score.of(misses), losses)


def live(
    learner: AbstractLearner,
    task: AbstractTask,
    key: PRNGKeyArray | int,
    watch: Watch | None = None,
) -> dict[str, Any]:
    """One life, tick by tick, as NumPy arrays: what `watch` names, and the loss.

    `watch(state, world, y)` returns a dictionary of arrays; without it only the
    losses come back, as `value`, `weight` and `miss`, each of shape `(ticks,)`.
    """
    check(learner, task)
    loss, seen = _life(learner, task, key_of(key), watch)
    return jax.tree.map(np.asarray, (seen or {}) | loss._asdict())


@eqx.filter_jit
def _scores(learner, task, keys):
    return jax.lax.map(
        lambda k: total(lifetime.life(learner, task, k)), keys, batch_size=16
    )


@eqx.filter_jit
def _life(learner, task, key, watch):
    state, world = birth(learner, task, key)
    return lifetime.live(learner, task, state, world, task.ticks, watch)[2:]
