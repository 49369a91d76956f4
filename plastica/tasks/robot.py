"""A wheeled robot that looks for a goal by the strength of its signal (002, 4.1)."""

from typing import Annotated, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from plastica.learner import Feedback
from plastica.ranges import Count, NotNegative, Whole
from plastica.task import AbstractTask, Loss

TRAVEL, BASE = 0.05, 0.04  # of a wheel in a tick at speed 1; between the wheels
ARRIVED = 0.02  # distance at which a roll-out ends, and the signal's unit of distance
STRAIGHT = 1e-6  # difference of speeds


class Arena(NamedTuple):
    """What is hidden from the learner, where its robot is, and when."""

    goal: Float[Array, "2"]
    A_0: Float[Array, ""]
    k: Float[Array, ""]
    noise: Float[Array, "ticks"]
    place: Float[Array, "3"]  # x, y, heading
    action: Float[Array, "2"]  # the last one: speeds of the left and the right wheel
    tick: Int[Array, ""]
    step: Int[Array, ""]  # ticks of this roll-out
    rollout: Int[Array, ""]  # as many as there are, when all is over

    @property
    def distance(self) -> Float[Array, ""]:
        """From the robot to the goal."""
        return jnp.sqrt(jnp.sum(jnp.square(self.goal - self.place[:2])))


class Robot(AbstractTask):
    """A wheeled robot that looks for a goal by the strength of the goal's signal.

    It begins at the origin, heading along x. The learner sees its last action and the
    signal, max(0, A_0 - k ln(d / 0.02) + noise), where d is the distance to the goal.
    It answers with two wheel speeds, clipped to [-1, 1]. The goal is sampled from
    U(-0.5, 0.5)^2, A_0 from U(0.5, 2) and k from U(0.1, 0.5). The reward of a tick is
    -d after it. The life's loss is d summed over the rollout that counts. A rollout
    ends on arrival, d < 0.02, or after `longest` ticks, and the next one begins at
    once. After the last one nothing changes or counts any more.

    Departs from the paper, by default, as the authors' program does, whose numbers the
    paper prints: a taught rollout is followed by an exam of another one, which alone
    counts, from a robot put back with the learner as it is; 101 ticks, not 100.

    Args:
        sigma: standard deviation of the signal's noise.
        rollouts: 2, a taught rollout and an exam; or 1, one taught rollout that counts,
            as in the paper.
        longest: most ticks of a rollout.

    Raises:
        Refusal: if a number is out of range.

    Source: paper 002, section 4.1.

    Example:
        >>> import jax
        >>> import plastica as pl
        >>> task = pl.Robot(rollouts=1, longest=100)
        >>> task.observe(task.init(jax.random.key(0))).shape, task.ticks
        ((3,), 100)
    """

    sigma: NotNegative = eqx.field(static=True, default=0.05)  # of the signal's noise
    rollouts: Annotated[int, Whole(1, 2)] = eqx.field(static=True, default=2)
    longest: Count = eqx.field(static=True, default=101)
    gives: ClassVar[frozenset[str]] = frozenset({"reward"})
    asks: ClassVar[str] = "numbers"
    outputs: ClassVar[int] = 2  # type: ignore[assignment, misc]

    @property
    def ticks(self) -> int:
        """The longest that a life can take."""
        return self.rollouts * self.longest

    def init(self, key: PRNGKeyArray) -> Arena:
        """A new goal and a new signal; the robot at the origin."""
        key_goal, key_a, key_k, key_noise = jax.random.split(key, 4)
        zero = jnp.zeros((), int)
        return Arena(
            goal=jax.random.uniform(key_goal, (2,), minval=-0.5, maxval=0.5),
            A_0=jax.random.uniform(key_a, minval=0.5, maxval=2.0),
            k=jax.random.uniform(key_k, minval=0.1, maxval=0.5),
            noise=self.sigma * jax.random.normal(key_noise, (self.ticks + 1,)),
            place=jnp.zeros(3),
            action=jnp.zeros(2),
            tick=zero,
            step=zero,
            rollout=zero,
        )

    def observe(self, world: Arena) -> Float[Array, "3"]:
        """The last action and the signal."""
        fading = world.k * jnp.log(world.distance / ARRIVED)
        signal = jnp.maximum(world.A_0 - fading + world.noise[world.tick], 0.0)
        return jnp.concatenate([world.action, signal[None]])

    def respond(
        self, world: Arena, y: Float[Array, "2"]
    ) -> tuple[Arena, Feedback, Loss]:
        """A tick's drive, the reward, and the next roll-out if this one has ended."""
        driven = self.drive(world, y)
        d, on = driven.distance, world.rollout < self.rollouts
        ends = on & self.ended(driven)
        counts = world.rollout == self.rollouts - 1
        loss = Loss(d, jnp.where(counts, 1.0, 0.0), jnp.where(d < ARRIVED, 0.0, 1.0))
        reward, taught = jnp.where(on, -d, 0.0), world.rollout == 0
        feedback = Feedback(jnp.zeros(2), reward, taught, ends)
        zero = jax.tree.map(jnp.zeros_like, driven)
        again = driven._replace(place=zero.place, action=zero.action, step=zero.step)
        again = again._replace(rollout=driven.rollout + 1)
        world = _chosen(on, _chosen(ends, again, driven), world)
        return world, feedback, loss

    def drive(self, world: Arena, action: Float[Array, "2"]) -> Arena:
        """One tick on wheels of constant speed: an exact arc, or a straight line.

        Args:
            world: a world of this task.
            action: speeds of the left and the right wheel, shape `(2,)`, clipped to
                [-1, 1].

        Returns:
            The world after the tick.
        """
        left, right = action = jnp.clip(action, -1.0, 1.0)
        x, y, heading = world.place
        difference = right - left
        turn = jnp.where(jnp.abs(difference) < STRAIGHT, 0.0, difference)
        angle = TRAVEL * turn / BASE
        chord = TRAVEL * (left + right) / 2 * jnp.sinc(angle / (2 * jnp.pi))
        middle = heading + angle / 2
        place = jnp.stack(
            [x + chord * jnp.cos(middle), y + chord * jnp.sin(middle), heading + angle]
        )
        return world._replace(
            place=place, action=action, tick=world.tick + 1, step=world.step + 1
        )

    def ended(self, world: Arena) -> Bool[Array, ""]:
        """Whether a rollout is over: arrived, or too long.

        Args:
            world: a world of this task.

        Returns:
            A scalar Boolean.
        """
        return (world.distance < ARRIVED) | (world.step >= self.longest)


def _chosen(condition, yes: Arena, no: Arena) -> Arena:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)
