"""Learners around a learner, so that it can live where its own answer is not enough."""

from typing import Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from plastica.learner import AbstractLearner, Feedback, State


class HearsState(NamedTuple):
    """The learner's own state, its last answer, and the feedback that it will hear."""

    own: State
    y: Float[Array, "out"]
    heard: Float[Array, "out_or_1"]


class Hears(AbstractLearner):
    """A learner that hears, beside each observation, the feedback on its last answer.

    `feedback` is the "target", the "error" of the answer (y - target, of logits
    softmax(y) - target), or the "reward"; zeros where nothing was taught. The learner
    around which this stands has as many inputs more.
    """

    learner: AbstractLearner
    outputs: int = eqx.field(static=True)
    feedback: Literal["target", "error", "reward"] = eqx.field(static=True)
    logits: bool = eqx.field(static=True, default=True)

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        """What is heard, and the learner's own."""
        heard = "reward" if self.feedback == "reward" else "target"
        return self.learner.needs | {heard}

    @property
    def answers(self) -> frozenset[str]:  # type: ignore[override]
        """The learner's own."""
        return self.learner.answers

    def init(self, key: PRNGKeyArray, x: Float[Array, "in"]) -> HearsState:
        """A newborn that has heard nothing."""
        heard = jnp.zeros(1 if self.feedback == "reward" else self.outputs)
        own = self.learner.init(key, jnp.concatenate([x, heard]))
        return HearsState(own, jnp.zeros(self.outputs), heard)

    def predict(
        self, state: HearsState, x: Float[Array, "in"]
    ) -> tuple[HearsState, Float[Array, "out"]]:
        """The learner's own answer; what was heard is used up."""
        own, y = self.learner.predict(state.own, jnp.concatenate([x, state.heard]))
        return HearsState(own, y, jnp.zeros_like(state.heard)), y

    def learn(self, state: HearsState, feedback: Feedback) -> HearsState:
        """The learner's own; the feedback is kept for the next tick."""
        y = jax.nn.softmax(state.y) if self.logits else state.y
        heard = {
            "target": feedback.target,
            "error": y - feedback.target,
            "reward": jnp.reshape(feedback.reward, 1),
        }[self.feedback]
        return state._replace(own=self.learner.learn(state.own, feedback), heard=heard)

    def rest(self, state: HearsState) -> HearsState:
        """The learner's own; what was heard is forgotten."""
        silent = jax.tree.map(jnp.zeros_like, state)
        return silent._replace(own=self.learner.rest(state.own))


class Apart(AbstractLearner):
    """A learner whose one layer sees and answers, where the two are different things.

    Its neurons are those of the inputs, then those of the answers: the former see, the
    latter answer, and only they are taught.
    """

    learner: AbstractLearner
    inputs: int = eqx.field(static=True)
    outputs: int = eqx.field(static=True)

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        """The learner's own."""
        return self.learner.needs

    @property
    def answers(self) -> frozenset[str]:  # type: ignore[override]
        """The learner's own."""
        return self.learner.answers

    def init(self, key: PRNGKeyArray, x: Float[Array, "in"]) -> State:
        """A newborn of the learner."""
        return self.learner.init(key, self._seen(x))

    def predict(
        self, state: State, x: Float[Array, "in"]
    ) -> tuple[State, Float[Array, "out"]]:
        """What the answering neurons say."""
        state, y = self.learner.predict(state, self._seen(x))
        return state, y[-self.outputs :]

    def learn(self, state: State, feedback: Feedback) -> State:
        """The target goes to the answering neurons."""
        target = jnp.concatenate([jnp.zeros(self.inputs), feedback.target])
        return self.learner.learn(state, feedback._replace(target=target))

    def rest(self, state: State) -> State:
        """The learner's own."""
        return self.learner.rest(state)

    def _seen(self, x: Float[Array, "in"]) -> Float[Array, "in_and_out"]:
        return jnp.concatenate([x, jnp.zeros(self.outputs, x.dtype)])
