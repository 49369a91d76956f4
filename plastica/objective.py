"""How lives are judged: one number for a learner, to be minimised."""

import abc
from collections.abc import Callable
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PRNGKeyArray

from plastica.errors import Refusal
from plastica.learner import AbstractLearner, AbstractRule
from plastica.lifetime import birth, check, life, total
from plastica.network import Network
from plastica.ranges import Count, check_fields
from plastica.task import AbstractTask

Carry = Any  # a pytree of arrays: lives that go on between updates, or ()
Judge = Literal["value", "miss"]
CACHED = 2**20  # numbers in the states of lives that a processor lives side by side


class AbstractObjective(eqx.Module):
    """A loss of a learner; with lives that go on between updates, in `carry`.

    Under an evolutionary search every member has a carry of its own.
    """

    def __check_init__(self) -> None:
        """Refuse a word that names nothing, and numbers out of range."""
        check_fields(self)

    def init(self, learner: AbstractLearner, key: PRNGKeyArray) -> Carry:
        """The lives before the first update; `()`, as here, where none go on."""
        return ()

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


class Entry(eqx.Module):
    """A task, the network to live it on (None: the learner's own), and its weight."""

    task: AbstractTask
    network: Network | None = eqx.field(static=True, default=None)
    weight: float = eqx.field(static=True, default=1.0)

    def moved(self, learner: AbstractLearner) -> AbstractLearner:
        """The learner as it lives here: on this entry's network."""
        if self.network is None:
            return learner
        if isinstance(learner, AbstractRule):
            return learner.on(self.network)
        raise Refusal(
            f"{type(learner).__name__} cannot be moved to another network: "
            "its theta is the weights of this one; leave `network` out"
        )


Lived = Callable[[Entry, Key[Array, "lives"]], Float[Array, "*members lives"]]


class Lifetime(AbstractObjective):
    """Whole lives, each a newborn in a new world: the weighted mean over entries.

    An entry's loss is the mean over its `lives`. `judge` is "value" (nats, squared
    error, ...) or "miss" (1 - accuracy). All learners called with one key meet the same
    worlds and share their births.
    """

    entries: tuple[Entry, ...]
    lives: Count = eqx.field(static=True, default=1)
    judge: Judge = eqx.field(static=True, default="value")

    @classmethod
    def of(cls, *entries: Entry | AbstractTask, lives: int = 1, judge: Judge = "value"):
        """An objective over tasks, or over entries of task, network and weight."""
        whole = (e if isinstance(e, Entry) else Entry(e) for e in entries)
        return cls(tuple(whole), lives, judge)

    def __check_init__(self) -> None:
        """Refuse an objective without a task."""
        if not self.entries:
            raise Refusal("an objective needs a task, got none; give it one")

    def __call__(
        self, learner: AbstractLearner, carry: tuple[()], key: PRNGKeyArray
    ) -> tuple[Float[Array, ""], tuple[()]]:
        """The weighted mean of the entries' mean losses."""
        return self.mean(self.keys(key), self.living(learner)), carry

    def keys(self, key: PRNGKeyArray) -> list[Key[Array, "lives"]]:
        """The keys of every entry's lives."""
        entries = range(len(self.entries))
        return [
            jax.random.split(jax.random.fold_in(key, e), self.lives) for e in entries
        ]

    def mean(
        self, keys: list[Key[Array, "lives"]], lived: Lived
    ) -> Float[Array, "*members"]:
        """The loss that `lived` gives: of one learner, or of each member.

        `lived(entry, keys)` lives one entry with these keys, all of them or a device's
        share, and returns the losses, lives last. XLA, devices and kernels differ in
        `lived` alone.
        """
        pairs = zip(self.entries, keys, strict=True)
        means = [entry.weight * jnp.mean(lived(entry, own), -1) for entry, own in pairs]
        weights = sum(entry.weight for entry in self.entries)
        return jnp.sum(jnp.stack(means), axis=0) / weights

    def living(self, learner: AbstractLearner) -> Lived:
        """How XLA lives an entry: at once, or in turn where a cache cannot hold it."""

        def lived(entry: Entry, keys: Key[Array, "lives"]) -> Float[Array, "lives"]:
            who, judged = entry.moved(learner), 0 if self.judge == "value" else 1
            state = eqx.filter_eval_shape(birth, who, entry.task, keys[0])[0]

            def loss_of(key):
                return total(life(who, entry.task, key))[judged]

            in_turn = self.in_turn(state, len(keys))
            return jax.lax.map(loss_of, keys) if in_turn else jax.vmap(loss_of)(keys)

        return lived

    def in_turn(self, state: Any, lives: int | None = None) -> bool:
        """Whether lives with such a state come one after another: see `CACHED`."""
        numbers = sum(leaf.size for leaf in jax.tree.leaves(state))
        many = (self.lives if lives is None else lives) * numbers > CACHED
        return many and jax.default_backend() == "cpu"

    def check(self, learner: AbstractLearner) -> None:
        """Refuse a learner that one of the tasks cannot teach."""
        for entry in self.entries:
            check(entry.moved(learner), entry.task)

    @property
    def ticks(self) -> int:
        """Ticks of all lives together."""
        return self.lives * sum(entry.task.ticks for entry in self.entries)
