"""A run: what it keeps, what stops it, and that it goes on as if nothing had."""

import dataclasses
import errno
import itertools
import json
import os
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import plastica as pl
from plastica.errors import Diverged, Interrupted
from plastica.experiments import evolved_rules
from plastica.run import generations, keeper, training
from plastica.run.folder import RunFolder
from plastica.run.generations import _judged, key_for
from plastica.saving import read_rule
from plastica.store import read_bundle

from .runs import assert_same_run, last_state, rows, small


@pytest.fixture(autouse=True)
def often(monkeypatch):
    """Checkpoints after every generation, and no measuring of chunks."""
    monkeypatch.setattr(keeper, "CHECKPOINT_SECONDS", -1.0)
    monkeypatch.setattr(keeper, "METRICS_SECONDS", 0.0)
    monkeypatch.setattr(keeper, "ATTENTION_SECONDS", 0.0)
    monkeypatch.setattr(training, "measured", lambda engine, *rest: (engine, {}))


@pytest.fixture(scope="module")
def whole(corpus, tmp_path_factory):
    """A run of six generations that nothing happened to."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(training, "measured", lambda engine, *rest: (engine, {}))
        return pl.train(small(corpus), tmp_path_factory.mktemp("whole") / "run")


class Stopping:
    """A display that does something after a generation."""

    def __init__(self, generation, act):
        self.generation, self.act = generation, act

    def begin(self, run, rows):
        """Nothing."""

    def obeys(self, seconds):
        """Nothing."""

    def show(self, row):
        if row["generation"] == self.generation:
            self.act()

    def end(self):
        """Nothing."""


class Told(Stopping):
    """A display that keeps what it is told of a Ctrl-C."""

    def __init__(self):
        super().__init__(None, None)
        self.seconds = []

    def obeys(self, seconds):
        self.seconds.append(seconds)


@pytest.mark.slow
def test_how_long_a_stop_takes_is_said_once_and_without_compiling(
    corpus, tmp_path, monkeypatch
):
    """However slow a generation is: here a second, and the first one two hours."""
    clock = iter(range(0, 10**9))
    now = [0.0]

    def advanced(*told):
        now[0] += 7200.0 if not next(clock) else 1.0
        return real(*told)

    real = generations.advance
    monkeypatch.setattr(generations, "advance", advanced)
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    told = Told()
    experiment = dataclasses.replace(small(corpus), every=6)
    pl.train(experiment, tmp_path / "run", told, engine=pl.Engine(chunk=4))
    assert len(told.seconds) == 1 and told.seconds[0] < 10


def test_runs_begun_in_one_second_have_folders_of_their_own(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    source = {"experiment": "text.memorise"}
    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(lambda _: training._named(None, source), range(40)))
    assert len(set(names)) == 40 and all(Path(name).is_dir() for name in names)
    assert all(name.startswith("runs/text.memorise-20") for name in names)
    assert training._named("mine", source) == "mine"


def test_a_run_keeps_what_it_should(whole):
    names = {p.name for p in whole.path.iterdir()}
    kept = {".lock", "config.json", "metrics.jsonl", "checkpoints", "snapshots"}
    assert names == kept | {"rule.safetensors", "scores.json", "report.html"}
    config = whole.folder.config()
    assert config["versions"]["jax"] == jax.__version__
    assert config["data"] == {"tale": "0" * 64}
    assert config["theta"]["layers.0.M1"] == [14, 8]
    lines = whole.rows()
    assert [line["generation"] for line in lines] == list(range(7))
    assert [line["generation"] for line in lines if "eval/loss" in line] == [0, 2, 4, 6]
    assert lines[-1]["evaluations"] == 6 * 8 and lines[-1]["ticks"] == 6 * 8 * 16
    assert {"train/loss", "diverged", "seconds", "sigma"} <= lines[1].keys()
    json.loads((whole.path / "metrics.jsonl").read_text().splitlines()[-1])


def test_the_rule_is_the_best_by_held_out_loss(whole, corpus):
    scores = [row["eval/loss"] for row in whole.rows() if "eval/loss" in row]
    made = read_rule(whole.path)[1]["made"]
    assert made["eval/loss"] == min(scores)
    config = whole.folder.config()
    for name in ("command", "source", "seed", "data", "versions", "commit"):
        assert made[name] == config[name]
    assert made["command"] == "from Python" and made["date"] >= config["started"]
    assert made["generation"] == 2 * scores.index(min(scores))
    best = whole.best()
    assert eqx.tree_equal(pl.load(whole.path), best)
    key = key_for(jax.random.key(0), "evaluation")
    again = _judged(best, small(corpus).evaluation, key)
    assert float(again) == min(scores)


def test_a_run_interrupted_and_resumed_is_the_same_run(corpus, whole, tmp_path):
    out = tmp_path / "run"
    for signal_, status, generation in ((15, 75, 1), (2, 130, 4)):
        stop = Stopping(generation, lambda s=signal_: os.kill(os.getpid(), s))
        go = pl.resume if out.exists() else _trained
        with pytest.raises(Interrupted) as stopped:
            go(out, small(corpus), display=stop)
        assert stopped.value.code == status
        assert last_state(out)[1] == generation
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    pl.resume(out, small(corpus))
    assert_same_run(out, whole.path)
    assert len(list((out / "checkpoints").glob("0*.safetensors"))) == 3


def _trained(out, experiment, display):
    return pl.train(experiment, out, display=display)


def test_a_damaged_checkpoint_costs_generations_not_the_run(
    corpus, whole, tmp_path, caplog
):
    out = _stopped(corpus, tmp_path / "run", 4)
    newest = out / "checkpoints" / "00000004.safetensors"
    newest.write_bytes(newest.read_bytes()[:-100])
    pl.resume(out, small(corpus))
    assert "using the checkpoint before it" in caplog.text
    assert_same_run(out, whole.path)


def _stopped(corpus, out, generation, **changed):
    def stop():
        raise MemoryError

    with pytest.raises(MemoryError):
        pl.train(small(corpus, **changed), out, display=Stopping(generation + 1, stop))
    return out


def test_going_on_past_the_end_is_one_long_run(corpus, whole, tmp_path):
    out = tmp_path / "run"
    pl.train(small(corpus, 4), out)
    pl.resume(out, small(corpus, 4), generations=6)
    assert_same_run(out, whole.path)
    assert RunFolder(out).config()["generations"] == 6
    with pytest.raises(pl.Refusal, match="lived 6 generations already, more than"):
        pl.resume(out, small(corpus, 4), generations=3)
    with pytest.raises(pl.Refusal, match="`generations` must be"):
        pl.resume(out, small(corpus, 4), generations=0)


def test_snapshots_are_kept_thin(corpus, tmp_path):
    run = pl.train(small(corpus, 120, every=60), tmp_path / "run")
    kept = run.folder.snapshots()
    assert [generation for generation, _ in kept] == list(range(2, 121, 2))
    assert kept[0][1].shape == (sum(map(np.size, jax.tree.leaves(run.best()))),)


def test_another_experiment_cannot_resume_a_run(corpus, whole, tmp_path):
    out = shutil.copytree(whole.path, tmp_path / "run")
    wider = pl.PMLPHebb.zeros(pl.Network.layered(27, 5, 27), hidden=3)
    with pytest.raises(pl.Refusal, match="was started with another experiment"):
        pl.resume(out, small(corpus, learner=wider), generations=9)
    assert rows(out) == rows(whole.path)


def test_a_run_starts_from_a_rule_that_was_found(corpus, whole, tmp_path):
    found = whole.best()
    run = pl.train(small(corpus, 1), tmp_path / "run", init_from=found)
    first = [row["eval/loss"] for row in run.rows() if row["generation"] == 0]
    assert first == [min(r["eval/loss"] for r in whole.rows() if "eval/loss" in r)]


class Fragile(pl.AbstractLearner):
    """Diverges where theta is zero, or everywhere else."""

    w: jax.Array
    dies: str = eqx.field(static=True)
    needs: ClassVar[frozenset[str]] = frozenset({"target"})

    def init(self, key, x):
        return jnp.zeros(())

    def predict(self, state, x):
        at_zero = jnp.all(self.w == 0)
        dead = at_zero if self.dies == "at zero" else ~at_zero
        return state, jnp.where(dead, jnp.nan, 0.0) + jnp.zeros(27)

    def learn(self, state, feedback):
        return state


def test_a_generation_that_diverges_whole_stops_the_run(corpus, tmp_path):
    out, fragile = tmp_path / "run", Fragile(jnp.zeros(3), "elsewhere")
    with pytest.raises(Diverged, match="all 8 members diverged") as caught:
        pl.train(small(corpus, learner=fragile), out)
    assert "\n" not in str(caught.value) and "generation 1:" in str(caught.value)
    state, generation = last_state(out)
    assert generation == 0 and not np.any(state["mean.w"])
    assert [row["generation"] for row in rows(out)] == [0]
    assert caught.value.path == out and (out / "scores.json").is_file()
    assert not np.any(pl.load(out, like=fragile).w)
    with pytest.raises(Diverged):
        pl.resume(out, small(corpus, learner=fragile))


def test_a_first_evaluation_that_diverged_does_not_hide_better_ones(corpus, tmp_path):
    fragile = Fragile(jnp.zeros(3), "at zero")
    run = pl.train(small(corpus, 2, learner=fragile), tmp_path / "run")
    made = read_bundle(run.folder.best)[1]["made"]
    told = {"generation": 2, "eval/loss": pytest.approx(np.log(27))}
    assert made == made | told and made.keys() - told.keys() == {"versions", "date"}
    with pytest.raises(pl.Refusal, match="like="):
        pl.load(run.path)
    assert eqx.tree_equal(pl.load(run.path, like=fragile), run.best())


CALLS = {"fsync": (os, "fsync"), "rename": (os, "replace"), "open": (Path, "open")}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("after", [0, 1, 9])
def test_a_full_disk_leaves_a_run_that_goes_on(
    corpus, whole, tmp_path, monkeypatch, call, after
):
    out, owner, name = tmp_path / "run", *CALLS[call]
    left, real = after, getattr(owner, name)

    def full(*words, **named):
        nonlocal left
        left -= call != "open" or "wb" in words
        if left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*words, **named)

    with monkeypatch.context() as patched:
        patched.setattr(owner, name, full)
        with pytest.raises(pl.Refusal, match="no space left on device") as caught:
            pl.train(small(corpus), out)
    assert "\n" not in str(caught.value)
    if not out.exists():  # refused at the start: nothing was left
        pl.train(small(corpus), out)
    else:
        pl.resume(out, small(corpus))
    assert_same_run(out, whole.path)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of one megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("only root can mount a small disk")
    if subprocess.run(words, capture_output=True).returncode:
        pytest.skip("this machine does not let a small disk be mounted")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_fills_up_leaves_a_run_that_goes_on(corpus, whole, small_disk):
    out, ballast = small_disk / "run", small_disk / "ballast"
    ballast.write_bytes(bytes(900 * 2**10))
    with pytest.raises(pl.Refusal, match="no space left on device"):
        pl.train(small(corpus), out)
    assert last_state(out)[1] >= 0
    ballast.unlink()
    pl.resume(out, small(corpus))
    assert_same_run(out, whole.path)


def test_a_disk_made_read_only_leaves_a_run_that_goes_on(corpus, whole, small_disk):
    out, disk = small_disk / "run", str(small_disk)

    def close():  # over itself, as open files keep the disk from being closed
        for words in (["--bind", disk, disk], ["-o", "remount,bind,ro", disk]):
            subprocess.run(["mount", *words], check=True)

    with pytest.raises(pl.Refusal, match="read-only file system"):
        pl.train(small(corpus), out, display=Stopping(3, close))
    subprocess.run(["umount", disk], check=True)
    assert 2 <= last_state(out)[1] <= 3
    pl.resume(out, small(corpus))
    assert_same_run(out, whole.path)


def test_a_clock_that_jumps_back_changes_nothing(corpus, whole, tmp_path, monkeypatch):
    times = itertools.count(1.7e9, -3600.0)
    monkeypatch.setattr(time, "time", lambda: next(times))
    monkeypatch.setattr(time, "time_ns", lambda: int(next(times) * 1e9))
    out = tmp_path / "run"
    stop = Stopping(3, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(Interrupted):
        pl.train(small(corpus), out, display=stop)
    for past in (out / "checkpoints").iterdir():  # newest last, whatever dates say
        os.utime(past, (0, 10 - int(past.stem)) if past.stem.isdigit() else (0, 0))
    pl.resume(out, small(corpus))
    assert_same_run(out, whole.path)


def test_two_devices_agree_with_one_while_the_ranks_do(
    corpus, tmp_path, two_devices, monkeypatch
):
    def lived(chunk):
        rnn = pl.Recurrent.rnn(jax.random.key(0), 27, 5, 27)
        experiment = small(corpus, 3, learner=rnn, every=1)
        engine = pl.Engine(chunk=chunk)
        return pl.train(experiment, tmp_path / f"chunk {chunk}", engine=engine).rows()

    two = lived(2)
    monkeypatch.setattr(jax, "devices", lambda: two_devices[:1])
    one = lived(8)  # another chunk, so that nothing traced for two devices is used
    for name in ("train/loss", "eval/loss"):
        np.testing.assert_allclose(
            [row[name] for row in one if name in row],
            [row[name] for row in two if name in row],
            rtol=1e-5,
        )


def test_a_thread_that_is_not_the_main_one_runs_too(corpus, tmp_path, whole):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        pool.submit(pl.train, small(corpus), tmp_path / "run").result()
    assert_same_run(tmp_path / "run", whole.path)


def staged(corpus):
    """A curriculum: longer passages from generations 2 and 4 on, two runs abreast."""
    base = small(corpus)
    longer = [
        (start, pl.Lifetime.of(pl.Text.memorise(corpus, "training", length)))
        for start, length in ((2, 9), (4, 10))
    ]
    other = jax.tree.map(lambda leaf: leaf + 0.01, base.learner)
    return {"search": pl.SideBySide(base.search, (other,)), "stages": tuple(longer)}


@pytest.mark.slow
def test_a_curriculum_goes_on_to_the_bit_wherever_it_was_stopped(corpus, tmp_path):
    whole = pl.train(small(corpus, **staged(corpus)), tmp_path / "whole")
    ticks = [row["ticks"] for row in whole.rows()]
    assert ticks == [0, *np.cumsum([2 * 8 * 2 * n for n in (8, 8, 9, 9, 10, 10)])]
    for stop in (2, 3):
        out = _stopped(corpus, tmp_path / str(stop), stop, **staged(corpus))
        pl.resume(out, small(corpus, **staged(corpus)))
        assert_same_run(out, whole.path)


def test_a_run_does_not_go_on_with_other_data(corpus, tmp_path):
    data = (("tale", "0" * 64), ("other", "1" * 64))
    experiment = small(corpus, generations=2, data=data)
    pl.train(experiment, tmp_path / "run")
    other = dataclasses.replace(experiment, data=(data[0], ("other", "2" * 64)))
    before = rows(tmp_path / "run")
    with pytest.raises(pl.Refusal, match="started on other data: other is not what"):
        pl.resume(tmp_path / "run", other, generations=4)
    assert rows(tmp_path / "run") == before
    pl.resume(tmp_path / "run", experiment, generations=4)


def test_a_search_may_begin_on_shorter_passages():
    made = evolved_rules.predict(length=100, shorter=(20, 50), generations=9)
    assert [start for start, _ in made.stages] == [3, 6]
    objectives = [made.objective, *(objective for _, objective in made.stages)]
    assert [objective.ticks for objective in objectives] == [20, 50, 100]
    assert made.evaluation.ticks == 32 * 100
    with pytest.raises(pl.Refusal, match="`shorter` must be a whole number from 1"):
        evolved_rules.predict(length=100, shorter=(0,), generations=9)


def test_stages_out_of_order_are_refused(corpus):
    stages = staged(corpus)["stages"]
    for bad in (stages[::-1], (stages[0], stages[0]), ((0, stages[0][1]),)):
        with pytest.raises(pl.Refusal, match="stages begin one after another"):
            small(corpus, stages=bad)
