"""A rule, a task and an experiment of the user's own, from the first run to the page.

Each is trained, killed, resumed, evaluated, reported and compared: from the command
line by the words that it prints, and from Python.
"""

import importlib
import re
import shlex
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

import plastica as pl
from plastica import machine
from plastica.store import read_json, write_json

from .conftest import TALE, all_but
from .runs import ROOT, assert_same_run
from .test_cli import done, refused
from .test_resume import ended, started

FILES = ROOT / "examples"
RULE, TASK = ["--rule", "plasticity.py:Plasticity"], ["--task", "maze.py:TMaze"]
SEARCH = ["--population=16", "--sigma=0.3", "--every=20"]
COMMON = ["--generations=60", "--members-per-device=4", "--devices=2"]
CASES = {  # what is trained, how it is named again, and where else it is evaluated
    "rule": (
        ["meet", *RULE, *SEARCH, "--units=4", "--text=tale.txt", "--length=6"],
        RULE,
        "--length=8",
    ),
    "task": (["meet", "--rule=rnn", *TASK, *SEARCH, "--hidden=4"], TASK, "--trials=4"),
    "experiment": (
        ["turns.py:turns", "--units=4"],
        ["--experiment", "turns.py:turns"],
        "--corridor=3",
    ),
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A folder of the user's, with files of their own and a tale in it."""
    for file in FILES.glob("*.py"):
        shutil.copy(file, tmp_path)
    (tmp_path / "tale.txt").write_bytes(TALE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machine, "set_up", lambda *chosen: None)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def from_python(case):
    """The same experiment, called for from Python."""
    search = {"population": 16, "sigma": 0.3, "every": 20, "generations": 60}
    if case == "experiment":
        return importlib.import_module("turns").turns(units=4, generations=60)
    if case == "task":
        return pl.meet(rule="rnn", task="maze.py:TMaze", hidden=4, **search)
    text = {"text": "tale.txt", "length": 6}
    return pl.meet(rule="plasticity.py:Plasticity", units=4, **text, **search)


@pytest.mark.parametrize("case", all_but(CASES, "task", "experiment"))
def test_what_is_a_user_s_own_is_an_equal(case):
    words, named, other = CASES[case]
    said = done("train", *words, *COMMON, "--out", "whole")
    killed = started("train", *words, *COMMON, "--out", "killed", kill="replace:5")
    status, _, error = ended(killed)
    assert status == -signal.SIGKILL, error
    shutil.copytree("killed", "python")

    assert "name it again" in refused("resume", "killed")
    again = re.search(r"plastica (resume whole .*) --generations", said)[1]
    assert shlex.split(again) == ["resume", "whole", *named]
    done("resume", "killed", *named)
    assert_same_run("killed", "whole")

    look = re.search(r"plastica (eval whole .*) --help", said)[1]
    here, elsewhere = done(*shlex.split(look)), done(*shlex.split(look), other)
    assert here != elsewhere and all("whole" in table for table in (here, elsewhere))
    page = Path("whole/report.html").read_text()
    Path("whole/report.html").unlink()
    done("report", "whole", *named)
    assert Path("whole/report.html").read_text() == page
    table = done("compare", "whole", "killed")
    assert Path("compare.html").is_file() and "held-out loss" in table

    experiment = from_python(case)
    run = pl.resume("python", experiment)
    assert_same_run(run.path, "whole")
    assert run.shown().table == pl.Run(experiment, "whole").shown().table
    task = experiment.evaluation.entries[0].task
    assert np.isfinite(pl.evaluate(run.best(), task, lives=4, key=0).loss.mean)
    assert pl.compare(["whole", "python"], out="both.html") == table.split("\n\n")[0]

    file = Path(named[1].partition(":")[0])
    code, more = file.read_text(), ["--generations", "+1", "--no-report"]
    file.write_text(code + "\n# a comment\n")
    done("resume", "whole", *named, *more)
    file.write_text(code + "\nCHANGED = 1\n")
    for command in ("resume", "eval"):
        line = refused(command, "whole", *named)
        assert "is not the code that this run was started with" in line
    done("resume", "whole", *named, *more, "--changed")
    done("resume", "whole", *named, *more)
    if case == "rule":
        Path("other.py").write_text(code)
        line = refused("eval", "whole", "--rule", "other.py:Plasticity")
        assert "is not the code that this run was started with" in line


def test_a_folder_on_disk_does_not_say_what_is_executed(here):
    """A configuration that was written by somebody else."""
    done("train", "meet", "--rule=rnn", *TASK, *SEARCH, *COMMON, "--out", "run")
    config = read_json(here / "run" / "config.json")
    (here / "evil.py").write_text("open('executed', 'w')\nclass TMaze: pass\n")
    for files in ({}, {"task": "0" * 64}):
        config["source"]["arguments"]["task"] = "evil.py:TMaze"
        config["source"]["files"] = files
        write_json(here / "run" / "config.json", config)
        assert "name it again: --task" in refused("resume", "run")
        refused("resume", "run", "--task", "evil.py:TMaze")
        assert not (here / "executed").exists()
