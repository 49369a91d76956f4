"""Toys: their shapes, their answers, and that lives draw their own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from plastica.errors import Refusal
from plastica.lifetime import check
from plastica.network import Network
from plastica.rules import BLUR
from plastica.tasks import Toy
from plastica.tasks.toys import HELD_OUT, REGIONS, TRAINING

INSIDE = {
    "xor": 0.5,
    "and": 0.25,
    "or": 0.75,
    "centre circle": np.pi * 0.16,
    "small circle": np.pi / 16,
    "pie slice": 0.25,
    "cross": 0.51,
    "triangle": 0.5,
    "two moons": 0.5,
}


@pytest.mark.parametrize("name", [*TRAINING, *HELD_OUT])
def test_points_lie_where_they_should_and_answers_have_their_share(name):
    toy = Toy(name, batch=20_000, lessons=1)
    x, answer = map(np.asarray, toy.shown(toy.init(jax.random.key(0))))
    assert x.shape == (20_000, 2) and answer.shape == (20_000,)
    if name in REGIONS:
        assert np.abs(x).max() <= 1
    if name in INSIDE:
        assert set(answer) == {0, 1}
        assert abs(answer.mean() - INSIDE[name]) < 0.015


def test_moons_can_be_told_apart_but_not_by_a_line():
    toy = Toy("two moons", batch=2_000, lessons=1)
    x, answer = map(np.asarray, toy.shown(toy.init(jax.random.key(0))))
    assert np.abs(x.mean(0)).max() < 0.05  # centred
    design = np.c_[x, np.ones(len(x))]
    weights = np.linalg.lstsq(design, 2 * answer - 1, rcond=None)[0]
    by_a_line = np.mean((design @ weights > 0) == answer)
    distances = ((x[:500, None] - x[None, 500:]) ** 2).sum(-1)
    by_neighbour = np.mean(answer[500:][distances.argmin(1)] == answer[:500])
    assert by_a_line < 0.93 < 0.98 < by_neighbour


def test_blobs_stand_elsewhere_in_each_life_and_ticks_draw_their_own_points():
    toy = Toy("blobs", batch=400, lessons=2)
    worlds = [toy.init(jax.random.key(seed)) for seed in (0, 1)]
    assert not np.allclose(worlds[0].centres, worlds[1].centres)
    (x, answer), (later, _) = (
        toy.shown(worlds[0]._replace(tick=jnp.asarray(tick))) for tick in (0, 1)
    )
    assert not np.allclose(x, later)
    for blob in range(5):
        mean = np.asarray(x)[np.asarray(answer) == blob].mean(0)
        np.testing.assert_allclose(mean, worlds[0].centres[blob], atol=0.06)


def test_one_point_a_tick_has_no_batch_axis():
    toy = Toy("xor", batch=None, lessons=3, exams=0)
    x, answer = toy.shown(toy.init(jax.random.key(0)))
    assert x.shape == (2,) and answer.shape == ()


def test_an_unknown_toy_and_a_network_of_another_size_are_refused():
    with pytest.raises(Refusal, match="no toy 'square'; there are xor"):
        Toy("square", batch=2, lessons=1)
    rule = BLUR.random(jax.random.key(0), Network.chain(3, 4, 2))
    with pytest.raises(Refusal, match="BLUR does not fit Toy") as caught:
        check(rule, Toy("xor", batch=4, lessons=1))
    assert "\n" not in str(caught.value)
    rule = rule.on(Network.chain(2, 4, 2))
    with pytest.raises(Refusal, match="BLUR does not fit Toy"):
        check(rule, Toy("blobs", batch=4, lessons=1))
