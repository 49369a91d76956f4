"""The names that a user types, and how little they cost."""

import builtins
import dis
import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

import plastica as pl
from plastica.baselines import Recurrent

from .runs import ROOT, on_one_device, small


def test_every_public_name_is_there():
    assert len(set(pl.__all__)) == len(pl.__all__)
    for name in pl.__all__:
        assert getattr(pl, name) is not None
    assert set(dir(pl)) == set(pl.__all__)
    with pytest.raises(AttributeError, match="attribute .?Trian"):
        pl.Trian  # noqa: B018


HELP = """
import resource, sys
from plastica.cli import main
assert main(["--help"]) == 0 and main([]) == 0
heavy = {"jax", "jaxlib", "matplotlib", "equinox", "numpy", "rich", "tyro"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime)
"""


def test_help_answers_in_half_a_second_without_jax():
    done = subprocess.run(
        [sys.executable, "-c", HELP],
        env=on_one_device(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "plastica train [EXPERIMENT]" in done.stdout
    assert float(done.stdout.splitlines()[-1]) < 0.5


def test_a_run_from_python_is_trained_asked_and_loaded(corpus, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    experiment = small(corpus, generations=4)
    run = pl.train(experiment, out="run")
    assert [row["generation"] for row in run.rows()] == [0, 1, 2, 3, 4]
    rule = pl.load("run/rule.safetensors")
    assert type(rule) is type(run.best())
    task = experiment.exhibit.task
    told = pl.evaluate(rule, task, lives=10, key=0)
    assert told.losses.shape == (10,)
    assert told.loss.mean == pytest.approx(told.losses.mean())
    assert told.loss.error == pytest.approx(told.losses.std(ddof=1) / np.sqrt(10))
    assert 0 <= told.miss.mean <= 1
    assert pl.evaluate(rule, task, 10, jax.random.key(0)).loss == told.loss


def test_a_life_is_watched_tick_by_tick(corpus):
    task = pl.Text.memorise(corpus, "test", 6)
    rule = pl.PMLPHebb.random(jax.random.key(1), pl.Network.layered(27, 3, 27))
    seen = pl.live(rule, task, 2, watch=lambda state, world, y: {"h": state.h[1]})
    assert seen["h"].shape == (12, 3, 6) and type(seen["h"]) is np.ndarray
    assert seen["value"].shape == seen["weight"].shape == (12,)
    assert set(pl.live(rule, task, 2)) == {"value", "weight", "miss"}
    alone = pl.evaluate(rule, task, 1, 0)
    assert np.isnan(alone.loss.error) and np.isfinite(alone.loss.mean)


def test_a_learner_that_does_not_fit_is_refused_before_it_lives(corpus):
    task = pl.Text.memorise(corpus, "test", 6)
    narrow = Recurrent.lstm(jax.random.key(0), 5, 3, 5)
    for ask in (
        lambda: pl.evaluate(narrow, task, 2, 0),
        lambda: pl.live(narrow, task, 0),
    ):
        with pytest.raises(pl.Refusal, match="Recurrent does not fit Text") as caught:
            ask()
        assert "\n" not in str(caught.value)


def _globals(code):
    """Names that a piece of code, or a function inside it, looks for in its module."""
    for instruction in dis.get_instructions(code):
        if instruction.opname == "LOAD_GLOBAL":
            yield instruction.argval
    for inner in code.co_consts:
        if inspect.iscode(inner):
            yield from _globals(inner)


def test_every_name_is_defined():
    """What the linter cannot say: the axes of shapes are no names to it either."""
    modules = pkgutil.walk_packages(pl.__path__, "plastica.")
    for name in [m.name for m in modules if m.name != "plastica.__main__"]:
        module = importlib.import_module(name)
        code = compile(Path(module.__file__).read_text(), name, "exec")
        known = {*vars(module), *dir(builtins)}
        assert not set(_globals(code)) - known, name
