"""RememberPast: what is asked back, what is judged, and what leaves no trace."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from plastica.baselines import Recurrent
from plastica.errors import Refusal
from plastica.learner import flatten
from plastica.network import Network
from plastica.rules import PMLPHebb, VectorNeuron
from plastica.rules.vector_neuron import Kinds
from plastica.search import MetaGradient, optimiser
from plastica.search.engine import placed
from plastica.tasks import FreshLives, RememberPast, Text
from plastica.tasks.text import Place
from tests.naive import vector_neuron as naive
from tests.rules.test_vector_neuron import by_edge, theta, words

KEY = jax.random.key(0)
LETTERS = np.random.default_rng(0).integers(0, 4, 60)
KINDS = Kinds("LSTM", "GATED", state=4, hidden=5)
ALONE = Network((4,), ((0, 0),))


def remember(delay=6, window=3, **more):
    text = Text(jnp.asarray(LETTERS), 4, length=len(LETTERS))
    return RememberPast(text, delay, window, **more)


def rule():
    return VectorNeuron.random(KEY, ALONE, KINDS)


class Stepped:
    """One life in float64, stepped with its gradients in one compiled program."""

    def __init__(self):
        self.learner, objective = rule(), remember(present=0.3)
        self.vector, learner_of = flatten(self.learner)

        def loss(vector, state, life, key):
            return objective(learner_of(vector), life._replace(state=state), key)

        self.program = jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True))
        self.life = objective.init(self.learner, KEY)
        for i in range(5):
            self.life = self(key=jax.random.key(i))[1]

    def __call__(self, vector=None, life=None, key=KEY):
        """Loss, the life after, and the gradients in theta and in the state before."""
        vector = self.vector if vector is None else vector
        life = life or self.life
        (loss, after), gradients = self.program(vector, life.state, life, key)
        return jax.device_get((loss, after, *gradients))


@pytest.fixture(scope="module")
def stepped():
    with jax.enable_x64(True):
        return Stepped()


def as_theirs(state):
    return [np.asarray(h[0]) for h in state.h], by_edge(ALONE, [w[0] for w in state.w])


def test_a_step_is_that_of_the_naive_transcription_and_so_is_the_life_after(stepped):
    """The replay leaves the life untouched: it is what the window alone makes of it."""
    with jax.enable_x64(True):
        loss, after, *_ = stepped()
    place = Place(*(int(leaf[0]) for leaf in stepped.life.place))
    symbols = np.roll(LETTERS, -place.start)  # as this life counts them
    at = place.tick + 2
    numbers = (theta(stepped.learner), *as_theirs(stepped.life.state), symbols, at)
    said = [
        naive.remember_past(*numbers, t_p, 3, window_weight=0.3, **words(KINDS))
        for t_p in naive.allowed_starts(at, 3, 6, born=0)
    ]
    same = np.isclose(loss, [one["value"] for one in said], rtol=1e-9, atol=0)
    assert same.any() and not same.all()  # of the places that it may have drawn
    assert int(after.place.tick[0]) == place.tick + 3 and after.deaths == 0
    h, w = as_theirs(after.state)
    np.testing.assert_allclose(h[0], said[0]["h"][0], atol=1e-9)
    np.testing.assert_allclose(w[0, 0], said[0]["w"][0, 0], atol=1e-9)


def test_the_gradient_is_that_of_finite_differences(stepped):
    with jax.enable_x64(True):
        direction = np.random.default_rng(0).normal(size=stepped.vector.shape)
        gradient = stepped()[2] @ direction
        ends = (stepped.vector + step * direction for step in (-1e-5, 1e-5))
        below, above = (stepped(vector)[0] for vector in ends)
    assert abs(gradient) > 1e-3
    np.testing.assert_allclose(gradient, (above - below) / 2e-5, rtol=1e-6)


def test_no_gradient_comes_from_the_life_before_the_window(stepped):
    with jax.enable_x64(True):
        _, _, gradient, before = stepped()
    assert np.linalg.norm(gradient) > 1e-3
    assert all(np.all(leaf == 0) for leaf in jax.tree.leaves(before))


def test_a_life_that_diverges_is_born_again_and_counted(stepped):
    with jax.enable_x64(True):
        broken = jax.tree.map(lambda a: a * np.nan, stepped.life.state)
        loss, after, *_ = stepped(life=stepped.life._replace(state=broken))
        assert np.isnan(loss) and after.deaths == 1 and after.place.tick == 0
        assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(after.state))
        assert np.all(after.state.h[0] == 0)
        assert np.isfinite(stepped(life=after)[0])


@pytest.mark.parametrize("counted", ["beyond the window", "from now"])
def test_every_place_of_the_interval_is_asked_back_and_no_other(counted):
    """Ticks are counted from a birth at 50 in a text of 60; the newest is number 29."""
    objective = remember(counted=counted)
    place = Place(jnp.asarray(50), jnp.asarray(30))
    keys = jax.random.split(KEY, 500)
    past = jax.vmap(lambda key: objective.past(place, key))(keys)
    section = 7 if counted == "beyond the window" else 5
    starts = naive.allowed_starts(29, 3, 6, section=section)
    assert set(np.asarray(past.start)) == {(50 + t_p) % 60 for t_p in starts}
    assert np.all(past.tick == 0)


def test_nothing_is_asked_from_before_a_birth():
    objective = remember()
    young = Place(jnp.asarray(50), jnp.asarray(3))
    keys = jax.random.split(KEY, 100)
    past = jax.vmap(lambda key: objective.past(young, key))(keys)
    assert np.all(past.start == 50)


@pytest.mark.parametrize("memory", ["reset", "kept"])
def test_an_lstm_replays_from_rest_or_from_where_it_is(memory):
    learner, objective = Recurrent.lstm(KEY, 4, 5, 4), remember(memory=memory)
    step = eqx.filter_jit(objective.step)
    newborn = objective.init(learner, KEY)
    lived = newborn._replace(state=jax.tree.map(lambda a: a + 1, newborn.state))
    (nats, after), (others, _) = (step(learner, one, KEY) for one in (newborn, lived))
    assert np.allclose(nats.past, others.past, rtol=1e-5) == (memory == "reset")
    assert np.any(jax.tree.leaves(after.state)[0] != 0)


@pytest.fixture(scope="module")
def trained():
    """Four lives, one of them broken: the search's metrics and state, generation 0."""
    objective = remember(delay=2, lives=4)
    search = MetaGradient(optimiser("adam", 0.01, clip=1.0), updates=200)
    state = placed(search.init(rule(), objective, KEY))
    w = state.carry.state.w[0].at[1].set(jnp.nan)
    broken = state.carry.state._replace(w=(w,))
    state = state._replace(carry=state.carry._replace(state=broken))
    history = []
    for generation in range(6):
        key = jax.random.key(generation)
        state, metrics = search.generation(state, objective, key)
        history.append((state, metrics))
    return history


