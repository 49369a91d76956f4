"""How a robot drives: tracks, turning, and the drive itself as an animation."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from plastica.exhibit import Panel
from plastica.exhibits.trials import SHOWN, AbstractTrials, listed, map_panels
from plastica.learner import AbstractLearner, Feedback
from plastica.lifetime import birth, live
from plastica.plots import COLOURS, new_figure, svg
from plastica.tasks.robot import BASE, TRAVEL, Arena, Robot

FIXED = ((-0.3, -0.3), 0.5, 0.2)  # goal, A_0 and k of the paper's figure 9


class Wanderer(AbstractLearner):
    """The random controller of figure 9: wheel speeds from U(-1, 1)."""

    needs: ClassVar[frozenset[str]] = frozenset()

    def init(self, key: PRNGKeyArray, x: Float[Array, "in"]) -> Array:
        """Where its draws begin."""
        return jax.random.key_data(key)

    def predict(
        self, state: Array, x: Float[Array, "in"]
    ) -> tuple[Array, Float[Array, "2"]]:
        """Two new speeds."""
        following, now = jax.random.split(jax.random.wrap_key_data(state))
        speeds = jax.random.uniform(now, (2,), minval=-1.0, maxval=1.0)
        return jax.random.key_data(following), speeds

    def learn(self, state: Array, feedback: Feedback) -> Array:
        """Nothing."""
        return state


class Driving(AbstractTrials):
    """Goals and signals that no search has seen."""

    task: Robot
    lives: int = eqx.field(static=True, default=1_600)
    unit: ClassVar[str] = "summed distance"

    def yardsticks(self) -> dict[str, float]:
        """Driving at random, and standing still, at the mean distance of a goal."""
        _, losses = _tracks(self.task, Wanderer(), jax.random.key(0), self.lives)
        from_the_middle = (math.sqrt(2) + math.asinh(1)) / 6  # of a square of side 1
        still = from_the_middle * self.task.longest
        return {"random": float(np.mean(losses)), "still": still}

    def hidden(self, world: Arena) -> dict[str, Float[Array, "numbers"]]:
        """The signal's strength and fading, and the goal."""
        return {"A_0": world.A_0[None], "k": world.k[None], "goal": world.goal}

    def manner(self, worlds: Arena) -> dict[str, Float[np.ndarray, "lives"]]:
        """Radians turned a tick, over the whole life."""
        actions, driving = np.asarray(worlds.action), np.asarray(worlds.step) > 0
        turned = np.abs(actions[..., 1] - actions[..., 0]) * TRAVEL / BASE
        ticks = np.maximum(driving.sum(1), 1)  # 0 if it was there after one
        return {"turning": (turned * driving).sum(1) / ticks}

    def details(self, learner: AbstractLearner, key: PRNGKeyArray) -> dict[str, Any]:
        """Also tracks to figure 9's goal, and those of a random controller."""
        drivers = {"this rule": learner, "random controller": Wanderer()}
        return super().details(learner, key) | {
            "tracks": {
                name: [
                    listed(t, 4) for t in _tracks(self.task, who, key, SHOWN, True)[0]
                ]
                for name, who in drivers.items()
            }
        }

    def panels(self, learner: AbstractLearner, key: PRNGKeyArray) -> list[Panel]:
        """Figure 9, the animation, and the maps."""
        details = self.details(learner, key)
        first = details["tracks"]["this rule"][0]
        return [
            track_panel(details["tracks"]),
            Panel("The drive", "The first of these tracks.", animated(first)),
            *map_panels(details),
        ]


def track_panel(tracks: Mapping[str, Sequence]) -> Panel:
    """Figure 9: some tracks by each driver."""
    figure, axes = new_figure(4.5 * len(tracks), 4.0, columns=len(tracks))
    for (name, each), own in zip(tracks.items(), axes, strict=True):
        for track, colour in zip(map(np.array, each), COLOURS, strict=False):
            own.plot(*track[:, :2].T, color=colour, linewidth=0.9)
        own.plot(*FIXED[0], "o", color="#3a8f4d", markersize=9)
        own.plot(0, 0, "k.")
        own.set(title=name, aspect="equal")
    caption = "A_0 = 0.5, k = 0.2, the goal a green dot: the roll-out that counts."
    return Panel("Tracks", caption, svg(figure))


def animated(track: Sequence[Sequence[float]]) -> str:
    """A robot on its track, going round and round, with the page's own script."""
    (gx, gy), far = FIXED[0], max(abs(x) for place in track for x in place[:2])
    reach, places = 1.2 * max(0.4, far), json.dumps(track)
    points = " ".join(f"{x},{-y}" for x, y, _ in track)
    return f"""<svg viewBox="{-reach} {-reach} {2 * reach} {2 * reach}" width="420">
<circle cx="{gx}" cy="{-gy}" r="0.02" fill="#3a8f4d"/>
<polyline points="{points}" fill="none" stroke="#bbb" stroke-width="0.003"/>
<g class="robot"><circle r="0.02" fill="#b2352c"/>
<line x2="0.035" stroke="#222" stroke-width="0.006"/></g></svg>
<script>{{const places={places},robot=document.currentScript.previousElementSibling
.querySelector(".robot");let t=0;setInterval(()=>{{
const [x,y,a]=places[t%places.length];t+=1;robot.setAttribute("transform",
`translate(${{x}} ${{-y}}) rotate(${{-a*180/Math.PI}})`)}},80)}}</script>"""


def _tracks(robot, learner, key, lives: int, fixed: bool = False):
    """Tracks of the roll-out that counts, each as long as it was, and the losses."""
    keys = jax.random.split(key, lives)
    worlds, loss = jax.tree.map(np.asarray, _driven(robot, learner, keys, fixed))
    counts = (worlds.rollout == robot.rollouts - 1) & (worlds.step > 0)
    tracks = [places[on] for places, on in zip(worlds.place, counts, strict=True)]
    return tracks, loss.sum(axis=1)


@eqx.filter_jit
def _driven(robot, learner, keys, fixed):
    def one(key):
        state, world = birth(learner, robot, key)
        if fixed:
            goal, A_0, k = map(jnp.asarray, FIXED)
            world = world._replace(goal=goal, A_0=A_0, k=k)
        ticks = robot.ticks
        _, _, loss, worlds = live(
            learner, robot, state, world, ticks, lambda s, w, y: w
        )
        return worlds, loss.weight * loss.value

    return jax.vmap(one)(keys)
