"""VSML against a naive transcription in float64, and what it promises."""

from functools import lru_cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError

from plastica.cells import LSTM
from plastica.errors import Refusal
from plastica.learner import flatten
from plastica.lifetime import examine
from plastica.network import Network
from plastica.rules import VSML
from plastica.rules.vsml_grid import lstm_grid
from tests.naive import vsml as naive
from tests.rules.grids import KEY, RATE, Grid, by_hand, drawn, told, transcribed

TICKS = 4

# The simple cells: claim V1


def simple(rng, units, side, backward=False, multiplied=False):
    """A grid of simple cells and a state, in float64."""
    draw = lambda *shape: jnp.asarray(rng.normal(size=shape))  # noqa: E731
    U = draw(units, units) if backward else None
    cells = Grid(draw(units), draw(units, units), draw(units, units), U, multiplied)
    return cells, draw(side, side, units)


@pytest.mark.parametrize("backward", [False, True], ids=["Eq. 3", "Eq. 14"])
@pytest.mark.parametrize("side", [1, 2, 4])
def test_the_grid_is_one_network_with_a_sparse_shared_matrix(rng, side, backward):
    with jax.enable_x64(True):
        cells, s = simple(rng, 3, side, backward)
        one, b = cells.as_one(side), naive.shared_bias(cells.b, side)
        U = np.asarray(cells.U) if backward else None
        expected = naive.shared_matrix(
            np.asarray(cells.W), np.asarray(cells.C), side, U
        )
        np.testing.assert_array_equal(one, expected)
        flat = s.ravel()
        for _ in range(5):
            s, flat = cells(s), jnp.tanh(b + one @ flat)
            np.testing.assert_allclose(s.ravel(), flat, rtol=0, atol=1e-12)


def test_one_cell_alone_is_a_plain_recurrent_network_with_w_plus_c(rng):
    with jax.enable_x64(True):
        cells, s = simple(rng, 5, 1)
        plain = np.asarray(s.ravel())
        for _ in range(5):
            s = cells(s)
            plain = naive.recurrent_step(cells.b, np.asarray(cells.W + cells.C), plain)
            np.testing.assert_allclose(s.ravel(), plain, rtol=0, atol=1e-12)


@pytest.mark.parametrize("form", ["Eq. 3", "Eq. 5", "Eq. 14"])
def test_simple_cells_are_the_naive_ones(rng, form):
    with jax.enable_x64(True):
        cells, s = simple(rng, 3, 4, form == "Eq. 14", form == "Eq. 5")
        b, W, C = (np.asarray(a) for a in (cells.b, cells.W, cells.C))
        expected = np.asarray(s)
        for _ in range(3):
            s = cells(s)
            expected = {
                "Eq. 3": lambda s: naive.grid_step(b, W, C, s),
                "Eq. 5": lambda s: naive.multiplicative_step(b, W, C, s),
                "Eq. 14": lambda s: naive.two_way_step(b, W, C, np.asarray(cells.U), s),
            }[form](expected)
            np.testing.assert_allclose(s, expected, rtol=0, atol=1e-12)


# The grid of LSTMs


def test_a_grid_of_cells_is_the_plain_cell_for_every_pair(rng):
    cell, shift = LSTM.random(KEY, 6, 4), (-5.0, 5.0, 0.25, -0.5)
    h, c = jnp.asarray(rng.normal(size=(2, 4, 3, 2)), jnp.float32)
    pre, post = (jnp.asarray(rng.normal(size=(3, n)), jnp.float32) for n in (2, 3))
    memory = lstm_grid(cell, (h, c), pre, post, shift)
    shifted = LSTM(cell.W_x, cell.W_h, cell.b + jnp.repeat(jnp.array(shift), 4))
    for i, j in np.ndindex(3, 2):
        x = jnp.concatenate([pre[:, j], post[:, i]])
        plain = shifted((h[:, i, j], c[:, i, j]), x)
        for grid, one in zip(memory, plain, strict=True):
            np.testing.assert_allclose(grid[:, i, j], one, rtol=1e-5, atol=1e-6)


def test_the_program_s_sizes_have_few_meta_variables_and_many_learned_ones():
    """Claim V6."""
    rule = VSML.random(KEY, Network.chain(784, 10))
    state = jax.eval_shape(rule.init, KEY, jnp.zeros(784))
    assert flatten(rule)[0].size == 2_384 == naive.count_meta_variables(16, 8)
    learned = sum(leaf.size for leaf in jax.tree.leaves((state.h, state.c)))
    assert learned == 250_880 == naive.count_learned_variables((784, 10), 16)


