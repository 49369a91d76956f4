"""A learner in the user's own loop: NumPy in, NumPy out, and no task."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from plastica.errors import Refusal
from plastica.learner import AbstractLearner, Feedback, State
from plastica.ranges import key_of
from plastica.saving import arrays_of, filled, load, save
from plastica.store import read_bundle, write_bundle


class Living:
    """A learner in a loop of the user's own: NumPy arrays in and out, and no task.

    It holds a state that goes on from one call to the next.

    Args:
        learner: the learner; a newborn of it begins.
        key: a PRNG key, or an integer seed, for what is random at birth.
        x: an observation like those to come, shape `(*batch, in)`. It is needed where
            the state of a newborn depends on it.

    Raises:
        Refusal: if the learner cannot begin without `x`, or `x` is not finite.

    Example:
        >>> import numpy as np
        >>> import plastica as pl
        >>> mind = pl.Living(pl.PMLPHebb.zeros(pl.Network.layered(4, 3, 4)), key=0)
        >>> y = mind.predict(np.eye(4)[0])
        >>> mind.learn(target=np.eye(4)[1])
        >>> y.shape, float(np.exp(y).sum().round(3))
        ((4,), 1.0)
    """

    def __init__(
        self,
        learner: AbstractLearner,
        key: PRNGKeyArray | int = 0,
        x: np.ndarray | None = None,
    ) -> None:
        """See the class."""
        self.learner = learner
        self._seen = None if x is None else _finite("an observation", x).shape
        like, key = jnp.zeros(self._seen or 0), key_of(key)
        self.state: State = self._after(lambda who: who.init(key, like))
        self._shape: tuple[int, ...] | None = None

    def predict(
        self, x: Float[np.ndarray, "*batch in"]
    ) -> Float[np.ndarray, "*batch out"]:
        """The learner's answer; its activations move on by one tick.

        Args:
            x: an observation, shape `(*batch, in)`, the same shape at each call.

        Returns:
            The answer, shape `(*batch, out)`.

        Raises:
            Refusal: if `x` has another shape than before, does not fit, or is not
                finite.
        """
        given = _finite("an observation", x, self._seen)
        self.state, y = self._after(_predicted, self.state, given)
        self._seen, self._shape = given.shape, y.shape
        return np.asarray(y)

    def learn(
        self,
        target: Float[np.ndarray, "*batch out"] | None = None,
        reward: float = 0.0,
        ended: bool | Bool[np.ndarray, ""] = False,
    ) -> None:
        """Gives the learner the feedback on its last answer.

        Args:
            target: the right answer, shape `(*batch, out)`; needed if the learner needs
                it.
            reward: the reward, larger is better.
            ended: whether this is the last taught tick, or the end of a rollout.

        Raises:
            Refusal: if a target is needed and is None, has another shape than the
                answer, or is not finite; or if the reward is not finite.
        """
        if target is None and "target" in self.learner.needs:
            raise Refusal(
                f"{type(self.learner).__name__} learns from targets; give one"
            )
        given = jnp.zeros(self._shape or ()) if target is None else target
        given = _finite("a target", given, self._shape)
        scalar = _finite("a reward", reward)
        feedback = Feedback(given, scalar, jnp.bool_(True), jnp.asarray(ended))
        self.state = self._after(_learned, self.state, feedback)

    def _after(self, step: Callable, *arguments: Any) -> Any:
        """What a step of the learner gives; if it cannot be taken, nothing changes."""
        try:
            return step(self.learner, *arguments)
        except (TypeError, ValueError, ArithmeticError) as error:
            who, why = type(self.learner).__name__, str(error).splitlines()[0]
            raise Refusal(
                f"{who} cannot live on arrays of this shape ({why}); give what fits "
                "it, or an observation to begin with: Living(learner, x=...)"
            ) from error

    def rest(self) -> None:
        """Activations at zero, weights kept."""
        self.state = self.learner.rest(self.state)

    def save(self, path: str | Path) -> None:
        """Writes the learner as PATH-learner and its state as PATH-state.

        Args:
            path: the beginning of both names.
        """
        save(self.learner, f"{path}-learner")
        write_bundle(Path(f"{path}-state"), arrays_of(self.state), {"format": "a life"})

    @classmethod
    def restore(
        cls,
        path: str | Path,
        like: AbstractLearner | None = None,
        x: np.ndarray | None = None,
    ) -> Self:
        """A saved learner with its saved state, which goes on from there.

        Args:
            path: the path given to `save`.
            like: a learner of the same class and shapes, needed for a user's own class.
            x: an observation, shape `(*batch, in)`, where a newborn needs one.

        Returns:
            The living learner.

        Raises:
            Refusal: if a file is missing or damaged, or does not fit.
        """
        living = cls(load(f"{path}-learner", like), 0, x)
        arrays, _ = read_bundle(Path(f"{path}-state"))
        living.state = filled(living.state, arrays, f"{path}-state")
        return living


def _finite(what: str, given: Any, shape: tuple[int, ...] | None = None) -> Array:
    """An array of finite numbers, of this shape if there is one; refuses others."""
    array = jnp.asarray(given, float)
    wanted, lost = shape or array.shape, int(jnp.sum(~jnp.isfinite(array)))
    if array.shape != wanted or lost:
        raise Refusal(
            f"{what} has finite numbers in the shape {wanted} here, got the shape "
            f"{array.shape}, {lost} of them NaN or infinite; give what fits"
        )
    return array


_predicted = eqx.filter_jit(lambda learner, *arguments: learner.predict(*arguments))
_learned = eqx.filter_jit(lambda learner, *arguments: learner.learn(*arguments))
