"""Every benchmark runs as a whole, at its smoke size, and its rows hold numbers."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.measure import LACKING

from .conftest import all_but

ROOT = Path(__file__).resolve().parents[1]
MEASURED = ROOT / "results" / "performance"
SHARED = {"measure"}  # modules that are no benchmarks
BENCHMARKS = sorted({p.stem for p in ROOT.glob("benchmarks/*.py")} - SHARED)
ANY_SIGN = {  # differences, slopes and shares
    "mean difference",
    "rank correlation",
    "share that differs by 0.001",
    "exponent",
    "last exponent",
}
SLOW = ("cluster", "forms", "generation", "learners", "lifetime", "memory", "plastic")
SLOW += ("grid", "remember", "scaling")
TOLD = {"benchmark", "machine"}


@pytest.fixture(scope="module")
def quickly(tmp_path_factory):
    """An environment in which what one benchmark compiled is there for the next."""
    cache = tmp_path_factory.mktemp("compiled")
    return os.environ | {
        "PYTHONPATH": str(ROOT),
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }


def read(path):
    """Rows without what says of which benchmark and machine, by benchmark."""
    rows = {}
    for line in path.read_text().splitlines() if path.is_file() else ():
        row = json.loads(line)
        rows.setdefault(row["benchmark"], []).append(row)
    return rows


@pytest.mark.parametrize("name", all_but(BENCHMARKS, *SLOW))
def test_a_benchmark_runs_at_its_smoke_size(name, tmp_path, quickly):
    out = tmp_path / "rows.jsonl"
    words = [sys.executable, "-m", f"benchmarks.{name}", "--smoke", "--out", str(out)]
    done = subprocess.run(words, cwd=ROOT, env=quickly, capture_output=True, text=True)
    if done.returncode == LACKING:
        pytest.skip(done.stderr.splitlines()[-1])
    assert done.returncode == 0, done.stderr
    found, recorded = read(out), read(MEASURED / f"{name}.jsonl")
    assert found
    assert not recorded or found.keys() & recorded.keys()
    for title, rows in found.items():
        assert title in done.stdout
        for row in rows:
            assert row["machine"]["versions"]
            assert row.keys() >= {f for old in recorded.get(title, ()) for f in old}
            for field in row.keys() - TOLD:
                assert fits(field, row[field]), f"{title}: {field} is {row[field]}"


def fits(field, value):
    """A word, nothing, or a number that a benchmark can measure."""
    if not isinstance(value, int | float):
        return value is None or bool(value)
    return math.isfinite(value) and (value > 0 or field in ANY_SIGN)


def test_what_was_not_measured_in_the_run_says_so():
    """In the row itself, and so in the table that is printed."""
    for name in BENCHMARKS:
        text = (ROOT / "benchmarks" / f"{name}.py").read_text()
        if "authors" in text or "ELSEWHERE" in text:
            assert text.count("ELSEWHERE") >= 3, name  # imported, named and shown
