"""Gradients are found to be gradients, metrics are found, and genomes are neither."""

from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from plastica.analysis import asymmetry, jacobian, metrics, most_definite
from plastica.learner import Feedback
from plastica.network import Network
from plastica.rules import BLUR, Variant

from .naive import blur as naive

SIZES, BATCH = (2, 3, 1), 16
KINKED = {"sigma": "relu_tanh", "sigma_back": "relu_tanh"}  # as the transcription


@lru_cache
def jacobians(kind, count):
    """Of one genome on xor, at states with weights of their own."""
    with jax.enable_x64(True):
        network = Network.chain(*SIZES)
        rule = BLUR.gradient_descent(network, 0.1, "tanh")
        if kind == "random":
            key, kinked = jax.random.key(3), Variant(**KINKED)
            rule = BLUR.random(key, network, variant=kinked, normalised=False)
        x = jax.random.uniform(jax.random.key(1), (BATCH, 2), minval=-1.0)
        target = (x[:, :1] * x[:, 1:] > 0).astype(float)
        no = jnp.zeros(())
        told = Feedback(target, no, jnp.bool_(True), jnp.bool_(False))
        if kind == "gradient":  # of one unit softmax says nothing: take two
            rule = rule.on(Network.chain(2, 3, 2))
            told = told._replace(target=jnp.concatenate([target, 1 - target], 1))
        states = (rule.init(jax.random.key(10 + i), x) for i in range(count))
        return rule, [jacobian(rule, state, x, told) for state in states]


def test_the_update_of_the_gradient_genome_is_a_gradient():
    _, (Q,) = jacobians("gradient", 1)
    assert Q.shape == (17, 17)
    assert asymmetry(Q) < 1e-12


def test_that_of_a_random_genome_is_not():
    assert asymmetry(jacobians("random", 1)[1][0]) > 0.1


def test_a_jacobian_is_that_of_central_differences():
    rule, (Q,) = jacobians("random", 1)
    with jax.enable_x64(True):
        x = jax.random.uniform(jax.random.key(1), (BATCH, 2), minval=-1.0)
        w = rule.init(jax.random.key(10), x).w.up
        label = np.where(np.asarray(x[:, :1] * x[:, 1:]) > 0, 1.0, -1.0)
        names = ("f", "eta", "f_tilde", "eta_tilde", "nu", "mu", "nu_tilde", "mu_tilde")
        genome = {name: np.asarray(getattr(rule, name)) for name in names}
    forward = [np.moveaxis(np.asarray(a), 0, -1) for a in w]
    order = [np.arange(a.size).reshape(a.shape) for a in w]
    moved = np.concatenate(
        [
            np.moveaxis(o, 0, -1).ravel() + s
            for o, s in zip(order, (0, w[0].size), strict=True)
        ]
    )
    update = naive.forward_change(genome, [a.shape for a in forward], x, label)
    slow = naive.jacobian(update, naive.flat(forward))
    np.testing.assert_allclose(Q[np.ix_(moved, moved)], slow, atol=1e-7)


def test_a_metric_is_found_where_there_is_one(rng):
    n = 4
    g = np.linalg.inv(np.diag([1.0, 2.0, 3.0, 4.0]) + 0.2)
    hessians = [h + h.T for h in rng.normal(size=(5, n, n))]
    Qs = [np.linalg.solve(g, h) for h in hessians]  # so that g Q is symmetric
    basis = metrics(Qs)
    assert basis.shape == (1, n, n)
    np.testing.assert_allclose(
        np.abs(basis[0]), np.abs(g) / np.linalg.norm(g), atol=1e-8
    )
    assert most_definite(basis) == pytest.approx(
        np.linalg.eigvalsh(g / np.linalg.norm(g))[0]
    )
    assert metrics(Qs[:1]).shape == (n, n, n)  # one Jacobian leaves many
    assert len(metrics(list(rng.normal(size=(5, n, n))))) == 0
    assert most_definite(np.zeros((0, n, n))) == -np.inf


def test_the_gradient_genome_has_the_plain_metric_and_a_random_one_none():
    basis = metrics(jacobians("gradient", 6)[1])
    assert len(basis) and most_definite(basis) > 1e-3
    basis = metrics(jacobians("random", 6)[1])
    assert most_definite(basis) < 1e-9
