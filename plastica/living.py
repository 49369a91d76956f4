"""A learner in the user's own loop: NumPy in, NumPy out, and no task."""

from pathlib import Path
from typing import Self

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, PRNGKeyArray

from plastica.learner import AbstractLearner, Feedback, State
from plastica.ranges import key_of
from plastica.saving import arrays_of, filled, load, save
from plastica.store import read_bundle, write_bundle


class Living:
    """A newborn that goes on living from one call to the next.

        mind = Living(plastica.load("rule.safetensors"), key=0)
        y = mind.predict(x)
        mind.learn(target)

    `save` keeps the learner and its state; `Living.restore` goes on from there.
    """

    def __init__(
        self,
        learner: AbstractLearner,
        key: PRNGKeyArray | int = 0,
        x: np.ndarray | None = None,
    ) -> None:
        """`x` is an observation like those to come, where the learner must see one."""
        self.learner = learner
        self.state: State = learner.init(
            key_of(key), jnp.zeros(0) if x is None else jnp.asarray(x)
        )
        self._shape: tuple[int, ...] = ()

    def predict(
        self, x: Float[np.ndarray, "*batch in"]
    ) -> Float[np.ndarray, "*batch out"]:
        """The learner's answer; its activations move on."""
        self.state, y = _predicted(self.learner, self.state, jnp.asarray(x, float))
        self._shape = y.shape
        return np.asarray(y)

    def learn(
        self,
        target: Float[np.ndarray, "*batch out"] | None = None,
        reward: float = 0.0,
        ended: bool | Bool[np.ndarray, ""] = False,
    ) -> None:
        """Tells the learner what came after its last answer."""
        told = jnp.zeros(self._shape) if target is None else jnp.asarray(target, float)
        feedback = Feedback(
            told, jnp.asarray(reward, float), jnp.bool_(True), jnp.asarray(ended)
        )
        self.state = _learned(self.learner, self.state, feedback)

    def rest(self) -> None:
        """Activations at zero, weights kept."""
        self.state = self.learner.rest(self.state)

    def save(self, path: str | Path) -> None:
        """Writes the learner as PATH-learner and its state as PATH-state."""
        save(self.learner, f"{path}-learner")
        write_bundle(Path(f"{path}-state"), arrays_of(self.state), {"format": "a life"})

    @classmethod
    def restore(
        cls,
        path: str | Path,
        like: AbstractLearner | None = None,
        x: np.ndarray | None = None,
    ) -> Self:
        """Goes on with a saved life; `like` as in `plastica.load`."""
        living = cls(load(f"{path}-learner", like), 0, x)
        arrays, _ = read_bundle(Path(f"{path}-state"))
        living.state = filled(living.state, arrays, f"{path}-state")
        return living


_predicted = eqx.filter_jit(lambda learner, *told: learner.predict(*told))
_learned = eqx.filter_jit(lambda learner, *told: learner.learn(*told))
