"""A learner predicts, then learns: the interface that every rule and baseline meets."""

import abc
import dataclasses
from typing import Any, ClassVar, NamedTuple, Self

import equinox as eqx
import jax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from plastica.errors import Refusal, check_set
from plastica.network import Network
from plastica.ranges import check_fields

KINDS = ("target", "reward")  # of feedback
ANSWERS = ("logits", "numbers")  # what answers are taken as
State = Any  # a pytree of arrays: activations, weights, whatever lives


class Feedback(NamedTuple):
    """What a task returns to a learner after a prediction.

    Args:
        target: the right answer, shape `(*batch, out)`; zeros where a task has none.
        reward: a scalar reward, larger is better.
        taught: a scalar Boolean. False: this tick is an exam, `learn` is not called.
        ended: a scalar Boolean: the last taught tick, or the end of a rollout.

    Example:
        >>> import jax.numpy as jnp
        >>> import plastica as pl
        >>> feedback = pl.Feedback(jnp.eye(3)[1], jnp.zeros(()), jnp.bool_(True),
        ...                        jnp.bool_(False))
        >>> feedback.target.shape
        (3,)
    """

    target: Float[Array, "*batch out"]  # zeros where the world has no answer
    reward: Float[Array, ""]
    taught: Bool[Array, ""]  # False in an exam: `learn` is not called
    ended: Bool[Array, ""]  # the last taught tick, or the end of a roll-out


class AbstractLearner(eqx.Module):
    """The interface of all rules and baselines: a learner predicts, then learns.

    A learner is an equinox module. Its floating-point array leaves are theta, which a
    search improves. All that changes within a life is in the state.

    Attributes:
        needs: the feedback that it learns from, any of "target" and "reward". All of
            them are required. A learner that needs nothing ignores its feedback.
        answers: what its answers can be taken as: "logits" of symbols or classes,
            "numbers", or both (the default).
        batches: whether observations may have an axis of samples before their own.

    Raises:
        Refusal: if a field has a word or a number that its type does not allow.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> import plastica as pl
        >>> class Scale(pl.AbstractLearner):
        ...     gain: jax.Array
        ...     needs = frozenset()
        ...     def init(self, key, x):
        ...         return ()
        ...     def predict(self, state, x):
        ...         return state, self.gain * x
        ...     def learn(self, state, feedback):
        ...         return state
        >>> Scale(jnp.array(2.0)).predict((), jnp.ones(3))[1].tolist()
        [2.0, 2.0, 2.0]
    """

    needs: eqx.AbstractClassVar[frozenset[str]]
    answers: ClassVar[frozenset[str]] = frozenset(ANSWERS)
    batches: ClassVar[bool] = False

    def __check_init__(self) -> None:
        """Refuse a word that names nothing, and numbers out of range."""
        check_fields(self)
        check_set(f"{type(self).__name__}.needs", self.needs, KINDS)
        check_set(f"{type(self).__name__}.answers", self.answers, ANSWERS)

    @abc.abstractmethod
    def init(self, key: PRNGKeyArray, x: Float[Array, "*batch in"]) -> State:
        """The state of a newborn.

        Args:
            key: a PRNG key, for what is random at birth.
            x: an observation like those of the task, shape `(*batch, in)`.

        Returns:
            The state: a pytree of arrays, whose shapes do not change in a life.
        """

    @abc.abstractmethod
    def predict(
        self, state: State, x: Float[Array, "*batch in"]
    ) -> tuple[State, Float[Array, "*batch out"]]:
        """Does all that needs no teacher.

        It uses up what `learn` stored, so that nothing stale is read twice.

        Args:
            state: the state.
            x: an observation, shape `(*batch, in)`.

        Returns:
            The new state, and the answer, shape `(*batch, out)`.
        """

    @abc.abstractmethod
    def learn(self, state: State, feedback: Feedback) -> State:
        """Does all that needs a teacher.

        Args:
            state: the state after `predict`.
            feedback: the task's feedback on the last answer.

        Returns:
            The new state.
        """

    def rest(self, state: State) -> State:
        """Sets activations to zero and keeps weights; by default nothing changes.

        Args:
            state: the state.

        Returns:
            The new state.
        """
        return state


class AbstractRule(AbstractLearner):
    """A learner whose theta does not depend on the size of its network.

    Attributes:
        network: the layers and edges on which the rule works; static.

    Raises:
        Refusal: if a field has a word or a number that its type does not allow.

    Example:
        >>> import plastica as pl
        >>> rule = pl.PMLPHebb.zeros(pl.Network.layered(4, 2, 4))
        >>> isinstance(rule, pl.AbstractRule)
        True
        >>> rule.on(pl.Network.layered(9, 7, 9)).network.sizes
        (9, 7, 9)
    """

    network: eqx.AbstractVar[Network]

    def on(self, network: Network) -> Self:
        """The same theta on another network with the same kinds of edges.

        Args:
            network: the other network; only its layers' sizes may differ.

        Returns:
            A rule with the same theta.

        Raises:
            Refusal: if the networks differ in their edges or in the number of layers.
        """
        if not self.network.same_kinds(network):
            raise Refusal(
                f"this {type(self).__name__} knows layers joined by the edges "
                f"{self.network.edges}, and the network given has {network.edges} "
                f"over {len(network.sizes)} layers: theta has one update per layer "
                "and edge; change the sizes only, or search a rule for those edges"
            )
        return dataclasses.replace(self, network=network)


class AbstractChainRule(AbstractRule):
    """A rule whose layers are each joined to the next one, and all live by one theta.

    Theta has nothing of a layer's own, so that it serves a chain of any depth.
    """

    def __check_init__(self) -> None:
        """Refuse a network that is no chain of two layers or more."""
        sizes, edges = self.network.sizes, self.network.edges
        if len(sizes) < 2 or self.network != Network.chain(*sizes):
            raise Refusal(
                f"{type(self).__name__} lives on Network.chain(...), each layer joined "
                f"to the next, got the edges {edges} over {len(sizes)} layers; take "
                "Network.chain"
            )

    def on(self, network: Network) -> Self:
        """The same theta on any chain of layers, whatever its depth."""
        return dataclasses.replace(self, network=network)


def theta(learner: AbstractLearner) -> AbstractLearner:
    """The learner with all but its floating-point array leaves replaced by None."""
    return eqx.filter(learner, eqx.is_inexact_array)


def flatten(learner: AbstractLearner) -> tuple[Float[Array, "theta"], Any]:
    """Theta as one vector, and the function from such a vector to a learner."""
    floats, rest = eqx.partition(learner, eqx.is_inexact_array)
    vector, unravel = ravel_pytree(floats)
    return vector, lambda flat: eqx.combine(unravel(flat), rest)


def names(tree: Any) -> list[str]:
    """The dotted names of a pytree's array leaves, in the order of flattening."""
    paths = jax.tree_util.tree_flatten_with_path(eqx.filter(tree, eqx.is_array))[0]
    return [jax.tree_util.keystr(path, simple=True, separator=".") for path, _ in paths]
