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
    """One tick's loss; minimised, always.

    A life's loss is the sum of `weight * value` over its ticks, and its miss the sum
    of `weight * miss`.
    """

    value: Float[Array, "..."]  # nats, squared error, distance: the paper's unit
    weight: Float[Array, "..."]  # 1/T in a text; 0 where a tick is not judged
    miss: Float[Array, "..."]  # 1 - accuracy


class AbstractTask(eqx.Module):
    """A world with a length of life and kinds of feedback ("target", "reward").

    `asks` says what an answer is taken as, "logits" or "numbers"; None: anything.
    `shows_target` says whether what was asked for comes as the next observation.
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
        """A new world."""

    @abc.abstractmethod
    def observe(self, world: World) -> Float[Array, "*batch in"]:
        """What the learner sees before it predicts."""

    @abc.abstractmethod
    def respond(
        self, world: World, y: Float[Array, "*batch out"]
    ) -> tuple[World, Feedback, Loss]:
        """The world after the learner's answer, what it tells, and how bad it was."""

    @property
    def outputs(self) -> int:
        """How many numbers an answer has, for learners made to fit."""
        name = type(self).__name__
        raise Refusal(
            f"{name} does not say how many numbers an answer has; give it `outputs`, a "
            "property or a class variable"
        )

    def yardsticks(self) -> dict[str, float]:
        """Losses of a life by methods that search nothing, by name."""
        return {}
