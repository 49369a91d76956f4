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
    """The interface of objectives: one number for a learner, which a search minimises.

    An objective may have lives that go on from one update to the next. They are its
    `carry`. In an evolutionary search each member has a carry of its own.

    Attributes:
        ticks: number of ticks of one call, all its lives together.

    Raises:
        Refusal: if a field has a word or a number that its type does not allow.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> import plastica as pl
        >>> class Rate(pl.AbstractObjective):  # a step size near 1 is good
        ...     ticks = 0
        ...     def __call__(self, learner, carry, key):
        ...         return jnp.square(learner.log_rate), carry
        ...     def check(self, learner):
        ...         pass
        >>> learner = pl.GradientDescent.at(1.0, pl.Network.chain(2, 2))
        >>> float(Rate()(learner, (), jax.random.key(0))[0])
        0.0
    """

    def __check_init__(self) -> None:
        """Refuse a word that names nothing, and numbers out of range."""
        check_fields(self)

    def init(self, learner: AbstractLearner, key: PRNGKeyArray) -> Carry:
        """The lives before the first update.

        Args:
            learner: the learner at the start of the search.
            key: a PRNG key.

        Returns:
            The carry, a pytree of arrays; `()`, as here, where no life goes on.
        """
        return ()

    @abc.abstractmethod
    def __call__(
        self, learner: AbstractLearner, carry: Carry, key: PRNGKeyArray
    ) -> tuple[Float[Array, ""], Carry]:
        """The loss, NaN or infinite where the learner diverged, and the lives after."""

    @abc.abstractmethod
    def check(self, learner: AbstractLearner) -> None:
        """Refuses a learner that does not fit.

        Args:
            learner: the learner.

        Raises:
            Refusal: if the learner does not fit one of the tasks.
        """

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


Losses = Callable[[Entry, Key[Array, "lives"]], Float[Array, "*members lives"]]


class Lifetime(AbstractObjective):
    """The mean loss of whole lives, each a newborn in a new world.

    It is the weighted mean over entries of the mean over an entry's lives. Calls with
    the same key share worlds and births, whatever the learner.

    Args:
        entries: tasks, each with a network to move the rule to (None: its own) and a
            weight.
        lives: lives of each entry in one call.
        judge: what is minimised: "value", the loss in the task's unit (nats, squared
            error, distance), or "miss", which is 1 - accuracy.

    Raises:
        Refusal: if there is no entry, `lives` is no whole number from 1 on, or `judge`
            is another word.

    Example:
        >>> import equinox, jax
        >>> import plastica as pl
        >>> task = pl.Toy(name="xor", batch=4, lessons=3)
        >>> judge = pl.Lifetime.of(task, lives=2)
        >>> learner = pl.GradientDescent.at(0.1, pl.Network.chain(2, 4, 2))
        >>> loss, carry = equinox.filter_jit(judge)(learner, (), jax.random.key(0))
        >>> judge.ticks, loss.shape, carry
        (8, (), ())
    """

    entries: tuple[Entry, ...]
    lives: Count = eqx.field(static=True, default=1)
    judge: Judge = eqx.field(static=True, default="value")

    @classmethod
    def of(cls, *entries: Entry | AbstractTask, lives: int = 1, judge: Judge = "value"):
        """An objective over tasks, all of weight 1, or over entries.

        Args:
            *entries: tasks, or entries of a task, a network and a weight.
            lives: lives of each entry in one call.
            judge: "value" or "miss".

        Returns:
            The objective.

        Raises:
            Refusal: as the class.
        """
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
        """The keys of all lives of one call.

        Args:
            key: the PRNG key of the call.

        Returns:
            An array of keys for each entry, shape `(lives,)`.
        """
        entries = range(len(self.entries))
        return [
            jax.random.split(jax.random.fold_in(key, e), self.lives) for e in entries
        ]

    def mean(
        self, keys: list[Key[Array, "lives"]], losses: Losses
    ) -> Float[Array, "*members"]:
        """The weighted mean of losses, for any function that computes losses.

        XLA, one device's share of the lives, and the native kernel differ in `losses`
        alone.

        Args:
            keys: the keys of each entry's lives: all of them, or one device's share.
            losses: a function `losses(entry, keys)` that returns losses, shape
                `(*members, lives)`.

        Returns:
            The loss of one learner, shape `()`, or of each member, shape `(members,)`.
        """
        pairs = zip(self.entries, keys, strict=True)
        means = [
            entry.weight * jnp.mean(losses(entry, own), -1) for entry, own in pairs
        ]
        weights = sum(entry.weight for entry in self.entries)
        return jnp.sum(jnp.stack(means), axis=0) / weights

    def living(self, learner: AbstractLearner) -> Losses:
        """The function that computes an entry's losses in XLA.

        Lives run side by side, or one after another where their states do not fit a CPU
        cache.

        Args:
            learner: the learner.

        Returns:
            A function of an entry and keys, which returns losses of shape `(lives,)`.
        """

        def losses(entry: Entry, keys: Key[Array, "lives"]) -> Float[Array, "lives"]:
            who, judged = entry.moved(learner), 0 if self.judge == "value" else 1
            state = eqx.filter_eval_shape(birth, who, entry.task, keys[0])[0]

            def loss_of(key):
                return total(life(who, entry.task, key))[judged]

            in_turn = self.in_turn(state, len(keys))
            return jax.lax.map(loss_of, keys) if in_turn else jax.vmap(loss_of)(keys)

        return losses

    def in_turn(self, state: Any, lives: int | None = None) -> bool:
        """Whether lives with such a state run one after another: see `CACHED`.

        Args:
            state: of one life; shapes are enough.
            lives: how many lives, the objective's own by default.

        Returns:
            Whether they do.
        """
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
