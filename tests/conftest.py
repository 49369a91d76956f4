"""What all tests share: shapes checked, no rank promoted, two pretended devices."""

import os
import sys
from importlib.machinery import PathFinder
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import hypothesis
import jax
import numpy as np
import pytest
from beartype import BeartypeConf, FrozenDict, beartype
from jaxtyping import install_import_hook

# Most of the tests' time is compilation, most of what they compile runs once. XLA's own
# passes stay; processes that tests start inherit it. The second flag halves the rest.
# An XLA that does not know a flag ends the process: it is for versions that were tried.
FLAGS = "--xla_backend_optimization_level=0"
if version("jaxlib").startswith("0.10."):
    FLAGS += " --xla_cpu_use_fusion_emitters=false"
os.environ.setdefault("XLA_FLAGS", FLAGS)
jax.config.update("jax_num_cpu_devices", 2)
jax.config.update("jax_numpy_rank_promotion", "raise")

# beartype knows `Self` in a class that it decorates whole only; the hook goes one
# method at a time
checked = beartype(conf=BeartypeConf(hint_overrides=FrozenDict({Self: Any})))
install_import_hook("plastica", f"{__name__}.checked")


class Unchecked(PathFinder):
    """Finds what tyro reads as users have it: it cannot read a function so wrapped."""

    modules = ("plastica.cli", "plastica.cli.commands", "plastica.cli.arguments")

    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        found = super().find_spec if fullname in cls.modules else None
        return found and found(fullname, path, target)


sys.meta_path.insert(0, Unchecked)

hypothesis.settings.register_profile("plastica", deadline=None)
hypothesis.settings.load_profile("plastica")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
TALE = b"""
A fox met a crow who sat high in a tree with a piece of cheese in her beak. What a
fine bird, said the fox, and what a voice she must have; if only I could hear it! The
crow opened her beak to sing, and down fell the cheese. My dear, said the fox, you
have paid for a lesson: whoever flatters lives at the cost of whoever listens.
"""


def all_but(cases, *slow):
    """Parameters of a test, of which some are slow: run with `-m slow`."""
    missing = set(slow) - set(cases)
    assert not missing, f"no cases {missing}"
    mark = pytest.mark.slow
    return [pytest.param(c, marks=mark) if c in slow else c for c in cases]


@pytest.fixture(scope="session")
def corpus():
    """A short tale in 27 letters."""
    from plastica.data import ALPHABETS, Corpus

    letters = ALPHABETS["letters"]
    return Corpus("tale", letters.encode(TALE), letters, "0" * 64)


@pytest.fixture(scope="session")
def shared_data():
    """The folder of real data beside the repository."""
    if not SHARED.is_dir():
        pytest.skip("no shared/data beside the repository")
    return SHARED


@pytest.fixture
def two_devices():
    """Two devices, pretended or real."""
    if len(jax.devices()) < 2:
        pytest.skip("this machine has one device, and pretends no other")
    return jax.devices()[:2]


@pytest.fixture
def one_device(monkeypatch):
    """One device, for what is traced from here on."""
    first = jax.devices()[:1]
    monkeypatch.setattr(jax, "devices", lambda: first)


@pytest.fixture
def rng():
    """NumPy's generator from a fixed seed."""
    return np.random.default_rng(0)
