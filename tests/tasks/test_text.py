"""A passage by hand: what is seen, asked, told and counted at every tick."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from plastica.data import ALPHABETS, Corpus
from plastica.errors import Refusal
from plastica.lifetime import life, total
from plastica.network import Network
from plastica.rules import PMLPHebb
from plastica.tasks import Text

ABCD = jnp.array([2, 0, 1, 1])  # one passage, so that it starts at 0


def conversation(task, answers, key=0):
    """What is seen, taught and lost at every tick, the answers being given."""
    world, ticks = task.init(jax.random.key(key)), []
    for y in answers:
        x = task.observe(world)
        world, feedback, loss = task.respond(world, y)
        ticks.append((x, feedback, loss))
    return jax.tree.map(lambda *each: np.stack(each), *ticks)


@pytest.fixture
def answers(rng):
    """Logits for eight ticks, three symbols."""
    return jnp.asarray(rng.normal(size=(12, 3)), jnp.float32)


def test_a_passage_is_predicted_once(answers):
    x, told, loss = conversation(Text(ABCD, 3, length=4, readings=1), answers[:4])
    one = np.eye(3)
    np.testing.assert_array_equal(x, [np.zeros(3), one[2], one[0], one[1]])
    np.testing.assert_array_equal(told.target, one[[2, 0, 1, 1]])
    np.testing.assert_array_equal(told.taught, [True] * 4)
    np.testing.assert_array_equal(told.ended, [False, False, False, True])
    np.testing.assert_allclose(loss.weight, [0.25] * 4)


def test_a_passage_is_memorised_by_reading_it_twice(answers):
    x, told, loss = conversation(Text(ABCD, 3, length=4, readings=2), answers[:8])
    one = np.eye(3)
    np.testing.assert_array_equal(x, [np.zeros(3), *one[[2, 0, 1, 1, 2, 0, 1]]])
    np.testing.assert_array_equal(told.target, one[[2, 0, 1, 1, 2, 0, 1, 1]])
    np.testing.assert_array_equal(told.taught, [True] * 8)
    np.testing.assert_array_equal(told.ended, [False] * 7 + [True])
    np.testing.assert_allclose(loss.weight, [0] * 4 + [0.25] * 4)


def test_of_three_readings_the_last_one_counts(answers):
    task = Text(ABCD, 3, length=4, readings=3)
    _, told, loss = conversation(task, answers)
    assert task.ticks == 12
    np.testing.assert_array_equal(told.target.argmax(axis=1), [2, 0, 1, 1] * 3)
    np.testing.assert_allclose(loss.weight, [0] * 8 + [0.25] * 4)
    np.testing.assert_allclose(np.sum(loss.weight), 1)


@pytest.mark.parametrize("readings", [1, 2, 3])
def test_the_loss_is_the_mean_surprisal_of_the_last_reading(answers, readings):
    task = Text(ABCD, 3, length=4, readings=readings)
    _, told, loss = conversation(task, answers[: task.ticks])
    p = np.exp(answers[: task.ticks]) / np.exp(answers[: task.ticks]).sum(1)[:, None]
    surprisal = -np.log((p * told.target).sum(axis=1))
    np.testing.assert_allclose(loss.value, surprisal, rtol=1e-5)
    np.testing.assert_allclose(told.reward, -surprisal, rtol=1e-5)
    missed = p.argmax(axis=1) != told.target.argmax(axis=1)
    np.testing.assert_array_equal(loss.miss, missed)
    assert 0 < missed.sum() < len(missed) or readings == 1
    expected = surprisal[-4:].mean(), missed[-4:].mean()
    np.testing.assert_allclose(total(loss), expected, rtol=1e-5)


def test_log_probabilities_stand_as_they_are():
    p = jnp.array([0.5, 0.2, 0.3])
    _, _, loss = conversation(Text(ABCD, 3, 4), [jnp.log(p)] * 4)
    np.testing.assert_allclose(loss.value, -np.log(p[ABCD]), rtol=1e-5)


def test_weights_sum_to_one_in_any_life():
    rule = PMLPHebb.zeros(Network.layered(3, 2, 3))
    losses = life(rule, Text(ABCD, 3, length=3, readings=2), jax.random.key(0))
    assert np.sum(losses.weight) == pytest.approx(1)
    assert total(losses)[0] == pytest.approx(np.log(3))


def test_every_start_is_as_likely_as_any_other():
    task = Text(jnp.arange(10) % 3, 3, length=7)
    starts = jax.vmap(task.init)(jax.random.split(jax.random.key(0), 4_000)).start
    counts = np.bincount(starts, minlength=4)
    assert len(counts) == 4 and np.all(abs(counts - 1_000) < 120)


def test_the_passage_is_what_is_asked_for():
    task = Text(jnp.arange(30) % 7, 7, length=9)
    world = task.init(jax.random.key(5))
    assert world.start > 0
    _, told, _ = conversation(task, [jnp.zeros(7)] * 9, key=5)
    np.testing.assert_array_equal(task.passage(world), told.target.argmax(axis=1))


def test_passages_come_from_the_part_that_is_named(corpus):
    for part in ("training", "validation", "test"):
        task = Text.memorise(corpus, part, 20)
        np.testing.assert_array_equal(task.text, corpus.part(part))
        assert (task.symbols, task.ticks, task.readings) == (27, 40, 2)
    assert Text.predict(corpus, "test", 20).ticks == 20


@pytest.mark.parametrize("name", ["bytes", "padded-bytes"])
def test_bytes_are_symbols_too(name):
    alphabet = ALPHABETS[name]
    text = Corpus("all", alphabet.encode(bytes(range(256)) * 10), alphabet, "0" * 64)
    task = Text.of(text, "training", 256, readings=1)
    world = task.init(jax.random.key(0))
    world = world._replace(tick=world.tick + 1)
    seen = task.observe(world)
    assert seen.shape == (alphabet.size,) and jnp.sum(seen) == 1
    assert jnp.argmax(seen) == task.passage(world)[0]


def test_a_text_shorter_than_the_passage_is_refused():
    assert Text(ABCD, 3, length=4).ticks == 4
    with pytest.raises(Refusal, match="the text has 4 symbols, shorter than a passage"):
        Text(ABCD, 3, length=5)


@pytest.mark.parametrize(("length", "readings"), [(0, 1), (4, 0), (-1, 2)])
def test_a_passage_without_symbols_or_readings_is_refused(length, readings):
    with pytest.raises(Refusal, match="`(length|readings)` must be a whole number"):
        Text(ABCD, 3, length, readings)
