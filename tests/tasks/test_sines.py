"""Sines: what is shown, what is asked, and who is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError

from plastica.errors import Refusal
from plastica.objective import Lifetime
from plastica.tasks import Sines
from tests.naive import plastic_rnn as naive
from tests.search.points import Point

KEY = jax.random.key(0)


def conversation(task, answers):
    """Observations, targets, losses and flags of a life with given answers."""
    world, seen = task.init(KEY), []
    for y in answers:
        x = task.observe(world)
        world, feedback, loss = task.respond(world, y)
        seen.append((x, feedback.target, *loss[:2], feedback.taught, feedback.ended))
    return [np.stack(column) for column in zip(*seen, strict=True)]


@pytest.mark.parametrize("counts", ["exam", "all"])
@pytest.mark.parametrize("first", ["zero", "last action"])
def test_what_is_shown_and_scored_is_the_naive_transcription_s(counts, first, rng):
    with jax.enable_x64(True):
        task = Sines(3, shots=4, horizon=9, counts=counts, first=first)
        world = task.init(KEY)
        answers = jnp.asarray(rng.normal(size=(task.ticks, 3)))
        x, target, value, weight, taught, ended = conversation(task, answers)
    A, n, phase, answers = map(np.asarray, (*world[:3], answers))
    shown, scored = naive.sines_times(4, 9, counts == "all")
    assert len(shown) + len(scored) == task.ticks == {"exam": 13, "all": 9}[counts]
    np.testing.assert_allclose(x[:4], [naive.sines(t, A, n, phase) for t in shown])
    np.testing.assert_allclose(x[4], 0 if first == "zero" else answers[3])
    np.testing.assert_allclose(x[5:], answers[4:-1])
    fitness = naive.minus_mean_square_error(
        answers[4:], [naive.sines(t, A, n, phase) for t in scored]
    )
    assert np.sum(value * weight) == pytest.approx(-fitness, rel=1e-12)
    assert np.all(weight[:4] == 0)
    np.testing.assert_array_equal(taught, np.arange(task.ticks) < 4)
    np.testing.assert_array_equal(ended, np.arange(task.ticks) == 3)
    np.testing.assert_allclose(target[:3], x[1:4])  # taught what comes next
    assert np.all(target[4:] == 0)  # and nothing in the exam


def test_waves_are_drawn_as_the_paper_says():
    waves = jax.vmap(Sines(2).init)(jax.random.split(KEY, 5_000))
    for drawn, low, high in (
        (waves.amplitude, 1, 3),
        (waves.period, 10, 100),
        (waves.phase, 0, 2 * np.pi),
    ):
        assert np.min(drawn) >= low and np.max(drawn) <= high
        assert np.mean(drawn) == pytest.approx((low + high) / 2, rel=0.03)
        assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.05  # each dimension has its own


def test_a_zero_predictor_loses_2_17():
    """Half the mean of A squared, over phases: 13/6."""
    objective = Lifetime.of(Sines(), lives=4_000)
    loss, _ = objective(Point(jnp.zeros(1)), (), KEY)
    assert loss == pytest.approx(13 / 6, rel=0.03)


@pytest.mark.parametrize(
    "sizes",
    [
        {"shots": 0},
        {"horizon": 0},
        {"shots": 10, "horizon": 10, "counts": "all"},
        {"dimensions": 0},
    ],
    ids=str,
)
def test_nothing_to_hear_or_to_predict_is_refused(sizes):
    with pytest.raises(Refusal, match="got"):
        Sines(**sizes)


@pytest.mark.parametrize("words", [{"counts": "none"}, {"first": "one"}], ids=str)
def test_unknown_words_are_refused(words):
    with pytest.raises((Refusal, TypeCheckError)):  # the annotation refuses first
        Sines(**words)


def test_a_learner_of_another_size_is_refused():
    with pytest.raises(Refusal, match="Point does not fit Sines"):
        Lifetime.of(Sines(3)).check(Point(jnp.zeros(2)))
