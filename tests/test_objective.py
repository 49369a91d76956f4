"""What `Lifetime` averages, over what, and with which worlds."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float, TypeCheckError

from plastica import objective
from plastica.errors import Refusal
from plastica.learner import AbstractLearner, AbstractRule, Feedback
from plastica.lifetime import birth
from plastica.network import Network
from plastica.objective import Entry, Lifetime
from plastica.task import AbstractTask, Loss
from plastica.tasks import Toy

KEY = jax.random.key(0)


class Guess(AbstractLearner):
    """Always answers the same."""

    answer: Float[Array, ""]
    needs: ClassVar[frozenset[str]] = frozenset()

    def init(self, key, x):
        return ()

    def predict(self, state, x):
        return state, self.answer[None]

    def learn(self, state, feedback):
        return state


class Size(AbstractRule):
    """Answers with the size of its hidden layer, by way of theta."""

    one: Float[Array, ""]
    network: Network = eqx.field(static=True)
    needs: ClassVar[frozenset[str]] = frozenset()

    def init(self, key, x):
        return ()

    def predict(self, state, x):
        return state, self.one[None] * self.network.sizes[1]

    def learn(self, state, feedback):
        return state


class Draw(AbstractTask):
    """A number is drawn; the loss is how far off the answer is, times `scale`."""

    scale: float = eqx.field(static=True, default=1.0)
    ticks: int = eqx.field(static=True, default=2)
    gives: ClassVar[frozenset[str]] = frozenset({"target"})

    def init(self, key):
        return jax.random.uniform(key)

    def observe(self, world):
        return jnp.zeros(1)

    def respond(self, world, y):
        off = self.scale * jnp.abs(y[0] - world)
        told = Feedback(world[None], -off, jnp.bool_(True), jnp.bool_(False))
        return world, told, Loss(off, 1.0 / self.ticks, jnp.ones(()) * (off > 0.25))


def loss(objective, learner, key=KEY):
    value, carry = objective(learner, objective.init(learner, key), key)
    assert carry == ()
    return float(value)


def drawn(objective, entry=0, key=KEY):
    """The worlds of an entry, which are what a guess of 0 loses there."""
    task, guess = objective.entries[entry].task, Guess(jnp.array(0.0))
    born = jax.vmap(lambda own: birth(guess, task, own)[1])
    return task.scale * born(objective.keys(key)[entry])


def each(objective, learner, key=KEY):
    """The loss of every life, entry by entry."""
    pairs = zip(objective.entries, objective.keys(key), strict=True)
    return [objective.living(learner)(entry, keys) for entry, keys in pairs]


def test_the_loss_is_the_mean_over_lives_in_different_worlds():
    objective = Lifetime.of(Draw(), lives=5)
    worlds = drawn(objective)
    assert worlds.shape == (5,) and len(set(map(float, worlds))) == 5
    assert loss(objective, Guess(jnp.array(0.0))) == pytest.approx(np.mean(worlds))


def test_entries_are_weighted():
    objective = Lifetime.of(
        Entry(Draw(1.0), weight=1.0), Entry(Draw(8.0), weight=3.0), lives=2
    )
    first, second = (np.mean(drawn(objective, entry)) for entry in (0, 1))
    expected = (first + 3 * second) / 4
    assert loss(objective, Guess(jnp.array(0.0))) == pytest.approx(expected)


def test_entries_of_one_task_meet_different_worlds():
    objective = Lifetime.of(Draw(), Draw(), lives=2)
    assert not np.any(np.isin(drawn(objective, 0), drawn(objective, 1)))


def test_a_rule_lives_on_the_network_of_each_entry():
    small, large = Network.layered(1, 10, 1), Network.layered(1, 30, 1)
    objective = Lifetime.of(Draw(), Entry(Draw(), large), Entry(Draw(), small))
    objective.check(Size(jnp.ones(()), small))
    sizes = each(objective, Size(jnp.ones(()), Network.layered(1, 20, 1)))
    np.testing.assert_allclose([s[0] for s in sizes], [20, 30, 10], atol=1.0)


def test_a_learner_that_is_no_rule_is_refused_on_another_network():
    objective = Lifetime.of(Entry(Draw(), Network.layered(1, 10, 1)))
    with pytest.raises(Refusal, match="Guess cannot be moved to another network"):
        objective.check(Guess(jnp.zeros(())))


def test_misses_are_judged_on_request():
    objective = Lifetime.of(Draw(), lives=20, judge="miss")
    worlds = drawn(Lifetime.of(Draw(), lives=20))
    expected = np.mean(np.asarray(worlds) > 0.25)
    assert 0 < expected < 1
    assert loss(objective, Guess(jnp.array(0.0))) == pytest.approx(expected)


def test_one_key_gives_all_learners_the_same_worlds_and_another_key_others():
    objective = Lifetime.of(Draw(), lives=4)
    guess, size = Guess(jnp.array(5.0)), Size(jnp.ones(()), Network.layered(1, 5, 1))
    np.testing.assert_array_equal(*(each(objective, who)[0] for who in (guess, size)))
    assert loss(objective, guess) == loss(objective, guess)
    assert loss(objective, guess) != loss(objective, guess, jax.random.key(1))


def test_members_of_a_population_meet_the_same_worlds():
    objective = Lifetime.of(Draw(), lives=2)
    losses = jax.vmap(lambda a: objective(Guess(a), (), KEY)[0])(jnp.array([5.0, 6, 7]))
    np.testing.assert_allclose(losses - losses[0], [0, 1, 2], rtol=1e-5)


def test_ticks_are_those_of_all_lives():
    assert Lifetime.of(Draw(ticks=2), Draw(ticks=5), lives=3).ticks == 21


def test_an_objective_without_lives_is_refused():
    with pytest.raises(Refusal, match="`lives` must be .* from 1 .*, got 0"):
        Lifetime.of(Draw(), lives=0)
    with pytest.raises(Refusal, match="needs a task"):
        Lifetime(())


def test_lives_in_turn_are_the_lives_at_once(monkeypatch):
    lives, guess = Lifetime.of(Draw(), lives=3), Guess(jnp.zeros(()))
    at_once, _ = lives(guess, (), KEY)
    asked = []
    turns = lambda life, keys: asked.append(len(keys)) or jax.vmap(life)(keys)  # noqa: E731
    monkeypatch.setattr(objective, "CACHED", -1)
    in_turn, _ = lives(guess, (), KEY)
    monkeypatch.setattr(objective.jax.lax, "map", turns)
    lives(guess, (), KEY)
    assert asked == [3]
    np.testing.assert_allclose(in_turn, at_once, rtol=1e-6)


def test_a_word_that_names_no_loss_is_refused():
    with pytest.raises((Refusal, TypeCheckError), match="judge"):
        Lifetime.of(Toy(name="xor", batch=4, lessons=1), judge="vlaue")