@pytest.mark.slow
def test_the_search_goes_on_with_the_life_that_was_born_again(trained):
    (state, metrics), *others = trained
    assert metrics["diverged"] == 1 and not metrics["failed"]
    np.testing.assert_array_equal(state.carry.deaths, [0, 1, 0, 0])
    np.testing.assert_array_equal(state.carry.place.tick, [600, 597, 600, 600])
    assert [int(metrics["diverged"]) for _, metrics in others] == [0] * 5


def test_a_rule_learns_to_remember(trained):
    """Of three random symbols the first is asked blindly: a third of ln 4 is best."""
    losses = [float(metrics["train/loss"]) for _, metrics in trained]
    print("a rule that remembers:", losses, "nats; chance", np.log(4))
    assert losses[-1] < 0.5 * np.log(4)


def test_fresh_lives_are_judged_by_their_second_half():
    learner = Recurrent.lstm(KEY, 4, 5, 4)
    fresh = FreshLives(remember(lives=2), windows=5)
    loss, carry = eqx.filter_jit(fresh)(learner, fresh.init(learner, KEY), KEY)
    nats = eqx.filter_jit(fresh.outcome)(learner, KEY)
    assert carry == () and nats.past.shape == nats.present.shape == (5, 2, 3)
    np.testing.assert_allclose(loss, np.mean(nats.past[2:]), rtol=1e-6)
    assert fresh.ticks == 5 * 2 * 2 * 3


def test_other_rules_live_here_too():
    learner, objective = PMLPHebb.random(KEY, Network.layered(4, 4)), remember()
    newborn = objective.init(learner, KEY)
    loss, after = eqx.filter_jit(objective)(learner, newborn, KEY)
    assert np.isfinite(loss) and after.place.tick == 3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"delay": 0}, "wants a delay of at least 1.*got a delay of 0"),
        ({"window": 0}, "at least one symbol and life"),
        ({"lives": 0}, "got a delay of 6 and 0 lives"),
        ({"delay": 4, "counted": "from now"}, "delay of at least 5.*got a delay of 4"),
        ({"delay": 58}, "text has 60 symbols, fewer than the 61 .* shorten the delay"),
    ],
)
def test_a_past_that_is_not_there_is_refused(given, said):
    assert remember().ticks == 6
    with pytest.raises(Refusal, match=said):
        remember(**given)


def test_a_fresh_life_of_one_window_is_refused():
    with pytest.raises(Refusal, match="`windows` must be .* from 2 .*, got 1"):
        FreshLives(remember(), 1)


def test_a_learner_of_another_size_is_refused():
    with pytest.raises(Refusal, match="does not fit Text"):
        FreshLives(remember()).check(replace(rule(), network=Network.full(5)))
