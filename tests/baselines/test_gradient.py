"""Gradient descent as a learner, against the loops of the naive transcription."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError

from plastica.ask import evaluate
from plastica.baselines import GradientDescent
from plastica.data import load_images
from plastica.errors import Refusal
from plastica.learner import Feedback, flatten
from plastica.network import Network
from plastica.tasks import Classification

from ..naive import blur as naive

SIZES, BATCH, RATE = (3, 4, 2), 5, 0.1


@eqx.filter_jit
def step(learner, state, x, target):
    state, y = learner.predict(state, x)
    no = jnp.zeros(())
    return learner.learn(
        state, Feedback(target, no, jnp.bool_(True), jnp.bool_(False))
    ), y


def naive_weights(method, weights, xs, targets):
    """The weights after each batch."""
    zeros = [np.zeros_like(w) for w in weights]
    means, squares = zeros, zeros
    for t, (x, target) in enumerate(zip(xs, targets, strict=True), 1):
        slopes = naive.gradients(
            weights, x, target, "tanh", "identity", "softmax", "mean"
        )
        if method == "sgd":
            weights = [w - RATE * g for w, g in zip(weights, slopes, strict=True)]
        elif method == "momentum":
            weights, means = naive.momentum_step(weights, means, slopes, RATE, 0.9)
        else:
            weights, means, squares = naive.adam_step(
                weights, means, squares, slopes, t, RATE
            )
        yield weights


@pytest.mark.parametrize("method", ["sgd", "momentum", "adam"])
def test_it_takes_the_steps_of_the_transcription(method, rng):
    with jax.enable_x64(True):
        learner = GradientDescent.at(RATE, Network.chain(*SIZES), method, sigma="tanh")
        xs = rng.normal(size=(4, BATCH, SIZES[0]))
        targets = np.eye(SIZES[-1])[rng.integers(0, SIZES[-1], (4, BATCH))]
        state = learner.init(jax.random.key(0), jnp.asarray(xs[0]))
        start = [np.asarray(w) for w in state.w.weights]
        expected = naive_weights(method, start, xs, targets)
        for x, target, weights in zip(xs, targets, expected, strict=True):
            state, _ = step(learner, state, jnp.asarray(x), jnp.asarray(target))
            for got, wanted in zip(state.w.weights, weights, strict=True):
                np.testing.assert_allclose(got, wanted, rtol=1e-10, atol=1e-13)


def test_one_sample_is_a_batch_of_one(rng):
    learner = GradientDescent.at(RATE, Network.chain(*SIZES), "adam")
    x, target = jnp.asarray(rng.normal(size=(1, 3)), jnp.float32), jnp.eye(2)[:1]
    ends = []
    for shown, answer in ((x, target), (x[0], target[0])):
        state = learner.init(jax.random.key(0), shown)
        state, y = step(learner, state, shown, answer)
        assert y.shape == answer.shape
        ends.append(state.w)
    for one, other in zip(*map(jax.tree.leaves, ends), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_theta_is_the_log_rate_and_goes_to_any_network():
    learner = GradientDescent.at(0.5, Network.chain(3, 4, 2), "momentum")
    np.testing.assert_allclose(flatten(learner)[0], [np.log(0.5)], rtol=1e-6)
    deeper = learner.on(Network.chain(7, 5, 5, 3))
    assert flatten(deeper)[0] == flatten(learner)[0] and deeper.method == "momentum"
    with pytest.raises((Refusal, TypeCheckError)):
        GradientDescent.at(0.5, Network.chain(3, 2), "rmsprop")


def test_adam_learns_digits():
    course = Classification.of(load_images(), "test", batch=64, lessons=60)
    network = course.network(32)
    told = evaluate(GradientDescent.at(0.01, network, "adam"), course, 4, key=0)
    assert told.miss.mean < 0.12