CASES = {  # layers, batch, choices of the rule, options of the transcription
    "the program's": ((4, 2), None, {}, {}),
    "sums, deep": (
        (4, 3, 2),
        None,
        {"aggregate": "sum", "micro_ticks": 1, "bound": 0.0},
        {"aggregate": "sum", "micro_ticks": 1, "squash": None},
    ),
    "sweeps back, told the target": (
        (3, 2, 2),
        None,
        {"error": "sweeps back", "hears_target": True, "micro_ticks": 3},
        {"backward_sweep": True, "feed_label": True, "micro_ticks": 3},
    ),
    "a batch, layer norm": (
        (3, 2, 2),
        2,
        {"layer_norm": True, "bound": 2.0, "hears_target": True},
        {"layer_norm": True, "squash": 2.0, "feed_label": True},
    ),
    "a batch, sweeps back": (
        (3, 2),
        2,
        {"error": "sweeps back", "aggregate": "sum"},
        {"backward_sweep": True, "aggregate": "sum"},
    ),
}


def lessons(sizes, batch):
    """Samples and labels of a short life."""
    rng, many = np.random.default_rng(2), (TICKS,) if batch is None else (TICKS, batch)
    labels = rng.integers(0, sizes[-1], many)
    return rng.normal(size=(*many, sizes[0])), labels


def life(rule, state, xs, labels):
    """States after `predict` and after `learn`, and logits, of every tick."""

    def tick(state, lesson):
        x, label = lesson
        predicted, y = rule.predict(state, x)
        state = rule.learn(predicted, told(jax.nn.one_hot(label, y.shape[-1])))
        return state, (predicted, state, y)

    return jax.lax.scan(tick, state, (xs, labels))[1]


def begun(rule, state):
    """The newborn of the transcription."""
    cells = [np.moveaxis(np.asarray(c, np.float64), -3, -1) for c in state.c]
    batched = cells[0].ndim > 3
    cells = [c[0] if batched else c for c in cells]
    return naive.newborn(cells, len(rule.b_C), len(state.y) if batched else 1)


@lru_cache
def setting(name):
    """A rule, its newborn, its lessons, and the naive life."""
    sizes, batch, choices, options = CASES[name]
    with jax.enable_x64(True):
        rule = drawn(sizes, choices)
        xs, labels = lessons(sizes, batch)
        state = rule.init(KEY, jnp.asarray(xs[0]))
        many = (TICKS, batch or 1)
        expected = naive.live(
            transcribed(rule),
            begun(rule, state),
            xs.reshape(*many, sizes[0]),
            labels.reshape(many),
            naive.PROGRAM | options,
        )
    return rule, state, xs, labels, expected


def close(state, expected, atol):
    """Whether a state, of all ticks, holds what the transcription's states hold."""
    batched = state.y.ndim > 2

    def compare(ours, theirs, axis):
        ours = np.moveaxis(np.asarray(ours), -axis, -1)
        ours = ours if batched else ours[:, None]
        np.testing.assert_allclose(ours, np.stack(theirs), rtol=0, atol=atol)

    for l in range(len(state.h)):
        compare(state.h[l], [s["h"][l] for s in expected], 3)
        compare(state.c[l], [s["c"][l] for s in expected], 3)
        compare(state.forward[l], [s["forward"][l] for s in expected], 2)
        if l + 1 < len(state.h):  # the last one is kept as error and label over there
            compare(state.backward[l], [s["backward"][l] for s in expected], 2)


@pytest.mark.parametrize("name", CASES)
def test_every_tick_is_the_naive_one(name):
    rule, state, xs, labels, expected = setting(name)
    with jax.enable_x64(True):
        predicted, learned, ys = jax.jit(life)(rule, state, xs, labels)
    logits = expected["logits"].reshape(ys.shape)
    np.testing.assert_allclose(ys, logits, rtol=0, atol=1e-9)
    close(predicted, expected["predicted"], 1e-9)
    close(learned, expected["learned"], 1e-9)


def test_in_float32_too():
    rule, state, xs, labels, expected = setting("sweeps back, told the target")
    single = lambda a: jnp.asarray(a, np.float32)  # noqa: E731
    rule, state = jax.tree.map(single, (rule, state))
    _, learned, ys = jax.jit(life)(rule, state, single(xs), jnp.asarray(labels))
    np.testing.assert_allclose(ys, expected["logits"][:, 0], rtol=0, atol=2e-5)
    close(learned, expected["learned"], 2e-5)


def test_the_meta_gradient_is_the_naive_one():
    sizes = (2, 1, 2)
    with jax.enable_x64(True):
        rule = drawn(sizes, {"error": "sweeps back"}, units=2, messages=2)
        xs, labels = (lesson[:3] for lesson in lessons(sizes, None))
        state = rule.init(KEY, jnp.asarray(xs[0]))

        def loss(rule):
            ys = life(rule, state, xs, labels)[2]
            right = jax.nn.one_hot(labels, ys.shape[-1])
            return -jnp.mean(jnp.sum(right * jax.nn.log_softmax(ys), 1))

        ours = transcribed(jax.jit(jax.grad(loss))(rule))
        theirs = naive.meta_gradient(
            transcribed(rule),
            begun(rule, state),
            xs[:, None],
            labels[:, None],
            naive.PROGRAM | {"backward_sweep": True},
        )
    for name, expected in theirs.items():
        np.testing.assert_allclose(ours[name], expected, rtol=1e-9, atol=1e-9)


