"""What plastic networks have to show: read-outs, maps, tracks; their experiments."""

import json
import re
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError

from plastica.analysis import mapped, readout
from plastica.baselines import MAML, Cell, PolicyMAML
from plastica.errors import Refusal
from plastica.experiments import plastic_rnn
from plastica.experiments.parts import Plan
from plastica.figures import plastic_rnn as figures
from plastica.learner import flatten
from plastica.lifetime import check
from plastica.rules import PlasticMLP, PlasticRNN
from plastica.shown import Driving, Foretelling
from plastica.shown.extras import animated
from plastica.shown.trials import Wanderer
from plastica.tasks import Robot, Sines
from tests.rules.test_plastic_rnn import CORES, drawn, layers

KEY = jax.random.key(0)


def test_a_readout_finds_what_is_there_and_nothing_where_nothing_is(rng):
    hidden = rng.normal(size=(400, 2))
    told = np.concatenate(
        [hidden @ rng.normal(size=(2, 5)), rng.normal(size=(400, 9))], 1
    )
    assert readout(told, hidden) > 0.95
    assert readout(rng.normal(size=(400, 9)), hidden) < 0.1
    assert readout(np.ones((400, 3)), hidden) == 0


def test_a_map_keeps_neighbours_together(rng):
    two = np.repeat([[0.0] * 5, [9.0] * 5], 20, axis=0) + rng.normal(size=(40, 5)) / 10
    plane = mapped(two)
    near = np.linalg.norm(plane[:20] - plane[:20].mean(0), axis=1).max()
    assert near < np.linalg.norm(plane[:20].mean(0) - plane[20:].mean(0))


@lru_cache
def shown(kind):
    """The table and the panels of a small network."""
    if kind == "sines":
        learner = drawn(layers(CORES["EPRNN"](KEY), 1, 1))
        exhibit = Foretelling(Sines(1, shots=4, horizon=6), lives=40)
    else:
        learner = drawn(layers(CORES["EPRNN"](KEY), 3, 2))
        exhibit = Driving(Robot(0.05, 2, longest=6), lives=40)
    shown = exhibit.shown([("it", learner)], KEY)
    return shown.table, [
        panel for name, each in shown.extras.items() for panel in each.panels(name)
    ]


def test_a_table_of_sines_has_the_loss_and_what_is_remembered():
    table, panels = shown("sines")
    heads = [
        f"R2 of {what} from {part}" for part in "Wh" for what in ("A", "n", "phase")
    ]
    assert set(table.columns) == {"mean square error", *heads}
    rows = dict(table.rows)
    assert rows["zero"][0].mean == pytest.approx(13 / 6)
    assert np.isfinite(rows["it"][0].error) and np.isnan(rows["zero"][1].mean)
    assert [panel.title for panel in panels] == [
        "Waves foretold",
        "Where plastic weights go",
        "Where activations go",
    ]


@pytest.mark.slow
def test_a_table_of_drives_has_turning_and_the_random_controller():
    table, panels = shown("robot")
    rows = dict(table.rows)
    assert table.columns[:2] == ("summed distance", "turning")
    assert rows["it"][1].mean > 0
    still = rows["still"][0].mean / 6
    goals = np.random.default_rng(0).uniform(-0.5, 0.5, (200_000, 2))
    assert still == pytest.approx(np.mean(np.linalg.norm(goals, axis=1)), rel=0.01)
    assert rows["random"][0].mean == pytest.approx(6 * still, rel=0.2)
    assert panels[1].title == "The drive" and "<script>" in panels[1].html


def test_the_animation_is_the_track_with_y_upwards():
    html = animated([[0.0, 0.0, 0.0], [0.05, 0.1, 1.0]])
    assert 'points="0.0,-0.0 0.05,-0.1"' in html
    assert "const places=[[0.0, 0.0, 0.0], [0.05, 0.1, 1.0]]" in html
    assert not re.search(r"(src|href)=", html)  # it needs nothing else


def test_a_wanderer_s_speeds_are_uniform_and_its_own():
    who = Wanderer()
    check(who, Robot())
    state, speeds = who.init(KEY, jnp.zeros(3)), []
    for _ in range(200):
        state, y = who.predict(state, jnp.zeros(3))
        speeds.append(y)
    assert np.abs(speeds).max() <= 1 and np.std(speeds) == pytest.approx(
        3**-0.5, rel=0.1
    )
    assert len(np.unique(speeds)) == 400


def test_every_method_has_its_experiment():
    cores = {
        "eprnn": (PlasticRNN, 37_313),
        "eprnn-without-m": (PlasticRNN, 37_313 - 2 * 64**2 - 64),
        "epmlp": (PlasticMLP, 37_313 - 64**2 * 2 - 64),
        "epmlp-random": (PlasticMLP, 37_313 - 64**2 * 3 - 64),
        "rnn": (Cell, 4_353 + 2 * 64**2 + 64),
        "lstm": (Cell, 4_353 + 4 * (2 * 64**2 + 64)),
    }
    for method, (core, size) in cores.items():
        learner = plastic_rnn.foretell(method=method).learner
        assert isinstance(learner.core, core)
        assert flatten(learner)[0].size == size, method
    assert isinstance(plastic_rnn.foretell(method="maml").learner, MAML)
    for method, rollouts in {"maml-zero-shot": 1, "maml-one-rollout": 2}.items():
        experiment = plastic_rnn.drive(method=method)
        assert isinstance(experiment.learner, PolicyMAML)
        assert experiment.exhibit.task.rollouts == rollouts
    assert flatten(plastic_rnn.drive(units=64).learner)[0].size == 41_666


