"""Killed at random, resumed, and still the same run to the bit."""

import random
import signal
import time

import pytest

from plastica.run.folder import LOCK

from .runs import assert_same_run, flags, last_state, python, rows

# The command line in a process of its own: checkpoints are frequent, the chunk is not
# measured, and at the end no table is made. KILL names the call that is its last.
DRIVER = """
import dataclasses, os, signal, sys
from plastica.cli import commands, main
from plastica.run import keeper, training

keeper.CHECKPOINT_SECONDS, keeper.METRICS_SECONDS = 0.1, 0.02
keeper.ATTENTION_SECONDS = 0.02
training.measured = lambda engine, *rest: (dataclasses.replace(engine, chunk=4), {})
training._finish = commands._found = lambda *rest: None

def deadly(name, nth):
    real, calls = getattr(os, name), 0
    def counted(*words):
        nonlocal calls
        calls += 1
        if calls == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*words)
    setattr(os, name, counted)

if sys.argv[1]:
    name, nth = sys.argv[1].split(":")
    deadly(name, int(nth))
sys.exit(main(sys.argv[2:]))
"""
GENERATIONS = 900


@pytest.fixture(autouse=True, scope="module")
def compiled_once(tmp_path_factory):
    """Most of a short run is compilation: all processes here share what is compiled."""
    with pytest.MonkeyPatch.context() as patched:
        cache = tmp_path_factory.mktemp("compiled")
        patched.setenv("JAX_COMPILATION_CACHE_DIR", str(cache))
        patched.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
        patched.setenv("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "0")
        yield


@pytest.fixture
def compiled_anew(monkeypatch):
    """Every process compiles for itself."""
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")


def started(*words, kill=""):
    return python("-c", DRIVER, kill, *words)


def begun(out):
    knobs = flags(generations=GENERATIONS, every=100)
    return "train", "evolved_rules.memorise", *knobs, "--devices=1", "--out", out


def ended(process):
    out, error = process.communicate(timeout=300)
    return process.returncode, out, error


@pytest.fixture(scope="module")
def whole(tmp_path_factory, compiled_once):
    """A run that nothing happened to, as the command line makes it."""
    out = tmp_path_factory.mktemp("whole") / "run"
    status, _, error = ended(started(*begun(out)))
    assert status == 0, error
    return out


def stopped(process, folder, generation, how):
    """Waits until a run has come past a generation, and ends it."""
    metrics, limit = folder / "metrics.jsonl", time.monotonic() + 120
    while process.poll() is None and time.monotonic() < limit:
        if metrics.is_file() and len(metrics.read_bytes().splitlines()) > generation:
            process.send_signal(how)
            return
        time.sleep(0.002)


def assert_lives_through(out, whole, ends):
    """A run ended by signals at random generations comes to the same end."""
    draw = random.Random(out.name)
    for i, how in enumerate(ends):
        process = started(*begun(out)) if not i else started("resume", out)
        at = (GENERATIONS * (i + draw.random())) / (len(ends) + 1)
        stopped(process, out, at, how)
        status, said, error = ended(process)
        assert "Traceback" not in error
        if how == signal.SIGKILL:
            assert status == -signal.SIGKILL
        else:
            assert status == {signal.SIGTERM: 75, signal.SIGINT: 130}[how], error
            assert f"go on: plastica resume {out}" in said
            assert last_state(out)[1] == len(rows(out)) - 1
    status, _, error = ended(started("resume", out))
    assert status == 0, error
    assert_same_run(out, whole)
    assert len(rows(out)) == GENERATIONS + 1
    assert not [p for p in out.rglob(".*") if p.is_file() and p.name != LOCK]


def test_three_kills_change_nothing(whole, tmp_path):
    assert_lives_through(tmp_path / "killed", whole, [signal.SIGKILL] * 3)


@pytest.mark.slow
def test_sigterm_and_ctrl_c_change_nothing(whole, tmp_path):
    assert_lives_through(tmp_path / "stopped", whole, [signal.SIGTERM, signal.SIGINT])


@pytest.mark.slow
@pytest.mark.usefixtures("compiled_anew")
def test_ten_kills_change_nothing(whole, tmp_path):
    assert_lives_through(tmp_path / "killed", whole, [signal.SIGKILL] * 10)


@pytest.mark.slow
@pytest.mark.usefixtures("compiled_anew")
def test_ten_terms_change_nothing(whole, tmp_path):
    assert_lives_through(tmp_path / "stopped", whole, [signal.SIGTERM] * 10)


def assert_lives_through_deaths(out, whole, deaths):
    """A run that dies inside the nth call of a kind, and again when resumed."""
    for i, kill in enumerate(deaths):
        words = ("resume", out) if (out / "config.json").is_file() else begun(out)
        status, _, error = ended(started(*words, kill=kill))
        assert "Traceback" not in error
        assert status in (-signal.SIGKILL, 0), (i, kill, error)
    words = ("resume", out) if (out / "config.json").is_file() else begun(out)
    status, _, error = ended(started(*words))
    assert status == 0, error
    assert_same_run(out, whole)


@pytest.mark.slow
def test_a_death_while_a_checkpoint_is_written_changes_nothing(whole, tmp_path):
    deaths = ["replace:2", "replace:11", "fsync:25"]
    assert_lives_through_deaths(tmp_path / "run", whole, deaths)


@pytest.mark.slow
def test_a_death_in_any_write_changes_nothing(whole, tmp_path):
    deaths = [f"{call}:{n}" for n in (1, 3, 4, 9, 16) for call in ("fsync", "replace")]
    assert_lives_through_deaths(tmp_path / "run", whole, deaths)


@pytest.mark.slow
def test_kills_in_the_middle_of_a_life_that_goes_on_change_nothing(tmp_path):
    """The life of a vector neuron is in the checkpoint; no generation ends it."""
    knobs = ["--window=2", "--hidden=0", "--state=2", "--ticks=8000", "--devices=1"]
    train = "train", "learning_to_remember.remember", *knobs, "--out"
    assert ended(started(*train, tmp_path / "whole"))[0] == 0
    process = started(*train, tmp_path / "killed")
    for generation in (11, 25):
        stopped(process, tmp_path / "killed", generation, signal.SIGKILL)
        assert ended(process)[0] == -signal.SIGKILL
        process = started("resume", tmp_path / "killed")
    assert ended(process)[0] == 0
    assert_same_run(tmp_path / "killed", tmp_path / "whole")
    (ticks,) = last_state(tmp_path / "whole")[0]["carry.place.tick"]
    assert ticks == 8_000
