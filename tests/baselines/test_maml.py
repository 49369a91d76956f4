"""MAML against a naive transcription, on sines and in the robot; a small victory."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from plastica.baselines import MAML, PolicyMAML
from plastica.cells import Dense
from plastica.errors import Refusal
from plastica.learner import flatten, names
from plastica.lifetime import birth, check, live, total
from plastica.tasks import Robot, Sines
from tests.naive import plastic_rnn as naive

KEY = jax.random.key(0)
RATES = np.array([0.1, 0.05, 0.2, 0.1])


def network(inputs, outputs, last="linear"):
    sizes = [inputs, 4, 5, outputs]
    keys = jax.random.split(KEY, 3)
    kinds = ("relu", "tanh", last)
    return tuple(
        Dense.random(keys[i], sizes[i], sizes[i + 1], kinds[i], 0.7) for i in range(3)
    )


def transcribed(layers):
    return [
        {"kind": "dense", "W": np.asarray(a.W), "b": np.asarray(a.b), "f": a.f}
        for a in layers
    ]


@eqx.filter_jit
def lived(learner, task, state, world):
    """Answers, the life's loss, and the weights at its end."""
    state, _, loss, y = live(learner, task, state, world, task.ticks, lambda s, w, y: y)
    return y, total(loss)[0], state.w


def test_a_life_in_sines_is_the_naive_one():
    with jax.enable_x64(True):
        task = Sines(2, shots=4, horizon=6)
        learner = MAML(network(2, 2), jnp.asarray(RATES), shots=4)
        state, world = birth(learner, task, KEY)
        y, loss, w = jax.tree.map(np.asarray, lived(learner, task, state, world))
        A, n, phase = map(np.asarray, world[:3])
        layers = transcribed(learner.layers)
    pairs = [(t, t + 1) for t in range(4)]  # every taught tick tells the next value
    theirs = naive.maml_sines_life(layers, RATES, A, n, phase, 4, 6, pairs)
    np.testing.assert_allclose(y, theirs["outputs"], atol=1e-9)
    assert -loss == pytest.approx(theirs["fitness"], rel=1e-9)
    for ours, expected in zip(w, theirs["layers"][-1], strict=True):
        np.testing.assert_allclose(ours.W, expected["W"], atol=1e-9)
        np.testing.assert_allclose(ours.b, expected["b"], atol=1e-9)
    assert not np.allclose(w[0].W, layers[0]["W"])


@pytest.mark.parametrize("near", [False, True])
def test_a_life_in_the_robot_is_the_naive_one(near):
    with jax.enable_x64(True):
        robot = Robot(0.05, rollouts=2, longest=12)
        *layers, last = network(3, 2, "tanh")
        forward = (*layers, replace(last, W=0.3 * last.W, b=jnp.full(2, 1.0)))
        learner = PolicyMAML(forward, jnp.asarray(RATES), shots=12)
        state, world = birth(learner, robot, KEY)
        noise = np.asarray(state.noise)
        layers = transcribed(learner.layers)
        task = {"goal": np.asarray(world.goal), "A_0": float(world.A_0)}
        task["k"] = float(world.k)
        if near:  # where it is at its fifth tick
            blind = naive.policy_roll_out(
                layers, task, np.zeros(99), noise, 1.0, max_ticks=12
            )
            task["goal"] = blind["robots"][5, :2]
        world = world._replace(goal=jnp.asarray(task["goal"]), noise=world.noise * 0)
        y, loss, w = jax.tree.map(np.asarray, lived(learner, robot, state, world))
    theirs = naive.policy_maml_life(
        layers, RATES, task, np.zeros(99), noise, max_ticks=12
    )
    trial = theirs["roll_outs"][0]
    assert trial["arrived"] == near
    np.testing.assert_allclose(y[: trial["ticks"]], trial["actions"], atol=1e-9)
    assert -loss == pytest.approx(theirs["fitness"], rel=1e-9)
    for ours, expected in zip(w, theirs["layers"][-1], strict=True):
        np.testing.assert_allclose(ours.W, expected["W"], atol=1e-9)
    assert not np.allclose(w[0].W, layers[0]["W"])


def test_without_noise_the_policy_is_zero_shot():
    robot = Robot(0.05, rollouts=1, longest=5)
    learner = PolicyMAML(network(3, 2), jnp.asarray(RATES, jnp.float32), 5, sigma=0.0)
    state, world = birth(learner, robot, KEY)
    y, _, w = lived(learner, robot, state, world)
    jax.tree.map(np.testing.assert_array_equal, w, learner.layers)
    x = robot.observe(world)
    for layer in learner.layers:
        x = layer(x)
    np.testing.assert_allclose(y[0], np.clip(x, -1, 1), rtol=1e-5)


def test_theta_is_the_first_weights_and_a_rate_a_step():
    learner = MAML(network(2, 2), jnp.asarray(RATES, jnp.float32), shots=4)
    layers = [f"layers.{i}.{name}" for i in range(3) for name in "Wb"]
    assert names(learner) == [*layers, "rates"]
    assert flatten(learner)[0].size == (2 * 4 + 4) + (4 * 5 + 5) + (5 * 2 + 2) + 4


def test_what_was_shown_helps_in_the_exam():
    """A line through what it saw is better than what it was born with."""
    task = Sines(1, shots=10, horizon=1)
    born = (Dense(jnp.full((1, 1), 0.0), jnp.zeros(1)),)
    rates = jnp.full(4, 0.3)
    losses = {}
    for name, own in {"learns": rates, "does not": 0 * rates}.items():
        learner = MAML(born, own, shots=10)
        state, world = jax.vmap(lambda k, who=learner: birth(who, task, k))(
            jax.random.split(KEY, 500)
        )
        losses[name] = np.mean(
            jax.vmap(lambda s, w, who=learner: lived(who, task, s, w)[1])(state, world)
        )
    assert losses["learns"] < 0.8 * losses["does not"]


def test_the_wrong_teacher_is_refused():
    with pytest.raises(Refusal, match="MAML cannot live in Robot: it learns from targ"):
        check(MAML(network(3, 2), jnp.asarray(RATES), 4), Robot())
    with pytest.raises(Refusal, match="PolicyMAML cannot live in Sines"):
        check(PolicyMAML(network(1, 1), jnp.asarray(RATES), 4), Sines())
    with pytest.raises(Refusal, match="`shots` must be .* from 1 .*, got 0"):
        MAML(network(2, 2), jnp.asarray(RATES), shots=0)
