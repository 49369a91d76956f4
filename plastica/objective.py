"""How lives are judged: one number for a learner, to be minimised."""

import abc
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PRNGKeyArray

from plastica.errors import Refusal
from plastica.learner import AbstractLearner, AbstractRule
from plastica.lifetime import birth, check, lifetime, total
from plastica.network import Network
from plastica.task import AbstractTask

Carry = Any  # a pytree of arrays: lives that go on between updates, or ()


Judge = Literal["value", "miss"]
CACHED = 2**20  # numbers in the states of lives that a processor lives side by side


class AbstractObjective(eqx.Module):
    """A loss of a learner; with lives that go on between updates, in `carry`.

    Under an evolutionary search every member has a carry of its own.
    """

    @abc.abstractmethod
    def init(self, learner: AbstractLearner, key: PRNGKeyArray) -> Carry:
        """The lives before the first update; `()` where none go on."""

    @abc.abstractmethod
    def __call__(
        self, learner: AbstractLearner, carry: Carry, key: PRNGKeyArray
    ) -> tuple[Float[Array, ""], Carry]:
        """The loss, NaN or infinite where the learner diverged, and the lives after."""

    @abc.abstractmethod
    def check(self, learner: AbstractLearner) -> None:
        """Refuse a learner that cannot live here."""

    @property
    @abc.abstractmethod
    def ticks(self) -> int:
        """How many ticks one call lives."""


class Entry(NamedTuple):
    """A task, the network to live it on (None: the learner's own), and its weight."""

    task: AbstractTask
    network: Network | None = None
    weight: float = 1.0


class Lifetime(AbstractObjective):
    """Whole lives, each a newborn in a new world: the mean over `lives` of each entry.

    `judge` is "value" (nats, squared error, ...) or "miss" (1 - accuracy). All
    learners called with one key meet the same worlds and share their births.
    """

    tasks: tuple[AbstractTask, ...]
    networks: tuple[Network | None, ...] = eqx.field(static=True)
    weights: tuple[float, ...] = eqx.field(static=True)
    lives: int = eqx.field(static=True, default=1)
    judge: Judge = eqx.field(static=True, default="value")

    @classmethod
    def of(cls, *entries: Entry | AbstractTask, lives: int = 1, judge: Judge = "value"):
        """An objective over tasks, or over entries of task, network and weight."""
        whole = [e if isinstance(e, Entry) else Entry(e) for e in entries]
        tasks, networks, weights = zip(*whole, strict=True)
        return cls(tasks, networks, weights, lives, judge)

    def __check_init__(self) -> None:
        """Refuse an objective without lives."""
        if not self.tasks or self.lives < 1:
            raise Refusal(
                f"an objective needs a task and at least one life, got "
                f"{len(self.tasks)} tasks and {self.lives} lives"
            )

    def init(self, learner: AbstractLearner, key: PRNGKeyArray) -> tuple[()]:
        """Nothing goes on between updates."""
        return ()

    def __call__(
        self, learner: AbstractLearner, carry: tuple[()], key: PRNGKeyArray
    ) -> tuple[Float[Array, ""], tuple[()]]:
        """The weighted mean of the entries' mean losses."""
        return self.mean(learner, self.keys(key)), carry

    def mean(
        self, learner: AbstractLearner, keys: list[Key[Array, "lives"]]
    ) -> Float[Array, ""]:
        """The same of lives with these keys: all of them, or a device's share."""
        means = [jnp.mean(loss) for loss in self.each(learner, keys)]
        pairs = zip(self.weights, means, strict=True)
        weighted = jnp.stack([w * mean for w, mean in pairs])
        return jnp.sum(weighted) / sum(self.weights)

    def each(
        self, learner: AbstractLearner, keys: list[Key[Array, "lives"]]
    ) -> list[Float[Array, "lives"]]:
        """The loss of every life, entry by entry."""
        return [
            _each(
                lambda k, who=who, task=task: self._life(who, task, k), who, task, own
            )
            for who, task, own in zip(
                self.learners(learner), self.tasks, keys, strict=True
            )
        ]

    def check(self, learner: AbstractLearner) -> None:
        """Refuse a learner that one of the tasks cannot teach."""
        for who, task in zip(self.learners(learner), self.tasks, strict=True):
            check(who, task)

    @property
    def ticks(self) -> int:
        """Ticks of all lives together."""
        return self.lives * sum(task.ticks for task in self.tasks)

    def _life(self, learner, task, key):
        return total(lifetime(learner, task, key))[0 if self.judge == "value" else 1]

    def keys(self, key: PRNGKeyArray) -> list[Key[Array, "lives"]]:
        """The keys of every entry's lives."""
        return [
            jax.random.split(jax.random.fold_in(key, entry), self.lives)
            for entry in range(len(self.tasks))
        ]

    def learners(self, learner: AbstractLearner) -> Iterator[AbstractLearner]:
        """The learner as every entry lives it: on that entry's network."""
        for network in self.networks:
            if network is None:
                yield learner
            elif isinstance(learner, AbstractRule):
                yield learner.on(network)
            else:
                raise Refusal(
                    f"{type(learner).__name__} cannot be moved to another network: "
                    "its theta is the weights of this one; leave `network` out"
                )


def _each(life, learner, task, keys):
    """A life for every key: at once, or in turn where a cache does not hold them."""
    state = eqx.filter_eval_shape(birth, learner, task, keys[0])[0]
    numbers = len(keys) * sum(leaf.size for leaf in jax.tree.leaves(state))
    in_turn = numbers > CACHED and jax.default_backend() == "cpu"
    return jax.lax.map(life, keys) if in_turn else jax.vmap(life)(keys)
