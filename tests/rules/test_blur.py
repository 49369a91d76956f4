"""The genome against a loop in NumPy, against gradients, and learning something."""

from dataclasses import replace
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError

from plastica.ask import evaluate
from plastica.errors import Refusal
from plastica.learner import Feedback, flatten
from plastica.network import Network
from plastica.objective import Lifetime
from plastica.rules import BLUR, Variant
from plastica.saving import load, save
from plastica.search import Engine, MetaGradient, advance, optimiser
from plastica.tasks import Toy

from ..naive import blur as naive

SIZES, BATCH, TICKS = (3, 4, 5, 2), 6, 3
NAMES = {  # the rule's words for the transcription's
    "backward": (
        "backward_pass",
        {"second state": "multiplicative second"},
    ),
    "synapses": ("synapses", {}),
    "sigma": ("nonlinearity_forward", {}),
    "sigma_last": ("nonlinearity_last", {}),
    "sigma_back": ("nonlinearity_backward", {}),
    "batch": ("batch", {}),
    "oja": ("oja", {"none": None, "activations": "released activations"}),
    "unit_synapses": ("normalised_synapses", {"none": None}),
}
CASES = {
    "as the paper has it": ({}, 2, True),
    "three states, two sets, one synapse state, Oja's first": (
        {"synapses": "two sets", "synapse_states": "one", "oja": "first"},
        3,
        False,
    ),
    "multiplicative, unit inside, symmetric, Oja whole, mean": (
        {
            "backward": "multiplicative",
            "unit_synapses": "inside",
            "oja": "whole",
            "batch": "mean",
        },
        2,
        True,
    ),
    "second state, two sets, unit stored, Oja released": (
        {
            "backward": "second state",
            "synapses": "two sets",
            "unit_synapses": "stored",
            "oja": "released",
        },
        3,
        True,
    ),
    "one synapse state, Oja by activations, mean, saturation tanh": (
        {
            "synapse_states": "one",
            "oja": "activations",
            "batch": "mean",
            "saturation": "tanh",
        },
        2,
        False,
    ),
    "two sets, unit inside, saturation exp, Oja by activations": (
        {
            "synapses": "two sets",
            "unit_synapses": "inside",
            "saturation": "exp",
            "oja": "activations",
        },
        2,
        True,
    ),
    "normalised but for the last layer": ({"normalised": "hidden"}, 2, True),
    "sigmoid pair": (
        {"sigma": "sigmoid_pair", "sigma_last": "tanh_pair", "sigma_back": "identity"},
        3,
        False,
    ),
    "relu and pairs": (
        {"sigma": "relu_pair", "sigma_last": "relu", "sigma_back": "relu_tanh_pair"},
        2,
        True,
    ),
    "tanh, identity, sigmoid": (
        {"sigma": "tanh", "sigma_last": "identity", "sigma_back": "sigmoid"},
        2,
        False,
    ),
}


def rule_of(variant, k, normalised, seed=0, sizes=SIZES):
    """A genome, all of whose numbers are drawn, small enough to stay finite."""
    network = Network.chain(*sizes)
    start = BLUR.random(
        jax.random.key(0), network, k, 1.0, Variant(**variant), normalised
    )
    vector, learner_of = flatten(start)
    drawn = np.random.default_rng(seed).normal(size=vector.size)
    rule = learner_of(jnp.asarray(0.6 * drawn, vector.dtype))
    return replace(
        rule, f_tilde=rule.f_tilde * 0.1 + 0.9, eta_tilde=0.2 * rule.eta_tilde
    )


def told(labels):
    no = jnp.zeros(())
    return Feedback(jnp.asarray(labels), no, jnp.bool_(True), jnp.bool_(False))


def data(seed=1, ticks=TICKS):
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, SIZES[-1], (ticks, BATCH))
    return rng.normal(size=(ticks, BATCH, SIZES[0])), np.eye(SIZES[-1])[classes]


@eqx.filter_jit
def one_tick(rule, state, x, target):
    up, y = rule.predict(state, x)
    state = rule.learn(up, told(target))
    return state, (y, up.a, state.a, state.w)


def born(rule, seed=3):
    """A newborn whose synapses NumPy drew."""
    x = jnp.zeros((BATCH, rule.network.sizes[0]))
    like = jax.eval_shape(rule.init, jax.random.key(0), x)
    rng = np.random.default_rng(seed)
    return jax.tree.map(
        lambda a: jnp.asarray(0.5 * rng.normal(size=a.shape), a.dtype), like
    )


