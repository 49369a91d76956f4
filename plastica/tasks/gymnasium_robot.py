"""The robot as a Gymnasium environment; needs the extra `gym`."""

from typing import Any

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np

from plastica.tasks.robot import ARRIVED, Robot

HIDDEN = ("place", "goal")  # what comes beside the observation


class RobotEnv(gymnasium.Env):
    """One roll-out of `Robot` an episode; the reward is minus the distance."""

    def __init__(self, sigma: float = 0.05, longest: int = 100) -> None:
        """The deviation of the signal's noise, and the longest episode."""
        self.robot = Robot(sigma, 1, longest)  # type: ignore[arg-type]
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.observation_space = gymnasium.spaces.Box(
            np.array([-1.0, -1.0, 0.0], np.float32),
            np.array([1.0, 1.0, 100.0], np.float32),
        )
        self._init, self._drive, self._observe = map(
            jax.jit, (self.robot.init, self.robot.drive, self.robot.observe)
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """A new goal and signal, the robot at the origin."""
        super().reset(seed=seed)
        key = jax.random.key(int(self.np_random.integers(2**31)))
        self.world = self._init(key)
        return self._seen(), self._info()

    def step(
        self, action: np.ndarray
    ) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """One tick: what is seen, reward, arrived, too long, and what is hidden."""
        self.world = self._drive(self.world, jnp.asarray(action, float))
        distance = float(self.world.distance)
        truncated = int(self.world.step) >= self.robot.longest
        arrived = distance < ARRIVED
        return self._seen(), -distance, arrived, truncated and not arrived, self._info()

    def _seen(self) -> np.ndarray:
        return np.asarray(self._observe(self.world), np.float32)

    def _info(self) -> dict[str, Any]:
        return {name: np.asarray(getattr(self.world, name)) for name in HIDDEN}
