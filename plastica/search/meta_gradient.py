"""Meta-gradients: back-propagation through whole lives (000, section 3)."""

from functools import partial
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from plastica.learner import AbstractLearner, flatten
from plastica.objective import AbstractObjective, Carry, Lifetime
from plastica.ranges import Count
from plastica.search.engine import Engine, mean_over_devices
from plastica.search.search import AbstractSearch, Metrics


class MetaGradientState(NamedTuple):
    """The learner, the optimiser's state, and how many steps in a row were skipped."""

    learner: AbstractLearner
    optimiser: optax.OptState
    skipped: Int[Array, ""]
    carry: Carry


class MetaGradient(AbstractSearch):
    """Gradient descent on theta, by back-propagation through whole lives.

    A generation is `updates` steps of the optimiser in one compiled loop; its metrics
    are their means. A step whose loss or gradient is not finite leaves theta as it is,
    and is counted. After `patience` of them in a row the search has failed.

    Args:
        optimiser: an optax optimiser, as from `optimiser`; clip the gradient there.
        patience: most steps in a row that are not finite.
        updates: steps of the optimiser in a generation.

    Raises:
        Refusal: if a number is out of range.

    Source: paper 000, sections 3 and 6.3.

    Example:
        >>> import jax
        >>> import plastica as pl
        >>> learner = pl.GradientDescent.at(0.1, pl.Network.chain(2, 3, 2))
        >>> judge = pl.Lifetime.of(pl.Toy(name="xor", batch=4, lessons=2))
        >>> search = pl.MetaGradient(pl.optimiser("adam", clip=1.0), updates=3)
        >>> state = search.init(learner, judge, jax.random.key(0))
        >>> state, metrics = search.generation(state, judge, jax.random.key(1))
        >>> sorted(metrics)
        ['diverged', 'failed', 'gradient', 'train/loss']
    """

    optimiser: optax.GradientTransformation = eqx.field(static=True)
    patience: Count = 20
    updates: Count = eqx.field(static=True, default=1)

    @property
    def evaluations(self) -> int:
        """One a step."""
        return self.updates

    def init(
        self, learner: AbstractLearner, objective: AbstractObjective, key: PRNGKeyArray
    ) -> MetaGradientState:
        """The learner as it is."""
        optimiser = self.optimiser.init(flatten(learner)[0])
        carry = objective.init(learner, key)
        return MetaGradientState(learner, optimiser, jnp.zeros((), int), carry)

    @eqx.filter_jit
    def generation(
        self,
        state: MetaGradientState,
        objective: AbstractObjective,
        key: PRNGKeyArray,
        engine: Engine = Engine(),
    ) -> tuple[MetaGradientState, Metrics]:
        """So many steps of the optimiser."""
        vector, learner_of = flatten(state.learner)

        def step(going, number):
            vector, optimiser, skipped, lives = going
            own = jax.random.fold_in(key, number)

            def judged(vector):
                if isinstance(objective, Lifetime):
                    return mean_over_devices(objective, learner_of(vector), own), lives
                return objective(learner_of(vector), lives, own)

            (loss, lives), gradient = jax.value_and_grad(judged, has_aux=True)(vector)
            norm = jnp.linalg.norm(gradient)
            finite = jnp.isfinite(loss) & jnp.isfinite(norm)
            change, after = self.optimiser.update(gradient, optimiser, vector)
            moved = optax.apply_updates(vector, change), after
            vector, optimiser = jax.tree.map(
                partial(jnp.where, finite), moved, (vector, optimiser)
            )
            skipped = jnp.where(finite, 0, skipped + 1)
            return (vector, optimiser, skipped, lives), (loss, norm, finite, skipped)

        going = vector, state.optimiser, state.skipped, state.carry
        going, (loss, norm, finite, skipped) = jax.lax.scan(
            step, going, jnp.arange(self.updates)
        )
        vector, *rest = going
        return MetaGradientState(learner_of(vector), *rest), {
            "train/loss": _mean(loss),
            "diverged": jnp.sum(~finite),
            "failed": jnp.any(skipped >= self.patience),
            "gradient": _mean(norm),
        }

    def best(self, state: MetaGradientState) -> AbstractLearner:
        """The learner itself."""
        return state.learner


def _mean(of: Float[Array, "updates"]) -> Float[Array, ""]:
    """Over what is finite; NaN if nothing is."""
    return jnp.nanmean(jnp.where(jnp.isfinite(of), of, jnp.nan))
