"""A run's folder: the newest whole checkpoint, whatever happened to it."""

import logging

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plastica.errors import Refusal
from plastica.run.folder import KEPT, RunFolder
from plastica.store import read_bundle, write_json

from .runs import python

CONFIG = {
    "format": "plastica run",
    "version": 1,
    "source": None,
    "generations": 5,
    "planned": 5,
    "chunk": None,
    "engine": "xla",
    "devices": ["cpu"],
    "started": "2026-01-01T00:00:00+00:00",
}


def state(generation):
    """A state of a search, of which nothing but arrays matters here."""
    return {"mu": np.arange(4.0) + generation, "key": np.array(generation, np.uint32)}


@pytest.fixture
def folder(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.create(CONFIG, state(0))
    for generation in range(1, 6):
        folder.append([{"generation": generation}])
        folder.save_state(state(generation), generation, 0.5)
    return folder


def test_the_last_three_checkpoints_stay(folder):
    kept = sorted(p.name for p in (folder.path / "checkpoints").iterdir())
    assert kept == [f"0000000{n}.safetensors" for n in (3, 4, 5)] and KEPT == 3
    restored, generation, seconds = folder.restore(state(0))
    assert (generation, seconds) == (5, 0.5)
    np.testing.assert_array_equal(restored["mu"], state(5)["mu"])


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_an_altered_or_truncated_checkpoint_is_passed_over(folder, caplog, data):
    newest = folder.path / "checkpoints" / "00000005.safetensors"
    whole = newest.read_bytes()
    position = data.draw(st.integers(0, len(whole) - 1))
    content = data.draw(
        st.sampled_from(
            [
                whole[:position],
                whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :],
            ]
        )
    )
    newest.write_bytes(content)
    caplog.clear()
    try:
        with caplog.at_level(logging.WARNING):
            restored, generation, _ = folder.restore(state(0))
    finally:
        newest.write_bytes(whole)
    if generation == 4:
        assert "using the checkpoint before it" in caplog.text
        assert len(caplog.records) == 1 and "\n" not in caplog.records[0].getMessage()
    else:  # a space of the header
        assert generation == 5 and not caplog.records
    np.testing.assert_array_equal(restored["mu"], state(generation)["mu"])


def test_two_bad_checkpoints_are_passed_over(folder, caplog):
    for generation in (4, 5):
        (folder.path / "checkpoints" / f"0000000{generation}.safetensors").write_bytes(
            b"PK"
        )
    assert folder.restore(state(0))[1] == 3
    assert len(caplog.records) == 2


def test_without_a_whole_checkpoint_there_is_one_clear_refusal(folder):
    for path in (folder.path / "checkpoints").glob("*.safetensors"):
        path.write_bytes(b"")
    with pytest.raises(Refusal, match="no checkpoint that is whole; start again"):
        folder.restore(state(0))


def test_a_checkpoint_under_another_name_is_passed_over(folder, caplog):
    places = [folder.path / "checkpoints" / f"0000000{n}.safetensors" for n in (4, 5)]
    places[1].write_bytes(places[0].read_bytes())
    assert folder.restore(state(0))[1] == 4
    assert "of another generation than its name says" in caplog.text


def test_a_state_of_another_shape_is_refused_not_passed_over(folder):
    wider = state(0) | {"mu": np.zeros(5)}
    with pytest.raises(
        Refusal, match=r"mu is float64\[4\] there and float64\[5\] here"
    ):
        folder.restore(wider)


def test_lines_and_snapshots_after_the_checkpoint_are_cut(folder):
    for generation in (2, 4):
        folder.snapshot(np.full(3, generation), generation)
    with folder.metrics.open("a") as file:
        file.write('{"generation": 6, "train/lo')
    aside = folder.path / "checkpoints" / ".00000006.safetensors.4242"
    aside.write_bytes(b"PK")
    assert [row["generation"] for row in folder.cut_after(3)] == [1, 2, 3]
    assert folder.metrics.read_text().count("\n") == 3
    assert [at for at, _ in folder.snapshots()] == [2]
    assert not aside.exists()


def test_a_folder_that_is_in_use_is_refused(folder, tmp_path):
    with pytest.raises(Refusal, match="exists and is not empty; name another folder"):
        folder.create(CONFIG, state(0))
    file = tmp_path / "file"
    file.write_text("mine")
    for path in (file, file / "run"):
        with pytest.raises(Refusal):
            RunFolder(path).create(CONFIG, state(0))
    assert file.read_text() == "mine"


def test_a_start_that_was_cut_off_can_be_made_again(folder):
    (folder.path / "config.json").unlink()
    for generation in (3, 4, 5):
        for path in (folder.path / "checkpoints").glob(f"0000000{generation}*"):
            path.unlink()
    folder.metrics.unlink()
    folder.create(CONFIG, state(0))
    assert folder.restore(state(1))[1] == 0


def test_a_folder_of_other_things_is_no_run(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(Refusal, match="is no run: it has no config.json"):
            RunFolder(path).config()
    write_json(tmp_path / "config.json", {"format": "another program's"})
    with pytest.raises(Refusal, match="something else's"):
        RunFolder(tmp_path).config()


@pytest.mark.parametrize("name", ["source", "generations", "planned", "devices"])
def test_an_altered_configuration_is_refused(folder, name):
    write_json(folder.path / "config.json", CONFIG | {name: "x"})
    with pytest.raises(Refusal, match=f"was altered: its '{name}' is 'x'"):
        folder.config()


DEATHS = """
import os, signal, sys
from pathlib import Path
import numpy as np
from plastica.run.folder import RunFolder
from plastica.store import write_bundle

def state(generation):
    return {"mu": np.arange(4.0) + generation}

def live(folder):
    for generation in range(1, 6):
        folder.append([{"generation": generation}])
        write_bundle(folder.best, state(generation), {"generation": generation})
        folder.save_state(state(generation), generation, 0.0)

def deadly(call, nth, after):
    real, calls = getattr(os, call), 0
    def counted(*words):
        nonlocal calls
        calls += 1
        if after: real(*words)
        if calls == nth: os.kill(os.getpid(), signal.SIGKILL)
        if not after: return real(*words)
    setattr(os, call, counted)

for call in ("fsync", "replace", "unlink"):
    for after in (False, True):
        for nth in range(1, 60):
            folder = RunFolder(Path(sys.argv[1]) / f"{call}-{after}-{nth}")
            (folder.path / "checkpoints").mkdir(parents=True)
            folder.save_state(state(0), 0, 0.0)
            write_bundle(folder.best, state(0), {"generation": 0})
            child = os.fork()
            if not child:
                deadly(call, nth, after)
                live(folder)
                os._exit(0)
            if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
                break
        print(call, after, nth)
"""


def test_a_death_at_any_moment_of_writing_leaves_a_whole_checkpoint(tmp_path, caplog):
    process = python("-W", "ignore", "-c", DEATHS, tmp_path)
    out, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    halves = {line.split()[0]: int(line.split()[2]) for line in out.splitlines()}
    assert halves["fsync"] > 20 and halves["replace"] > 10
    for path in tmp_path.iterdir():
        folder = RunFolder(path)
        restored, generation, _ = folder.restore({"mu": np.zeros(4)})
        np.testing.assert_array_equal(restored["mu"], state(generation)["mu"])
        lived = max((row["generation"] for row in folder.rows()), default=0)
        assert generation in (lived, lived - 1)  # metrics are written first
        assert read_bundle(folder.best)[1]["generation"] in (lived, lived - 1)
    assert not caplog.records
