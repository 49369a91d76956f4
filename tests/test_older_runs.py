"""Runs made before the upper half of the house was rebuilt: they go on as they were.

Each folder under `fixtures` was made by an earlier version, and `eval.txt` is what that
version's `plastica eval` printed of it.
"""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from plastica import machine
from plastica.run.record import read_records

from .conftest import TALE, all_but
from .runs import last_state, rows
from .test_cli import done

FIXTURES = Path(__file__).with_name("fixtures")
NAMES = sorted(path.name for path in FIXTURES.iterdir())
EXTRAS = {"memorise": set(), "foretell": {"walks"}, "genome": {"planes", "synapses"}}


@pytest.fixture
def older(request, tmp_path, monkeypatch):
    """A copy of an older run, in a folder with the text that it was made of."""
    (tmp_path / "tale.txt").write_bytes(TALE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machine, "set_up", lambda *chosen: None)
    shutil.copytree(FIXTURES / request.param, request.param)
    return request.param


def numbers(table):
    """The numbers of a printed table, and all else that it says."""
    found = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
    cells = re.sub(r"[│┃┏┓┡┩└┘━─┳╇┴╈\s]+", " ", table)
    return [float(n) for n in found.findall(cells)], found.sub("#", cells)


@pytest.mark.parametrize("older", all_but(NAMES, "genome"), indirect=True)
def test_it_is_evaluated_to_the_digit(older, monkeypatch):
    """But for what another processor rounds otherwise."""
    monkeypatch.setenv("COLUMNS", "250")
    expected, words = numbers((FIXTURES / older / "eval.txt").read_text())
    got, said = numbers(done("eval", older))
    assert said == words and len(got) > 5
    np.testing.assert_allclose(got, expected, atol=0.0011)


@pytest.mark.parametrize("older", all_but(NAMES, "genome"), indirect=True)
def test_it_is_resumed(older):
    before = rows(older)
    last = before[-1]["generation"]
    done("resume", older, "--generations", "+2", "--no-report")
    after = rows(older)
    assert after[: len(before)] == before and last_state(older)[1] == last + 2
    assert [row["generation"] for row in after[len(before) :]] == [last + 1, last + 2]
    assert after[-1].keys() - {"eval/loss"} == before[-2].keys() - {"eval/loss"}


@pytest.mark.parametrize("older", NAMES, indirect=True)
def test_it_is_recorded_and_drawn(older):
    done("record", older, "--to", "kept.jsonl")
    (told,) = read_records(Path("kept.jsonl"))
    assert set(told["scores"]["extras"]) == EXTRAS[older]
    scores = json.loads((FIXTURES / older / "scores.json").read_text())
    assert told["scores"]["rows"].keys() == scores["rows"].keys()
    assert "| 1 |" in done("compare", older)
    done("report", older)
    page = Path(older, "report.html").read_text()
    for title in ("Learning curve", "Scores", "Learning within a life", "What was run"):
        assert f"<h2>{title}</h2>" in page
    assert "this rule" in page and page.count("<svg") >= 2
