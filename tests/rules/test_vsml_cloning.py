"""Cloning: what a sub-LSTM is taught is what a weight does; from scratch, it learns."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from plastica.baselines import Recurrent
from plastica.data import load_images
from plastica.errors import Refusal
from plastica.learner import flatten
from plastica.network import Network
from plastica.objective import Lifetime
from plastica.rules import VSML, Cloning
from plastica.search import MetaGradient, optimiser
from plastica.tasks import Classification
from tests.naive import vsml as naive
from tests.rules.grids import KEY, RATE, SMALL, by_hand, drawn, transcribed


@eqx.filter_jit
def judged(cloning, rule, key):
    """The errors of a rule, sample by sample."""
    return cloning.errors(rule, key)


def test_theta_by_hand_clones_all_but_the_error_sent_back():
    cloning = Cloning(RATE, RATE, 1 / (2 * SMALL), members=16)
    with jax.enable_x64(True):
        errors = judged(cloning, by_hand(Network.chain(1, 1)), KEY)
        errors = jax.tree.map(np.asarray, errors)
    assert errors.y.shape == (3,)
    for each in (errors.y, errors.w, errors.b):
        np.testing.assert_allclose(each, 0, atol=1e-6)
    assert np.all(errors.e > 0.01)


def test_errors_are_from_the_naive_targets():
    e, w, b, x, rate, bias_rate = 0.7, 0.8, -0.3, 0.6, 0.02, 0.005
    cloning = Cloning(rate, bias_rate, 3.0)
    with jax.enable_x64(True):
        rule = drawn((1, 1), {})
        c = cloning.written(jax.random.normal(KEY, (4, 1, 1)), w, b)
        np.testing.assert_allclose(np.ravel(cloning.read(c)), (w, b), atol=1e-12)
        start = (jnp.zeros_like(c), c)
        sweep = jax.jit(cloning._sweep)
        (_, after), errors = sweep(rule, start, jnp.asarray(x), jnp.asarray(e))
        new = cloning.read(after)
        theta = transcribed(rule)
        options = naive.PROGRAM | {"aggregate": "sum"}
        heard = np.zeros((1, 3)), np.zeros((1, 3))
        heard[0][0, 0], heard[1][0, 0] = x, e
        cells = np.zeros((1, 1, 4)), np.asarray(c).reshape(1, 1, 4)
        for _ in range(2):
            *cells, up, down = naive.layer_tick(theta, *heard, *cells, options)
    np.testing.assert_allclose(np.ravel(after), cells[1].ravel(), atol=1e-9)
    wanted = [
        naive.unit_updated(x, w, b, e, -rate)[0],
        naive.unit_updated(x, w, b, e, -bias_rate)[1],
    ]
    expected = (
        np.mean((up[0, :2] - naive.unit_output(x, w, b)) ** 2),
        (down[0, 0] - naive.unit_error(x, w, e)) ** 2,
        ((new[0].item() - wanted[0]) / rate) ** 2,
        ((new[1].item() - wanted[1]) / bias_rate) ** 2,
    )
    np.testing.assert_allclose(np.ravel(errors), expected, rtol=1e-9, atol=1e-9)


def test_without_descent_only_the_forward_sweep_counts():
    rule = VSML.random(KEY, Network.chain(1, 1), 4, 3)
    both = Cloning(members=8)
    alone = Cloning(members=8, descent=False)
    for cloning in (both, alone):
        parts = judged(cloning, rule, KEY)
        whole = sum(float(jnp.mean(part)) for part in parts)
        if not cloning.descent:
            whole -= float(jnp.mean(parts.e))
        assert float(cloning(rule, (), KEY)[0]) == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize("field", ["rate", "bias_rate", "scale"])
def test_what_cannot_be_cloned_is_refused(field):
    with pytest.raises(Refusal, match="rates and scale are above zero"):
        Cloning(**{field: 0.0})
    with pytest.raises(Refusal, match="only VSML is cloned into, got Recurrent"):
        Cloning().check(Recurrent.lstm(KEY, 2, 3, 2))


def searched(rule, objective, generations, rate):
    """The rule after some generations of meta-gradient."""
    search = MetaGradient(optimiser=optimiser("adam", rate, 1.0, generations))
    state = search.init(rule, objective, KEY)
    for generation in range(generations):
        key = jax.random.fold_in(KEY, generation)
        state, _ = search.generation(state, objective, key)
    return search.best(state)


@pytest.mark.slow
def test_cloning_goes_a_long_way_in_seconds():
    rule = VSML.random(KEY, Network.chain(1, 1), 8, 2, aggregate="sum")
    cloning = Cloning(samples=1, members=64)
    total = eqx.filter_jit(lambda rule: cloning(rule, (), jax.random.key(1))[0])
    assert total(searched(rule, cloning, 250, 2e-2)) < total(rule) / 15


def test_the_meta_gradient_of_lives_is_that_of_finite_differences():
    digits = load_images("digits").resized(2)
    with jax.enable_x64(True):
        task = Classification.of(digits, "training", batch=None, lessons=7, exams=0)
        lives = Lifetime.of(task, lives=2)
        theta, rule_of = flatten(drawn((4, 10), {}))
        loss = jax.jit(lambda theta: lives(rule_of(theta), (), KEY)[0])
        directions = jax.random.normal(KEY, (3, theta.size))
        slopes = directions @ jax.jit(jax.grad(loss))(theta)
        steps = 1e-5 * directions
        apart = jnp.stack([loss(theta + d) - loss(theta - d) for d in steps])
        np.testing.assert_allclose(slopes, apart / 2e-5, rtol=1e-6, atol=1e-9)


@pytest.mark.slow
def test_from_scratch_it_learns_to_learn():
    """Is a sum above zero? A newborn does not know which answer means yes."""
    images = load_images("sum-sign").resized(2)
    task = Classification.of(
        images,
        "training",
        answers=2,
        batch=None,
        lessons=20,
        exams=0,
        mean=0.5,
        deviation=0.2,
    )
    rule = VSML.random(KEY, Network.chain(4, 2), 8, 4)
    lives = Lifetime.of(task, lives=16, judge="miss")
    found = searched(rule, Lifetime.of(task, lives=16), 400, 2e-2)
    missed = eqx.filter_jit(lambda rule: lives(rule, (), jax.random.key(1))[0])
    assert flatten(found)[0].shape == flatten(rule)[0].shape
    assert missed(rule) > 0.4
    assert missed(found) < 0.35
