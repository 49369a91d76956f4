"""A T-maze: a corridor, then an arm to choose, of which one is rewarded."""

from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

import plastica as pl


class Maze(NamedTuple):
    """The rewarded arm, 0 or 1, what came of the last turn, and the tick."""

    arm: Int[Array, ""]
    turned: Float[Array, "2"]  # which way, and the reward
    tick: Int[Array, ""]


class TMaze(pl.AbstractTask):
    """Walks down a corridor, again and again; halfway through life the arms swap.

    The learner sees whether it stands at the junction, which way it turned last (-1 or
    1) and the reward for it (-1 or 1). The sign of its answer is the way that it turns.
    The share of wrong turns is the life's loss.
    """

    corridor: int = 2  # ticks before the junction
    trials: int = 10  # walks of a life
    gives: ClassVar[frozenset[str]] = frozenset({"reward"})
    asks: ClassVar[str] = "numbers"
    outputs: ClassVar[int] = 1

    @property
    def ticks(self):
        """All walks."""
        return self.trials * (self.corridor + 1)

    def init(self, key):
        """Either arm, as likely as the other."""
        zero = jnp.zeros((), int)
        return Maze(jax.random.bernoulli(key).astype(int), jnp.zeros(2), zero)

    def observe(self, world):
        """The junction, the last turn, the last reward."""
        junction = world.tick % (self.corridor + 1) == self.corridor
        return jnp.append(world.turned, junction)

    def respond(self, world, y):
        """A turn at the junction, a step elsewhere."""
        junction, last = self.observe(world)[2] > 0, world.tick == self.ticks - 1
        arm = jnp.where(world.tick < self.ticks // 2, world.arm, 1 - world.arm)
        wrong = jnp.where((y[0] > 0) == (arm > 0), 0.0, 1.0)
        reward = jnp.where(junction, 1 - 2 * wrong, 0.0)
        way = jnp.where(y[0] > 0, 1.0, -1.0)
        turned = jnp.where(junction, jnp.stack([way, reward]), world.turned)
        loss = pl.Loss(wrong, jnp.where(junction, 1 / self.trials, 0.0), wrong)
        feedback = pl.Feedback(jnp.zeros(1), reward, jnp.bool_(True), last)
        return Maze(world.arm, turned, world.tick + 1), feedback, loss
