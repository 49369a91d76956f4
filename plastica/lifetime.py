"""The inner loop: a learner and a world in conversation, tick by tick."""

from collections.abc import Callable
from math import isqrt
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, PRNGKeyArray

from plastica.errors import Refusal
from plastica.learner import AbstractLearner, State
from plastica.task import AbstractTask, Loss, World

SHORT = 500  # ticks of a life of which every state is kept for its gradient
Watch = Callable[[State, World, Array], Any]  # what a picture wants to see of a tick


def live(
    learner: AbstractLearner,
    task: AbstractTask,
    state: State,
    world: World,
    ticks: int,
    watch: Watch | None = None,
) -> tuple[State, World, Loss, Any]:
    """Live on for `ticks` ticks, from a state in a world.

    Returns the last state and world, every tick's loss (fields of shape `(ticks,)`),
    and what `watch(state, world, y)` saw, stacked over ticks (None without one).
    Differentiated, it stores the states of all ticks of a short life, and of about
    `2 sqrt(ticks)` of a long one; whatever else a gradient needs is computed again.
    """

    def tick(carry, _):
        state, world = carry
        state, y = learner.predict(state, task.observe(world))
        world, feedback, loss = task.respond(world, y)
        # cond, not where: an untaught tick costs nothing, and no gradient flows there
        state = lax.cond(feedback.taught, taught, untaught, state, feedback)
        return (state, world), (loss, watch(state, world, y) if watch else None)

    def taught(state, feedback):
        return learner.learn(state, feedback)

    def untaught(state, feedback):
        return state

    @jax.checkpoint
    def segment(carry, _):
        return lax.scan(tick, carry, length=inner)

    inner = 1 if ticks <= SHORT else isqrt(ticks)
    carry, seen = lax.scan(segment, (state, world), length=ticks // inner)
    seen = jax.tree.map(lambda s: s.reshape(-1, *s.shape[2:]), seen)
    if ticks % inner:
        carry, rest = lax.scan(tick, carry, length=ticks % inner)
        seen = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), seen, rest)
    (state, world), (losses, watched) = carry, seen
    return state, world, losses, watched


def life(learner: AbstractLearner, task: AbstractTask, key: PRNGKeyArray) -> Loss:
    """The loss of each tick of one life, as a pure function of JAX.

    It can be compiled, mapped over keys, and differentiated in theta.

    Args:
        learner: the learner; a newborn of it lives.
        task: the task; the world is a new one, for `task.ticks` ticks.
        key: a PRNG key; it is split into one for the world and one for the birth.

    Returns:
        A `Loss` whose fields have shape `(ticks,)`. The loss of the life is the sum of
        `weight * value`.

    Example:
        >>> import jax
        >>> import plastica as pl
        >>> rnn = pl.Recurrent.rnn(jax.random.key(0), inputs=2, units=3, outputs=2)
        >>> task = pl.Toy(name="xor", batch=None, lessons=4)
        >>> losses = pl.life(rnn, task, jax.random.key(1))
        >>> losses.value.shape, losses.weight.tolist()
        ((5,), [0.0, 0.0, 0.0, 0.0, 1.0])
    """
    state, world = birth(learner, task, key)
    return live(learner, task, state, world, task.ticks)[2]


def birth(
    learner: AbstractLearner, task: AbstractTask, key: PRNGKeyArray
) -> tuple[State, World]:
    """A newborn and a new world; the world does not depend on the learner."""
    key_world, key_birth = jax.random.split(key)
    world = task.init(key_world)
    return learner.init(key_birth, task.observe(world)), world


def examine(
    learner: AbstractLearner, state: State, xs: Float[Array, "questions *batch in"]
) -> Float[Array, "questions *batch out"]:
    """Answers many questions from one state; no question changes that state.

    Args:
        learner: the learner.
        state: its state, the same one for all questions.
        xs: observations, shape `(questions, *batch, in)`.

    Returns:
        The answers, shape `(questions, *batch, out)`.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> import plastica as pl
        >>> learner = pl.GradientDescent.at(0.1, pl.Network.chain(2, 4, 3))
        >>> state = learner.init(jax.random.key(0), jnp.zeros(2))
        >>> pl.examine(learner, state, jnp.ones((5, 2))).shape
        (5, 3)
    """
    return jax.vmap(lambda x: learner.predict(state, x)[1])(xs)


def total(losses: Loss) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """A life's loss and its miss: the weighted sums over ticks."""
    return jnp.sum(losses.weight * losses.value), jnp.sum(losses.weight * losses.miss)


def check(learner: AbstractLearner, task: AbstractTask) -> None:
    """Refuse a learner that `task` cannot teach or whose sizes do not fit it."""
    who, where = type(learner).__name__, type(task).__name__
    key = jax.eval_shape(lambda: jax.random.key(0))
    world = eqx.filter_eval_shape(task.init, key)
    x = eqx.filter_eval_shape(task.observe, world)
    if reason := misfit(learner, task, x.ndim > 1):
        why = {
            "feedback": f"it learns from {_listed(learner.needs)}, and {where} gives "
            f"{_listed(task.gives) or 'nothing'}; choose a learner that needs no "
            f"{_listed(learner.needs - task.gives)}",
            "output": f"it answers with {' or '.join(learner.answers)}, and {where} "
            f"asks for {task.asks}; choose a learner that answers with {task.asks}",
            "batches": f"it sees one sample at a time, and {where} shows arrays of "
            f"shape {x.shape}; show one (batch None), or choose a learner of batches",
        }
        raise Refusal(f"{who} cannot live in {where}: {why[reason]}")
    try:
        y = eqx.filter_eval_shape(
            lambda k, x: learner.predict(learner.init(k, x), x)[1], key, x
        )
        feedback = eqx.filter_eval_shape(task.respond, world, y)[1]
        fits = feedback.target.shape == y.shape or "target" not in task.gives
    except (TypeError, ValueError) as error:
        raise Refusal(
            f"{who} does not fit {where}, which shows arrays of shape {x.shape}: "
            f"{str(error).splitlines()[0]}; change the learner's sizes"
        ) from error
    if not fits:
        raise Refusal(
            f"{who} answers with shape {y.shape} and {where} teaches shape "
            f"{feedback.target.shape}; give the learner {feedback.target.shape[-1]} "
            "outputs"
        )


def misfit(
    learner: AbstractLearner, task: AbstractTask | type[AbstractTask], batched: bool
) -> str | None:
    """Why a learner cannot live in a task, whatever its sizes; None where it can.

    "feedback": it needs what the task does not give. "output": it does not answer with
    what the task asks for. "batches": the task shows several samples at once.
    """
    if learner.needs - task.gives:
        return "feedback"
    if task.asks not in {None, *learner.answers}:
        return "output"
    return "batches" if batched and not learner.batches else None


def _listed(kinds: frozenset[str]) -> str:
    return " and ".join(sorted(f"{kind}s" for kind in kinds))
