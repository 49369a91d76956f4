"""The experiments of paper 004: what they plan, show and refuse."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from plastica.cli.source import find
from plastica.errors import Refusal
from plastica.experiments import blur
from plastica.rules import BLUR
from plastica.shown import Exams
from plastica.shown.extras import SIDE
from plastica.shown.weights import WIDE, Update
from plastica.tasks import Toy

KEY = jax.random.key(0)
FIGURES = [name for name in vars(blur) if name.startswith("figure")]


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_plans_runs_that_there_are(name):
    for scale in ("laptop", "paper"):
        sweep = find(f"blur.{name}").call({"scale": scale, "seeds": 2})
        assert len({run.name for run in sweep.runs}) == len(sweep.runs) >= 2


def test_a_genome_is_shown_on_other_networks_and_after_some_lessons():
    toy = Toy("and", batch=8, lessons=4, exams=1)
    hidden = {"1 deep": (3,), "2 deep": (3, 3)}
    exams = Exams(dict.fromkeys(hidden, toy), {}, 2, (1, 3), hidden)
    rule = BLUR.random(KEY, toy.network(7))
    shown = exams.shown([("this rule", rule)], KEY)
    table = shown.table
    assert table.columns == (
        *("1 deep, after 1", "1 deep, after 3", "2 deep, after 1", "2 deep, after 3"),
        *("1 deep", "2 deep", "mean"),
    )
    ((_, scores),) = table.rows
    life = np.array(shown.life["2 deep"])
    np.testing.assert_allclose([scores[2].mean, scores[3].mean], life[[1, 3]])
    planes, sizes = shown.extras["planes"], shown.extras["synapses"].curves
    assert all(len(grid) == SIDE**2 for grid in planes.toys["1 deep"]["grids"])
    assert [len(size) for size in sizes.values()] == [4]
    assert "<svg" in planes.panels("planes")[0].html
    with pytest.raises(Refusal, match="moments lie before the last lesson"):
        Exams({"and": toy}, {}, 2, (4,))


@pytest.mark.slow
def test_a_gradient_has_a_metric_and_a_random_genome_has_none():
    toy = Toy("xor", batch=8, lessons=1)
    exhibit = Update(toy, BLUR.gradient_descent(toy.network(20)), states=2)
    rule = BLUR.random(KEY, toy.network(3), normalised=False)
    shown = exhibit.shown([("this rule", rule)], KEY)
    (_, own), (_, descent) = shown.table.rows
    assert descent[2].mean > 0.01 and descent[3].mean < 1e-12
    assert own[2].mean < 1e-9 and own[3].mean > 0.1
    told = shown.extras["antisymmetric"]
    rows = told.rows
    assert len(rows["this rule"]) == 2 * len(rows["gradient"]) == 2 * (5 * WIDE + 2)
    assert "<svg" in told.panels("update")[0].html


def test_from_some_lesson_on_labels_are_another_s_but_exams_are_not():
    toy = Toy("xor", batch=6, lessons=2, honest=1)
    world = toy.init(KEY)
    right = jax.nn.one_hot(toy.shown(world)[1], 2)
    after, told, _ = toy.respond(world, right)
    np.testing.assert_array_equal(told.target, right)
    right = jax.nn.one_hot(toy.shown(after)[1], 2)
    _, told, loss = toy.respond(after, right)
    np.testing.assert_array_equal(told.target, jnp.roll(right, 1, 0))
    assert loss.miss == 0
    with pytest.raises(Refusal, match="batches of 2"):
        Toy("xor", batch=None, lessons=2, honest=1)


def test_words_that_name_no_variant_are_refused():
    with pytest.raises(Refusal, match="Variant has no such field"):
        blur.genome(variant=("sgima=tanh",))
    with pytest.raises(Refusal, match="sigma.* cannot be"):
        blur.genome(variant=("sigma=tnah",))
