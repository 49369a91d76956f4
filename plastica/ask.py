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
    """A learner's scores over lives.

    Args:
        loss: mean loss of a life and its standard error, in the unit of the task.
        miss: mean miss of a life and its standard error: 1 - accuracy, where answers
            are right or wrong.
        losses: the loss of each life, shape `(lives,)`.
    """

    loss: Score
    miss: Score
    losses: Float[np.ndarray, "lives"]


def evaluate(
    learner: AbstractLearner, task: AbstractTask, lives: int, key: PRNGKeyArray | int
) -> Evaluation:
    """Scores a learner on a task: mean loss and mean miss over independent lives.

    Each life is a newborn in a new world. Theta does not change.

    Args:
        learner: the learner, as an evolved rule or a baseline.
        task: the task.
        lives: number of newborns, each in a world of its own.
        key: a PRNG key, or an integer seed; the same key gives the same worlds.

    Returns:
        An `Evaluation`. `loss` and `miss` have a `mean` and a standard `error` (NaN for
        one life), `losses` has shape `(lives,)`. The unit is the task's: nats, squared
        error or distance.

    Raises:
        Refusal: if the learner does not fit the task, or the seed is out of range.

    Example:
        >>> import plastica as pl
        >>> learner = pl.GradientDescent.at(0.1, pl.Network.chain(2, 4, 2))
        >>> task = pl.Toy(name="xor", batch=8, lessons=3)
        >>> scores = pl.evaluate(learner, task, lives=5, key=0)
        >>> scores.losses.shape
        (5,)
        >>> 0 <= scores.miss.mean <= 1
        True
    """
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
    """Runs one life and returns what happens at each tick, as NumPy arrays.

    Args:
        learner: the learner; a newborn of it lives.
        task: the task; the world is a new one.
        key: a PRNG key, or an integer seed.
        watch: a function `watch(state, world, y)` that returns a dictionary of arrays.
            It gets the state and the world after each tick, and the tick's answer `y`.

    Returns:
        A dictionary of arrays whose first axis is the tick: those that `watch` names,
        and the loss as `value`, `weight` and `miss`, each of shape `(ticks,)`.

    Raises:
        Refusal: if the learner does not fit the task, or the seed is out of range.

    Example:
        >>> import plastica as pl
        >>> text = pl.load_text("python-docs")
        >>> task = pl.Text.memorise(text, "test", length=5)
        >>> rule = pl.PMLPHebb.zeros(pl.Network.layered(27, 3, 27))
        >>> hidden = lambda state, world, y: {"h": state.h[1]}
        >>> seen = pl.live(rule, task, 0, watch=hidden)
        >>> seen["h"].shape, seen["value"].shape
        ((10, 3, 6), (10,))
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
