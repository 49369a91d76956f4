"""A learner in the user's own loop, and a life that goes on after a restart."""

import jax
import numpy as np
import pytest

from plastica.baselines import Recurrent
from plastica.errors import Refusal
from plastica.lifetime import life
from plastica.living import Living
from plastica.network import Network
from plastica.rules import BLUR, PMLPHebb
from plastica.tasks import Text

LEARNERS = {
    "pmlp_hebb": PMLPHebb.random(jax.random.key(1), Network.layered(4, 3, 4)),
    "lstm": Recurrent.lstm(jax.random.key(1), 4, 3, 4, "error"),
}


def symbols(rng, count):
    return np.eye(4, dtype=np.float32)[rng.integers(0, 4, count)]


def told(mind, xs, start=0):
    """Answers to every symbol but the last, each told the one after it."""
    answers = []
    for i in range(start, len(xs) - 1):
        answers.append(mind.predict(xs[i]))
        mind.learn(xs[i + 1])
    return np.stack(answers)


@pytest.mark.parametrize("name", LEARNERS)
def test_a_saved_life_goes_on_as_if_uninterrupted(name, tmp_path, rng):
    xs = symbols(rng, 12)
    whole = told(Living(LEARNERS[name], key=5), xs)
    mind = Living(LEARNERS[name], key=5)
    told(mind, xs[:6])
    mind.save(tmp_path / "life-0.5")
    again = Living.restore(tmp_path / "life-0.5")
    np.testing.assert_array_equal(told(again, xs, start=5), whole[5:])


def test_numpy_goes_in_and_numpy_comes_out(rng):
    mind = Living(LEARNERS["pmlp_hebb"])
    y = mind.predict(symbols(rng, 1)[0])
    assert type(y) is np.ndarray and y.shape == (4,)
    np.testing.assert_allclose(np.exp(y).sum(), 1, rtol=1e-5)


def test_rest_keeps_what_was_learned(rng):
    mind = Living(LEARNERS["pmlp_hebb"])
    told(mind, symbols(rng, 3))
    weights = [np.asarray(w) for w in mind.state.w]
    mind.rest()
    assert not any(np.any(h) for h in mind.state.h)
    for before, after in zip(weights, mind.state.w, strict=True):
        np.testing.assert_array_equal(before, after)


def test_the_users_loop_lives_the_same_life_as_a_task(corpus):
    task = Text.memorise(corpus, "training", 6)
    rule = PMLPHebb.random(jax.random.key(1), Network.layered(27, 3, 27))
    key = jax.random.key(2)
    losses = life(rule, task, key).value
    key_world, key_birth = jax.random.split(key)
    passage = np.asarray(task.passage(task.init(key_world)))
    mind, x, mine = Living(rule, key_birth), np.zeros(27, np.float32), []
    for symbol in [*passage, *passage]:
        mine.append(-mind.predict(x)[symbol])
        x = np.eye(27, dtype=np.float32)[symbol]
        mind.learn(x)
    np.testing.assert_allclose(mine, losses, rtol=1e-4)


def test_a_life_of_another_learner_is_refused(tmp_path):
    Living(LEARNERS["lstm"]).save(tmp_path / "a")
    Living(LEARNERS["pmlp_hebb"]).save(tmp_path / "b")
    (tmp_path / "a-state.safetensors").replace(tmp_path / "b-state.safetensors")
    with pytest.raises(Refusal, match="does not fit"):
        Living.restore(tmp_path / "b")


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize(
    ("act", "said"),
    [
        (
            lambda mind: mind.predict(np.ones(5)),
            r"here, got the shape \(5,\)",
        ),
        (
            lambda mind: mind.predict(np.full(4, np.nan)),
            "observation .* 4 of them NaN",
        ),
        (lambda mind: mind.learn(np.ones(3)), r"a target has .* shape \(4,\) here"),
        (lambda mind: mind.learn(np.full(4, np.inf)), "a target has finite numbers"),
        (lambda mind: mind.learn(np.ones(4), reward=np.nan), "a reward has finite"),
    ],
)
def test_what_cannot_be_lived_is_refused_and_leaves_no_trace(name, act, said, rng):
    mind, other = Living(LEARNERS[name]), Living(LEARNERS[name])
    first, second = symbols(rng, 2)
    for each in (mind, other):
        each.predict(first)
    with pytest.raises(Refusal, match=said):
        act(mind)
    for each in (mind, other):
        each.learn(second)
    np.testing.assert_array_equal(mind.predict(second), other.predict(second))


@pytest.mark.parametrize("name", LEARNERS)
def test_a_first_observation_that_does_not_fit_is_refused(name):
    with pytest.raises(Refusal, match="cannot live on arrays of this shape"):
        Living(LEARNERS[name]).predict(np.ones(5))


def test_a_learner_that_must_see_its_input_first_says_so():
    rule = BLUR.random(jax.random.key(1), Network.chain(4, 3, 4))
    with pytest.raises(Refusal, match=r"to begin with: Living\(learner, x=...\)"):
        Living(rule)
    assert Living(rule, x=np.zeros((2, 4))).predict(np.ones((2, 4))).shape == (2, 4)


def test_a_learner_of_targets_is_not_told_zeros_instead():
    mind = Living(LEARNERS["pmlp_hebb"])
    mind.predict(np.ones(4))
    with pytest.raises(Refusal, match="PMLPHebb learns from targets"):
        mind.learn()
