"""Meta-gradients: back-propagation through whole lives (000, section 3)."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Int, PRNGKeyArray

from plastica.learner import AbstractLearner, flatten
from plastica.objective import AbstractObjective, Carry
from plastica.search.population import Population
from plastica.search.search import AbstractSearch, Metrics


class MetaGradientState(NamedTuple):
    """The learner, the optimiser's state, and how many steps in a row were skipped."""

    learner: AbstractLearner
    optimiser: optax.OptState
    skipped: Int[Array, ""]
    carry: Carry


class MetaGradient(AbstractSearch):
    """Descends the gradient of the objective with respect to theta.

    A step whose loss or gradient is not finite is skipped and counted; after
    `patience` of them in a row the search has failed. Clip the gradient in the
    optimiser: `optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-3))`.
    """

    optimiser: optax.GradientTransformation = eqx.field(static=True)
    patience: int = 20
    population: Population = Population(1)

    def init(
        self, learner: AbstractLearner, objective: AbstractObjective, key: PRNGKeyArray
    ) -> MetaGradientState:
        """The learner as it is."""
        optimiser = self.optimiser.init(flatten(learner)[0])
        carry = objective.init(learner, key)
        return MetaGradientState(learner, optimiser, jnp.zeros((), int), carry)

    @eqx.filter_jit
    def generation(
        self, state: MetaGradientState, objective: AbstractObjective, key: PRNGKeyArray
    ) -> tuple[MetaGradientState, Metrics]:
        """One step of the optimiser."""
        vector, learner_of = flatten(state.learner)

        def judged(vector):
            return objective(learner_of(vector), state.carry, key)

        (loss, carry), gradient = jax.value_and_grad(judged, has_aux=True)(vector)
        norm = jnp.linalg.norm(gradient)
        finite = jnp.isfinite(loss) & jnp.isfinite(norm)
        step, optimiser = self.optimiser.update(gradient, state.optimiser, vector)
        vector = optax.apply_updates(vector, step)
        skipped = jnp.where(finite, 0, state.skipped + 1)
        moved = MetaGradientState(learner_of(vector), optimiser, skipped, carry)
        stayed = state._replace(skipped=skipped)
        state = jax.tree.map(
            lambda new, old: jnp.where(finite, new, old) if eqx.is_array(new) else new,
            moved,
            stayed,
        )
        return state, {
            "train/loss": loss,
            "diverged": jnp.where(finite, 0, 1),
            "failed": skipped >= self.patience,
            "gradient": norm,
        }

    def best(self, state: MetaGradientState) -> AbstractLearner:
        """The learner itself."""
        return state.learner