def ticks(rule, xs, targets):
    """Every tick's answers, states before and after `learn`, and synapses after."""
    state, seen = born(rule), []
    synapses = state.w
    for x, target in zip(xs, targets, strict=True):
        state, told_of = one_tick(rule, state, x, target)
        seen.append(told_of)
    return synapses, jax.tree.map(lambda *each: jnp.stack(each), *seen)


def naive_genome(rule):
    names = ("f", "eta", "f_tilde", "eta_tilde", "nu", "mu", "nu_tilde", "mu_tilde")
    genome = {name: np.asarray(getattr(rule, name), np.float64) for name in names}
    if rule.mean is not None:
        for name in ("mean", "deviation"):
            rows = np.asarray(getattr(rule, name), np.float64)
            genome[f"{name}_forward"] = [rows[0], rows[0], rows[1]]
            genome[f"{name}_backward"] = [rows[2], rows[2]]
    if rule.oja is not None:
        genome["g"] = rule.oja
    if rule.rescale_to is not None:
        genome["rescale_to"] = rule.rescale_to
    genome["alpha"] = genome["s"] = (
        rule.saturation if rule.saturation is not None else 1
    )
    return genome


def naive_ticks(rule, w, xs, targets):
    """The same by loops, in the shapes of `ticks`."""
    words = {
        there: renamed.get(getattr(rule.variant, here), getattr(rule.variant, here))
        for here, (there, renamed) in NAMES.items()
    }
    words["normalise_last"] = rule.variant.normalised == "all"
    words["normalise_forward"] = words["normalise_backward"] = rule.mean is not None
    if rule.variant.saturation != "none":
        words[f"saturation_{rule.variant.saturation}"] = True
    there = partial(np.moveaxis, source=0, destination=-1)
    here = partial(np.moveaxis, source=-1, destination=0)
    forward = [there(np.asarray(a, np.float64)) for a in w.up]
    down = [there(np.asarray(a, np.float64)) for a in w.down]
    backward = [None, *down] if down else None
    for x, target in zip(xs, targets, strict=True):
        done = naive.tick(
            naive_genome(rule), forward, x, 2 * target - 1, backward, **words
        )
        forward, backward = done["forward"], done["backward"]
        yield (
            done["forward_states"][-1][..., 0],
            tuple(map(here, done["forward_states"])),
            tuple(map(here, done["states"])),
            (tuple(map(here, forward)), tuple(map(here, (backward or [])[1:]))),
        )


def assert_agree(rule, tolerance):
    xs, targets = data()
    floats = rule.nu.dtype
    w, seen = ticks(rule, jnp.asarray(xs, floats), jnp.asarray(targets, floats))
    slow = list(naive_ticks(rule, w, xs, targets))
    expected = jax.tree.map(lambda *each: np.stack(each), *slow)
    leaves = zip(jax.tree.leaves(seen), jax.tree.leaves(expected), strict=True)
    for got, wanted in leaves:
        assert np.isfinite(wanted).all() and np.abs(wanted).max() < 1e3
        np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("case", CASES)
def test_it_is_the_transcription_in_float64(case):
    with jax.enable_x64(True):
        assert_agree(rule_of(*CASES[case]), 1e-9)


@pytest.mark.parametrize("case", list(CASES)[1::3])
def test_it_is_the_transcription_in_float32(case):
    assert_agree(rule_of(*CASES[case]), 2e-5)


def test_stored_synapses_rescaled_are_the_transcription():
    variant = {"unit_synapses": "stored", "synapses": "two sets"}
    with jax.enable_x64(True):
        rule = rule_of(variant, 2, True)
        assert_agree(replace(rule, rescale_to=jnp.asarray(0.7)), 1e-9)
        up, _ = rule.predict(born(rule), jnp.ones((BATCH, SIZES[0])))
        assert jax.tree.leaves(up.w)  # without it the norm is one, as before
        for w in jax.tree.leaves(up.w):
            np.testing.assert_allclose(jnp.sum(w**2, -1), 1, rtol=1e-6)


# Gradient descent


def network_loss(w, x, target, sigma):
    """Summed cross-entropy of a plain network, w[post, pre and bias]."""
    for l, w_l in enumerate(w):
        z = jnp.concatenate([x, jnp.ones((len(x), 1))], 1) @ w_l.T
        x = z if l == len(w) - 1 else sigma(z)
    return -jnp.sum(target * jax.nn.log_softmax(x))


