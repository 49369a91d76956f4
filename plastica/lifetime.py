"""The inner loop: a learner and a world in conversation, tick by tick."""

from collections.abc import Callable
from math import isqrt
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, PRNGKeyArray

from plastica.errors import Refusal, own_code
from plastica.learner import AbstractLearner, Feedback, State
from plastica.ranges import Count, check_number
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
        feedback = _typed(feedback, y)
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
    state = learner.init(key_birth, task.observe(world))
    return jax.tree.map(jnp.asarray, state), world


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
    """Refuse a learner that `task` cannot teach, or with which it has no first tick."""
    who, where, x = _named(learner), type(task).__name__, observed(task)
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
        with own_code():
            eqx.filter_eval_shape(lambda: _first_tick(learner, task))
    except Refusal:
        raise
    except (TypeError, ValueError) as error:
        raise Refusal(
            f"{who} does not fit {where}, which shows arrays of shape {x.shape}: "
            f"{str(error).splitlines()[0]}; change the learner's sizes"
        ) from error


def observed(task: AbstractTask) -> jax.ShapeDtypeStruct:
    """The shape and type of what a task shows; refuses one that shows or lasts none."""
    where = type(task).__name__
    with own_code():
        check_number(f"{where}.ticks", task.ticks, Count)
        x = eqx.filter_eval_shape(lambda: task.observe(task.init(jax.random.key(0))))
    if not getattr(x, "shape", ()):
        raise Refusal(
            f"{where} shows a number by itself, of shape (); show an array of shape "
            "(inputs,), as jnp.reshape(x, 1) is"
        )
    return x


def _first_tick(learner: AbstractLearner, task: AbstractTask) -> None:
    """Refuses, while it is traced, what cannot be a tick among others."""
    who, where = _named(learner), type(task).__name__
    born, world = birth(learner, task, jax.random.key(0))
    kinds = "a state, an answer", object, jax.Array
    answered = learner.predict(born, task.observe(world))
    state, y = _parts(f"{who}.predict", answered, *kinds)
    kinds = "a world, a Feedback, a Loss", object, Feedback, Loss
    responded = _parts(f"{where}.respond", task.respond(world, y), *kinds)
    after, feedback, loss = responded
    numbers = feedback._asdict() | loss._asdict()
    shape = jnp.shape(numbers.pop("target"))
    if shape != y.shape and "target" in task.gives:
        raise Refusal(
            f"{who} answers with shape {y.shape} and {where} teaches shape "
            f"{shape}; give the learner {[1, *shape][-1]} outputs"
        )
    for name, number in numbers.items():
        if jnp.shape(number):
            what = f"a `{name}` of shape {jnp.shape(number)}"
            raise Refusal(f"{where}.respond gives {what}; give one number")
    _refuse_changed(f"{where}.respond", world, after)
    _refuse_changed(f"{who}.predict", born, state)
    taught = learner.learn(state, _typed(feedback, y))
    _refuse_changed(f"{who}.learn", state, taught)


def _parts(method: str, made: Any, wanted: str, *kinds: type) -> Any:
    """What a method makes, refused where it is no tuple of such things."""
    several = made if isinstance(made, tuple) else (made,)
    if len(several) != len(kinds) or not all(map(isinstance, several, kinds)):
        got = ", ".join(type(each).__name__ for each in several)
        raise Refusal(f"{method} must return {wanted}, got ({got}); change it")
    return made


def _refuse_changed(method: str, before: Any, after: Any) -> None:
    """Refuse a state or a world that does not keep its arrays from tick to tick."""

    def same(path, *pair):
        old, new = (jax.typeof(jnp.asarray(leaf)) for leaf in pair)
        kind = jnp.result_type(*pair) if old.weak_type else old.dtype
        if (old.shape, kind) != (new.shape, new.dtype):
            at = f" at `{jax.tree_util.keystr(path)}`" if path else ""
            raise Refusal(
                f"{method} returns {new.str_short()}{at} in place of "
                f"{old.str_short()}; keep its shape and type"
            )

    if (was := jax.tree.structure(before)) != (now := jax.tree.structure(after)):
        raise Refusal(f"{method} returns {now} in place of {was}; keep its parts")
    jax.tree_util.tree_map_with_path(same, before, after)


def _typed(feedback: Feedback, y: Array) -> Feedback:
    """Feedback in the types of the learner's own numbers, whatever a task makes."""
    kind = jnp.result_type(y, float)
    numbers = (jnp.asarray(number, kind) for number in feedback[:2])
    return Feedback(*numbers, *(jnp.asarray(flag, bool) for flag in feedback[2:]))


def _named(learner: AbstractLearner) -> str:
    """The name of a learner's class, or of what an adapter stands around."""
    while isinstance(inner := getattr(learner, "learner", None), AbstractLearner):
        learner = inner
    return type(learner).__name__


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
