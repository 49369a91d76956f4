"""A learner that is a point, and an objective that is a bowl with a wall."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from plastica.learner import AbstractLearner
from plastica.objective import AbstractObjective
from plastica.search.engine import placed


class Point(AbstractLearner):
    """Where it is is all there is to it."""

    at: Float[Array, "size"]
    needs: ClassVar[frozenset[str]] = frozenset()

    def init(self, key, x):
        return ()

    def predict(self, state, x):
        return state, self.at

    def learn(self, state, feedback):
        return state


class Bowl(AbstractObjective):
    """The distance to 1, 1, ..., squared and weighted; each trace is kept in `traces`.

    NaN where the first number is above `wall`.
    """

    wall: Float[Array, ""]
    traces: ClassVar[list] = []

    def init(self, learner, key):
        return ()

    def __call__(self, learner, carry, key):
        self.traces.append(learner)
        weights = 1.0 + jnp.arange(learner.at.size) % 3
        distance = jnp.sum(weights * (learner.at - 1.0) ** 2)
        return jnp.where(learner.at[0] > self.wall, jnp.nan, distance), carry

    def check(self, learner):
        pass

    @property
    def ticks(self):
        return 1


class Counted(Bowl):
    """The same, with lives that go on: the carry counts calls."""

    def init(self, learner, key):
        return jnp.zeros((), int)

    def __call__(self, learner, carry, key):
        return super().__call__(learner, (), key)[0], carry + 1


def bowl(wall=jnp.inf, kind=Bowl):
    return kind(jnp.asarray(wall, jnp.float32))


def origin(size=10):
    return Point(jnp.zeros(size))


def gone(search, generations, objective=None, learner=None, seed=0):
    """The state and the metrics of every generation of a search."""
    objective = objective or bowl()
    state = search.init(learner or origin(), objective, jax.random.key(seed))
    state, metrics = placed(state), []
    for generation in range(generations):
        key = jax.random.fold_in(jax.random.key(seed + 1), generation)
        state, seen = search.generation(state, objective, key)
        metrics.append(seen)
    return state, metrics


def height(learner):
    """How far above the bottom of the bowl."""
    return float(bowl()(learner, (), jax.random.key(0))[0])


def same(a, b):
    """Whether two pytrees hold the same arrays, bit for bit."""
    arrays = [jax.tree.leaves(eqx.filter(tree, eqx.is_array)) for tree in (a, b)]
    return len(arrays[0]) == len(arrays[1]) and all(
        x.shape == y.shape and bool((x == y).all())
        for x, y in zip(*arrays, strict=True)
    )
