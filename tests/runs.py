"""Small runs that the tests of runs, folders and commands share."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from plastica.experiments.parts import Budget, reading
from plastica.network import Network
from plastica.rules import PMLPHebb
from plastica.search import SNES
from plastica.store import bundles, read_bundle

ROOT = Path(__file__).resolve().parents[1]
KNOBS = {"length": 8, "hidden": 5, "population": 8, "every": 2}


def small(corpus, generations=6, **changed):
    """An experiment that takes a moment: a tale in 27 letters, 8 of them at a time."""
    rule = PMLPHebb.zeros(Network.layered(27, 5, 27))
    worlds = reading(corpus, [KNOBS["length"]], readings=2)
    search, budget = SNES(KNOBS["population"]), Budget(generations, KNOBS["every"])
    return replace(worlds.experiment(rule, search, budget), **changed)


def flags(**knobs):
    """Knobs as the command line spells them."""
    return [f"--{name}={value}" for name, value in (KNOBS | knobs).items()]


def rows(folder):
    """A run's metrics but for the times."""
    lines = (Path(folder) / "metrics.jsonl").read_text().splitlines()
    rows = map(json.loads, lines)
    return [{k: v for k, v in x.items() if k not in ("seconds", "crc")} for x in rows]


def last_state(folder):
    """The arrays of a run's newest checkpoint, and its generation."""
    found = bundles(Path(folder, "checkpoints"))
    arrays, about = read_bundle([at for at in found if at.name.isdecimal()][-1])
    return arrays, about["generation"]


def rule(folder):
    """The arrays of the rule that a run found."""
    return read_bundle(Path(folder, "rule"))[0]


def assert_same_arrays(one, other):
    """The same names, and the same bits."""
    assert one.keys() == other.keys()
    for name, array in one.items():
        assert array.dtype == other[name].dtype
        np.testing.assert_array_equal(array, other[name], err_msg=name)


def assert_same_run(one, other):
    """The same search to the bit: the rule, the last state, and all but the times."""
    assert rows(one) == rows(other)
    state, generation = last_state(one)
    expected, at = last_state(other)
    assert generation == at
    assert_same_arrays(state, expected)
    assert_same_arrays(rule(one), rule(other))


def on_one_device():
    """One CPU device, and the package from this checkout, for a process of its own."""
    flags = os.environ["XLA_FLAGS"] + " --xla_force_host_platform_device_count=1"
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return os.environ | {"XLA_FLAGS": flags, "PYTHONPATH": path}


def python(*words, before=(), **options):
    """A Python process, not waited for."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(
        [*before, sys.executable, *map(str, words)],
        env=on_one_device(),
        **pipes | options,
    )
