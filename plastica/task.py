"""The world that a learner meets: the interface of every task."""

import abc
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
from jaxtyping import Array, Float, PRNGKeyArray

from plastica.errors import Refusal, check_set, check_word
from plastica.learner import ANSWERS, KINDS, Feedback
from plastica.ranges import check_fields

World = Any  # a pytree of arrays


class Loss(NamedTuple):
    """The loss of one tick, or of each tick of a life. A search minimises it.

    A life's loss is the sum of `weight * value` over its ticks, and its miss the sum of
    `weight * miss`.

    Args:
        value: the loss in the task's unit: nats, squared error or distance.
        weight: the tick's share in the life's loss; 0 where a tick is not judged.
        miss: 1 - accuracy; in `Sines`, which has no accuracy, the value again.

    Example:
        >>> import jax.numpy as jnp
        >>> import plastica as pl
        >>> loss = pl.Loss(jnp.array([2.0, 1.0]), jnp.array([0.0, 1.0]), jnp.ones(2))
        >>> float(jnp.sum(loss.weight * loss.value))
        1.0
    """

    value: Float[Array, "..."]  # nats, squared error, distance: the paper's unit
    weight: Float[Array, "..."]  # 1/T in a text; 0 where a tick is not judged
    miss: Float[Array, "..."]  # 1 - accuracy


class AbstractTask(eqx.Module):
    """The interface of tasks: a world that shows observations and responds to answers.

    Attributes:
        ticks: number of ticks of a life.
        gives: the feedback that it has, any of "target" and "reward".
        asks: what an answer is taken as: "logits", "numbers", or None for anything.
        shows_target: whether the next observation is what was asked for.
        outputs: how many numbers an answer has.

    Raises:
        Refusal: if a field has a word or a number that its type does not allow.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> import plastica as pl
        >>> class Mean(pl.AbstractTask):  # what is the mean of two numbers?
        ...     ticks, outputs, gives = 3, 1, frozenset({"target"})
        ...     def init(self, key):
        ...         return jax.random.normal(key, (4, 2)), jnp.zeros((), int)
        ...     def observe(self, world):
        ...         return world[0][world[1]]
        ...     def respond(self, world, y):
        ...         target = jnp.mean(self.observe(world), keepdims=True)
        ...         error = jnp.sum(jnp.square(y - target))
        ...         loss = pl.Loss(error, jnp.asarray(1 / self.ticks), error)
        ...         last = world[1] == self.ticks - 1
        ...         feedback = pl.Feedback(target, -error, jnp.bool_(True), last)
        ...         return (world[0], world[1] + 1), feedback, loss
        >>> lstm = pl.Recurrent.lstm(jax.random.key(0), inputs=2, units=3, outputs=1)
        >>> pl.evaluate(lstm, Mean(), lives=2, key=0).losses.shape
        (2,)
    """

    ticks: eqx.AbstractVar[int]
    gives: eqx.AbstractClassVar[frozenset[str]]
    asks: ClassVar[str | None] = None
    shows_target: ClassVar[bool] = False

    def __check_init__(self) -> None:
        """Refuse a word that names nothing, and numbers out of range."""
        check_fields(self)
        check_set(f"{type(self).__name__}.gives", self.gives, KINDS)
        if self.asks is not None:
            check_word(f"{type(self).__name__}.asks", self.asks, ANSWERS)

    @abc.abstractmethod
    def init(self, key: PRNGKeyArray) -> World:
        """A new world.

        Args:
            key: a PRNG key, for all that is random in the world.

        Returns:
            The world: a pytree of arrays.
        """

    @abc.abstractmethod
    def observe(self, world: World) -> Float[Array, "*batch in"]:
        """The observation before the learner predicts.

        Args:
            world: the world.

        Returns:
            The observation, shape `(*batch, in)`.
        """

    @abc.abstractmethod
    def respond(
        self, world: World, y: Float[Array, "*batch out"]
    ) -> tuple[World, Feedback, Loss]:
        """The world after the learner's answer, the feedback, and the tick's loss.

        Args:
            world: the world.
            y: the learner's answer, shape `(*batch, out)`.

        Returns:
            The next world, the feedback on the answer, and the loss of the tick.
        """

    @property
    def outputs(self) -> int:
        """How many numbers an answer has, for learners made to fit."""
        name = type(self).__name__
        raise Refusal(
            f"{name} does not say how many numbers an answer has; give it `outputs`, a "
            "property or a class variable"
        )

    def yardsticks(self) -> dict[str, float]:
        """Losses of a life by methods that search nothing, such as chance.

        Returns:
            Losses by the name of the method, in the task's unit.
        """
        return {}
