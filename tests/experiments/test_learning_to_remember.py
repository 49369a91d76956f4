"""The experiments of paper 001: what they plan, show and keep, and that lives go on."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from plastica.baselines import Recurrent
from plastica.errors import Refusal
from plastica.experiments.learning_to_remember import Past, remember
from plastica.experiments.meet import meet
from plastica.experiments.parts import Descent
from plastica.figures.learning_to_remember import (
    figure1_delays,
    figure1_grid,
    ingredients,
    neurons,
)
from plastica.run.record import record
from plastica.run.training import resume, train
from tests.runs import assert_same_run, last_state

KEY = jax.random.key(0)


def small(corpus, generations):
    """Lives of an LSTM in a tale, three updates of four ticks a generation."""
    lstm = Recurrent.lstm(KEY, 27, 4, 27)
    past = Past(delay=3, window=4, ticks=12)
    experiment = past.descended(corpus, lstm, Descent(rate=0.01), seed=0)
    return replace(experiment, generations=generations, every=2)


@pytest.fixture(scope="module")
def whole(corpus, tmp_path_factory):
    """A run of four generations that nothing happened to."""
    return train(small(corpus, 4), tmp_path_factory.mktemp("runs") / "whole")


@pytest.mark.slow
def test_a_life_that_was_put_on_disk_goes_on_to_the_bit(corpus, whole, tmp_path):
    train(small(corpus, 2), tmp_path / "run")
    before = last_state(tmp_path / "run")[0]
    resume(tmp_path / "run", small(corpus, 2), 4)
    after = last_state(tmp_path / "run")[0]
    assert_same_run(tmp_path / "run", whole.path)
    assert before["carry.place.tick"] == 24 and after["carry.place.tick"] == 48
    assert before["carry.place.start"] == after["carry.place.start"]
    assert whole.rows()[-1]["ticks"] == 4 * 3 * 2 * 4


def test_the_exhibit_scores_what_fresh_lives_remember(whole):
    exhibit, learner = whole.experiment.exhibit, whole.best()
    shown = exhibit.shown([("this rule", learner)], KEY)
    table = shown.table
    rows = dict(table.rows)
    nats = exhibit.fresh.outcome(learner, jax.random.key(0))
    half = np.asarray(nats.past)[20:]
    assert rows["this rule"][-1].mean == pytest.approx(half.mean(), rel=1e-5)
    assert rows["uniform"][-1] == pytest.approx((np.log(27), 0.0))
    assert rows["adaptive order 2"][-1].mean < rows["adaptive order 0"][-1].mean
    assert exhibit.yardsticks()["uniform"] == pytest.approx(np.log(27))
    assert {len(nats) for nats in shown.life.values()} == {40 * 4}
    (snippet,) = shown.extras.values()
    (panel,) = snippet.panels("snippet")
    assert panel.html.startswith("<svg")


def test_a_record_keeps_what_was_lost_while_living(whole):
    kept = record(whole.path)
    losses = [row["train/loss"] for row in whole.rows()[1:]]
    assert [g for g, _ in kept["living"]] == [1, 2, 3, 4]
    np.testing.assert_allclose([x for _, x in kept["living"]], losses, atol=1e-5)
    assert kept["theta"] == 4 * 4 * (27 + 4 + 1) + 27 * 5


FIGURES = {figure1_grid: 30, figure1_delays: 60, neurons: 18, ingredients: 15}


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.__name__)
def test_a_figure_shows_early_and_final_losses_of_best_and_mean(figure):
    sweep = figure()
    assert len({run.name for run in sweep.runs}) == len(sweep.runs) == FIGURES[figure]
    table, (panel,) = sweep.draw([told(run) for run in sweep.runs])
    assert len(table.rows) == FIGURES[figure] // 3 and panel.html.startswith("<svg")
    for _, cells in table.rows:
        assert cells[1:7] == (3, "3.000", "4.000", "1.000", "2.000", "1.000")


def told(run):
    """A record in which seed s loses 3 + s early on, and 1 + s at the end."""
    seed = run.arguments["seed"]
    losses = [3.0 + seed] * 20 + [1.0 + seed] * 80
    return {
        "source": {"experiment": run.experiment, "arguments": run.arguments},
        "living": [[g + 1, loss] for g, loss in enumerate(losses)],
        "scores": {"rows": {"this rule": [{"mean": 2.5}]}},
        "generations": 100,
        "seconds": 60.0,
        "ticks": 100_000,
        "theta": 1_000,
    }


def test_knobs_choose_the_network(corpus, monkeypatch):
    monkeypatch.setattr("plastica.experiments.parts.load", lambda *how: corpus)
    alone = remember(hidden=0).learner
    assert alone.network.sizes == (27,) and alone.neuron is None
    blind = remember(self_connections=False).learner
    assert (0, 0) not in blind.network.edges and len(blind.network.edges) == 3
    assert remember(sends="put out").learner.effect is not None
    assert remember(one_component=True).learner.hebbian == 0
    search = remember(ticks=2_500).search
    assert search.updates == search.evaluations == 100
    with pytest.raises(Refusal, match="the text has .* shorten the delay"):
        remember(delay=10_000)


@pytest.mark.parametrize("rule", ["pmlp_hebb", "vector_neuron"])
def test_rules_meet_this_task_under_evolution_too(rule):
    met = meet(rule=rule, task="remember", hidden=2, population=4)
    state = jax.eval_shape(lambda: met.search.init(met.learner, met.objective, KEY))
    assert state.carries.place.tick.shape == (4, 1)  # members, lives