@pytest.mark.parametrize("sigma", ["sigmoid", "tanh", "relu"])
def test_one_tick_of_the_gradient_genome_is_one_step_of_sgd(sigma):
    with jax.enable_x64(True):
        network, rate = Network.chain(*SIZES), 0.05
        rule = BLUR.gradient_descent(network, rate, sigma)
        xs, targets = map(jnp.asarray, data())
        start, seen = ticks(rule, xs, targets)
        w = [w_l[0] for w_l in start.up]
        for t in range(TICKS):
            loss = partial(network_loss, sigma=getattr(jax.nn, sigma))
            slopes = jax.grad(loss)(w, xs[t], targets[t])
            w = [w_l - rate * slope for w_l, slope in zip(w, slopes, strict=True)]
            for got, wanted in zip(seen[3].up, w, strict=True):
                np.testing.assert_allclose(got[t, 0], wanted, rtol=1e-12, atol=1e-14)


def test_gradient_descent_by_the_transcription_s_own_back_propagation():
    with jax.enable_x64(True):
        network, rate = Network.chain(*SIZES), 0.05
        rule = BLUR.gradient_descent(network, rate, "tanh")
        xs, targets = data(ticks=1)
        start, seen = ticks(rule, jnp.asarray(xs), jnp.asarray(targets))
        w = [np.asarray(w_l[0]) for w_l in start.up]
        stepped = naive.sgd_step(
            w, xs[0], targets[0], rate, "tanh", "identity", "softmax"
        )
        for got, wanted in zip(seen[3].up, stepped, strict=True):
            np.testing.assert_allclose(got[0, 0], wanted, rtol=1e-12)


# Identities


def test_a_mean_is_a_sum_at_a_rate_of_a_batch_th():
    with jax.enable_x64(True):
        mean = rule_of({"batch": "mean"}, 2, True)
        total = replace(mean, variant=Variant(), eta_tilde=mean.eta_tilde / BATCH)
        xs, targets = map(jnp.asarray, data())
        for one, other in zip(
            jax.tree.leaves(ticks(mean, xs, targets)),
            jax.tree.leaves(ticks(total, xs, targets)),
            strict=True,
        ):
            np.testing.assert_allclose(one, other, atol=1e-12)


def test_the_bias_of_a_unit_that_is_normalised_comes_to_nothing():
    network = Network.chain(2, 4, 2)
    rule = BLUR.random(jax.random.key(1), network, variant=Variant(normalised="hidden"))
    x = jax.random.normal(jax.random.key(2), (32, 2))
    state = rule.init(jax.random.key(3), x)
    hidden, last = state.w.up

    def answers(*up):
        return rule.predict(state._replace(w=state.w._replace(up=up)), x)[1]

    as_it_is = answers(hidden, last)
    shifted = answers(hidden.at[:, :, -1].add(5.0), last)
    np.testing.assert_allclose(shifted, as_it_is, atol=1e-5)
    assert jnp.max(jnp.abs(answers(hidden, last.at[..., -1].add(5.0)) - as_it_is)) > 0.1


def test_f_counts_in_the_backward_sweep_only():
    rule = rule_of({}, 2, True)
    other = replace(rule, f=rule.f + 1)
    xs, targets = map(jnp.asarray, data(ticks=1))
    (_, one), (_, two) = ticks(rule, xs, targets), ticks(other, xs, targets)
    np.testing.assert_array_equal(one[0], two[0])
    assert np.abs(one[2][1] - two[2][1]).max() > 1e-3


def test_an_exam_is_predict_alone_and_leaves_the_synapses():
    rule = rule_of({}, 2, True)
    xs, _ = map(jnp.asarray, data())
    predict, state = eqx.filter_jit(rule.predict), born(rule)
    first, y = predict(state, xs[0])
    again, _ = predict(first, xs[1])
    np.testing.assert_array_equal(predict(again, xs[0])[1], y)
    assert all(map(np.array_equal, jax.tree.leaves(again.w), jax.tree.leaves(state.w)))


def test_unit_synapses_have_unit_norm_and_scaling_them_changes_nothing():
    rule = rule_of({"unit_synapses": "inside"}, 2, False)
    x, state, predict = (
        jnp.asarray(data()[0][0]),
        born(rule),
        eqx.filter_jit(BLUR.predict),
    )
    larger = state._replace(w=jax.tree.map(lambda w: 7 * w, state.w))
    np.testing.assert_allclose(
        predict(rule, state, x)[1], predict(rule, larger, x)[1], atol=1e-5
    )
    stored = replace(rule, variant=Variant(unit_synapses="stored"))
    for w in jax.tree.leaves(predict(stored, larger, x)[0].w):
        np.testing.assert_allclose(jnp.sum(w**2, -1), 1, rtol=1e-5)