def test_the_paper_s_own_words_can_be_followed():
    paper = plastic_rnn.foretell(said="paper", search="paper")
    assert paper.learner.core.plastic == "always" and paper.learner.core.passes == "m h"
    assert paper.exhibit.task == Sines(1, 10, 20, "all", "last action")
    assert plastic_rnn.drive(said="paper").exhibit.task == Robot(0.05, 1, 100)
    program = plastic_rnn.foretell()
    search = program.search
    assert (search.elite, search.members, search.penalty) == (16, 398, 1e-6)
    sigma = search.init(program.learner, program.objective, KEY).sigma
    assert np.sum(np.isclose(sigma, 0.001)) == 4  # A, B, C and D
    assert np.sum(np.isclose(sigma, 0.01)) == len(sigma) - 4


@pytest.mark.parametrize("what", ["method", "search"])
def test_an_unknown_method_or_search_is_refused(what):
    with pytest.raises((Refusal, TypeCheckError)):  # the annotation refuses first
        plastic_rnn.foretell(**{what: "magic"})
    method, search = plastic_rnn.Method(), plastic_rnn.Evolved()
    object.__setattr__(method, "method", "magic")
    object.__setattr__(search, "search", "magic")
    unchecked = {
        "method": lambda: method.core(KEY),
        "search": lambda: search.made(),
    }
    with pytest.raises(Refusal, match=f"`{what}` cannot be 'magic'"):
        unchecked[what]()


def record(method, curve, **arguments):
    columns = ["loss", "R2 of n from W"]
    rows = {"this rule": [{"mean": 1.0, "error": 0.1}, {"mean": 0.5, "error": 0.1}]}
    scores = {"title": "", "columns": columns, "rows": rows, "life": {}}
    told = {"method": method, **arguments}
    return {"source": {"arguments": told}, "seed": 0, "curve": curve, "scores": scores}


def test_tables_summarise_the_three_best_of_the_last_ten():
    curve = [[0, 0.0]] + [[100 * i, 1.0 + i / 10] for i in range(1, 11)]
    assert figures.meta_test(record("rnn", curve)) == pytest.approx(1.2)
    records = [
        record(method, curve, dimensions=1, shots=K, horizon=2 * K)
        for method in ("eprnn", "rnn")
        for K in (10, 25)
    ]
    for figure in (figures.table2, figures.figure4, figures.figure5):
        table, _ = figure().draw(records)
        assert len(table.rows) == 2
    table, _ = figures.table2().draw(records)
    assert dict(table.rows)["rnn"] == ("-1.200 (1)",) * 2  # one run shows no spread
    worse = [[at, loss + 0.2] for at, loss in curve]
    records.append(record("rnn", worse, dimensions=1, shots=10, horizon=20))
    table, _ = figures.table2().draw(records)
    assert dict(table.rows)["rnn"] == ("-1.300 ± 0.100 (2)", "-1.200 (1)")


@pytest.mark.slow
def test_figures_draw_maps_and_tracks_from_what_a_record_tells():
    exhibit = Driving(Robot(0.05, 2, longest=6), lives=4)
    shown = exhibit.shown([("it", drawn(layers(CORES["EPRNN"](KEY), 3, 2)))], KEY)
    told = json.loads(json.dumps(shown.described(recorded_only=True)))
    extras = told["extras"]
    assert set(extras["tracks"]["tracks"]) == {"this rule", "random controller"}
    assert set(extras["walks"]["maps"]) == {"W", "h"}
    assert set(extras["walks"]["hidden"]) == {"A_0", "k", "goal"}
    records = [record("eprnn", [[0, 1.0]], noise=noise) for noise in (0.2, 0.01)]
    for each in records:
        each["scores"] |= {"title": "", "life": {}, "extras": extras}
    (panel,) = figures.figure9().draw(records)[1]
    places = [panel.html.index(f"noise {noise}") for noise in (0.01, 0.2)]
    assert places == sorted(places) and "random controller" in panel.html
    titles = [panel.title for panel in figures.figure5().draw(records[:1])[1]]
    assert titles == [
        "eprnn, noise 0.2: Where plastic weights go",
        "eprnn, noise 0.2: Where activations go",
    ]


@pytest.mark.parametrize("scale", ["laptop", "paper"])
def test_figures_ask_for_experiments_that_there_are(scale):
    for name in ("table2", "table3", "searches", *map("figure{}".format, (4, 5, 8, 9))):
        sweep = getattr(figures, name)(Plan(scale))
        assert len({run.name for run in sweep.runs}) == len(sweep.runs)
        for run in sweep.runs[:: max(len(sweep.runs) // 3, 1)]:
            getattr(plastic_rnn, run.experiment.split(".")[1])(**run.arguments)