def test_a_newborn_has_random_cells_in_half_of_its_units():
    rule = VSML.random(KEY, Network.chain(400, 10))
    state = rule.init(KEY, jnp.zeros(400))
    drawn, empty = jnp.split(state.c[0], 2)
    assert not np.any(empty) and not np.any(state.h[0])
    # a normal distribution cut at two deviations has a deviation of 0.88
    assert np.std(drawn) * 400**0.5 == pytest.approx(0.88, rel=0.02)
    assert np.mean(drawn) == pytest.approx(0, abs=0.002)


def test_theta_by_hand_is_online_gradient_descent():
    """Of all biases at once: each of the n sub-LSTMs of an output has one."""
    inputs, ticks = 5, 40
    rng = np.random.default_rng(0)
    xs, labels = rng.normal(size=(ticks, inputs)), rng.integers(0, 3, ticks)
    seen = np.concatenate([np.tanh(xs), np.ones((ticks, inputs - 1))], 1)
    w = np.zeros((3, 2 * inputs - 1))
    descent = naive.online_mlp(
        [w], [np.zeros(3)], seen[:, None], labels[:, None], "sgd", RATE
    )
    with jax.enable_x64(True):
        rule = by_hand(Network.chain(inputs, 3))
        born = rule.init(KEY, jnp.asarray(xs[0]))
        blank = born._replace(c=(jnp.zeros_like(born.c[0]),))
        ys = jax.jit(life)(rule, blank, xs, labels)[2]
    np.testing.assert_allclose(ys, descent["logits"][:, 0], rtol=1e-6, atol=1e-6)


BAD = {
    "7 units": ({"units": 7}, "half of a sub-LSTM's units .* got 7; take 8"),
    "zero micro-ticks": ({"micro_ticks": 0}, "at least once in a sweep, got 0"),
    "one number a message": ({"messages": 1}, "an error and a target, got 1"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_grid_that_cannot_be_is_refused(name):
    choices, said = BAD[name]
    with pytest.raises(Refusal, match=said):
        VSML.random(KEY, Network.chain(4, 2), **choices)


@pytest.mark.parametrize("field", ["aggregate", "error"])
def test_unknown_words_are_refused(field):
    with pytest.raises((Refusal, TypeCheckError)):  # the annotation refuses first
        VSML.random(KEY, Network.chain(4, 2), **{field: "whatever"})


def test_other_networks_than_chains_are_refused():
    with pytest.raises(Refusal, match=r"take Network\.chain"):
        VSML.random(KEY, Network.layered(4, 3, 2))
    rule = VSML.random(KEY, Network.chain(4, 2))
    assert rule.on(Network.chain(5, 4, 3)).network.sizes == (5, 4, 3)
    with pytest.raises(Refusal, match=r"take Network\.chain"):
        rule.on(Network((4,), ()))


def test_an_image_of_another_size_is_refused():
    rule = VSML.random(KEY, Network.chain(4, 2))
    with pytest.raises(Refusal, match="has 4 inputs, got an observation of 9"):
        rule.predict(rule.init(KEY, jnp.zeros(9)), jnp.zeros(9))


def test_a_target_of_other_classes_is_refused():
    rule = VSML.random(KEY, Network.chain(4, 2))
    with pytest.raises(Refusal, match="answers with 2 classes, got a target of 3"):
        rule.learn(rule.init(KEY, jnp.zeros(4)), told(jnp.zeros(3)))


def test_questions_are_asked_of_the_same_state():
    rule = drawn((4, 2), {})
    state, xs = rule.init(KEY, jnp.zeros(4)), jax.random.normal(KEY, (3, 4))
    ask = eqx.filter_jit(examine)
    answers = ask(rule, state, xs)
    for i in range(3):
        alone = ask(rule, state, xs[i, None])[0]
        np.testing.assert_allclose(answers[i], alone, rtol=1e-5, atol=1e-6)


def test_rest_silences_messages_and_keeps_what_the_cells_hold():
    rule = drawn((4, 3, 2), {})
    state = jax.tree.map(jnp.ones_like, rule.init(KEY, jnp.zeros(4)))
    rested = rule.rest(state)
    kept = jax.tree.leaves((rested.h, rested.c))
    assert all(np.all(leaf == 1) for leaf in kept)
    silent = jax.tree.leaves((rested.forward, rested.backward, rested.y))
    assert not any(np.any(leaf) for leaf in silent)