def test_saturated_synapses_stay_below_alpha():
    rule = rule_of({"saturation": "tanh"}, 2, True)
    rule = replace(rule, saturation=jnp.asarray(0.3), eta_tilde=jnp.asarray(-1.0))
    _, seen = ticks(rule, *map(jnp.asarray, data()))
    assert max(jnp.abs(w).max() for w in jax.tree.leaves(seen[3])) <= 0.3


def test_one_sample_without_a_batch_axis_is_a_batch_of_one():
    rule = rule_of({}, 2, False)
    x, target = (jnp.asarray(a[0, :1]) for a in data())
    ends = []
    for shown, answer in ((x, target), (x[0], target[0])):
        state = eqx.filter_jit(rule.init)(jax.random.key(0), shown)
        ends.append(one_tick(rule, state, shown, answer)[0])
    for one, other in zip(*map(jax.tree.leaves, ends), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


# Any network, on disk, and what is refused


def test_a_genome_goes_to_networks_of_other_sizes_and_depths(tmp_path):
    rule = rule_of({"synapses": "two sets", "oja": "released"}, 3, True)
    path = save(rule, tmp_path / "genome")
    assert jax.tree.structure(load(path)) == jax.tree.structure(rule)
    for sizes in ((7, 2), (7, 30, 2), (7, 5, 5, 5, 5, 2)):
        there = load(path).on(Network.chain(*sizes))
        np.testing.assert_array_equal(flatten(there)[0], flatten(rule)[0])
        x, target = jnp.zeros((4, 7)), jnp.zeros((4, 2))

        def life(there=there, x=x, target=target):
            state = there.init(jax.random.key(0), x)
            return one_tick(there, state, x, target)

        state, (y, *_) = jax.eval_shape(life)
        assert y.shape == (4, 2) and len(state.a) == len(sizes)
        assert [a.shape[2] for a in state.a] == list(sizes)


def refused(act, said):
    with pytest.raises(Refusal, match=said) as caught:
        act()
    assert "\n" not in str(caught.value)


def test_bad_genomes_networks_and_words_are_refused(tmp_path):
    two, three = rule_of({}, 2, True), rule_of({}, 3, True)
    refused(lambda: BLUR.random(jax.random.key(0), two.network, 1), "k at least 2")
    with pytest.raises((Refusal, TypeCheckError)):  # the annotation refuses first
        replace(two, nu=three.nu)
    refused(lambda: two.on(Network.layered(3, 4, 2)), r"lives on Network\.chain")
    save(three, tmp_path / "three")
    refused(lambda: load(tmp_path / "three", like=two), r"float32\[3, 3\] there")
    other = rule_of({"oja": "none", "batch": "mean"}, 3, True)
    refused(lambda: load(tmp_path / "three", like=other), "its variant is .*'sum'")
    refused(
        lambda: Variant(sigma="relu_tnah"),
        "sigma cannot be .*mean relu_tanh",
    )
    with pytest.raises((Refusal, TypeCheckError)):
        Variant(oja="second")
    alone = jnp.zeros(3)
    refused(lambda: two.init(jax.random.key(0), alone), "one sample at a time")


@pytest.mark.slow
def test_a_genome_found_on_one_toy_learns_another_that_it_never_saw():
    """In most searches: how far one comes depends on rounding."""
    toy, other = (
        Toy(name="and", batch=64, lessons=5),
        Toy(name="or", batch=256, lessons=5),
    )
    kinked = Variant(sigma="relu_tanh", sigma_back="relu_tanh")
    search = MetaGradient(optimiser=optimiser("adam", 0.01, 10.0))
    objective, before, after = Lifetime.of(toy, lives=4), [], []
    for key in jax.random.split(jax.random.key(1), 3):
        rule = BLUR.random(key, toy.network(10), scale=0.3, variant=kinked)
        state = search.init(rule, objective, key)
        for first in range(0, 300, 100):
            state, _ = advance(search, state, objective, key, Engine(), first, 100)
        before.append(evaluate(rule, other, 8, 1).miss.mean)
        after.append(evaluate(state.learner, other, 8, 1).miss.mean)
    assert np.median(after) < 0.15 < 0.35 < np.median(before)
