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
    """What the world says after a prediction."""

    target: Float[Array, "*batch out"]  # zeros where the world has no answer
    reward: Float[Array, ""]
    taught: Bool[Array, ""]  # False in an exam: `learn` is not called
    ended: Bool[Array, ""]  # the last taught tick, or the end of a roll-out


class AbstractLearner(eqx.Module):
    """Something that lives: its floating-point array leaves are theta.

    `needs` names what it learns from: any of "target" and "reward", all of them
    required; a learner that needs nothing ignores its feedback. `answers` names what
    its answers can be taken as: "logits" of symbols or classes, "numbers", or either.
    `batches` says whether observations may have an axis of samples before their own.
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
        """A newborn, given an observation like those it will meet."""

    @abc.abstractmethod
    def predict(
        self, state: State, x: Float[Array, "*batch in"]
    ) -> tuple[State, Float[Array, "*batch out"]]:
        """All that is done without a teacher.

        It uses up what `learn` stored, so that nothing stale is read twice.
        """

    @abc.abstractmethod
    def learn(self, state: State, feedback: Feedback) -> State:
        """All that needs a teacher."""

    def rest(self, state: State) -> State:
        """Activations at zero, weights kept; by default nothing changes."""
        return state


class AbstractRule(AbstractLearner):
    """A learner whose theta does not depend on the size of its network."""

    network: eqx.AbstractVar[Network]

    def on(self, network: Network) -> Self:
        """The same theta on another network with the same kinds of edges."""
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
