"""How JAX is set up on a machine."""

import os
import subprocess
import sys
from dataclasses import replace

import jax
import pytest

import plastica as pl
from plastica import machine
from plastica.errors import Refusal
from plastica.experiments.evolved_rules import memorise
from plastica.run.memory import needed, refuse_too_large, scaled

from .runs import ROOT

OTHERS = "--xla_cpu_multi_thread_eigen=false"


@pytest.mark.parametrize(
    ("processor", "jaxlib", "before", "after"),
    [
        ("sse avx2 avx512f", "0.10.2", OTHERS, f"{OTHERS} {machine.WIDTH}=512"),
        ("sse avx2 avx512f", "0.10.2", "", f"{machine.WIDTH}=512"),
        ("sse avx2 avx512f", "0.10.2", f"{machine.WIDTH}=256", f"{machine.WIDTH}=256"),
        ("sse avx2 avx512f", "0.11.0", OTHERS, OTHERS),
        ("sse avx2", "0.10.2", OTHERS, OTHERS),
        ("", "0.10.2", OTHERS, OTHERS),
    ],
)
def test_vectors_are_wide_where_there_are_such(
    monkeypatch, processor, jaxlib, before, after
):
    monkeypatch.setenv("XLA_FLAGS", before)
    monkeypatch.setattr(machine, "_linux_says", lambda of: processor)
    monkeypatch.setattr(machine, "version", lambda name: jaxlib)
    machine._use_wide_vectors()
    assert os.environ["XLA_FLAGS"] == after


def test_a_processor_has_a_name():
    assert machine.description()["processor"]


SAYS = "from plastica.cli.options import Machine; Machine().set_up(); import jax; "
SAYS += "print(len(jax.devices()), jax.numpy.ones(1).dtype)"


def ended(asked, *words, **options):
    """A Python process that has ended, in an environment that asks this of JAX."""
    env = os.environ | {"JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)} | asked
    options |= {"env": env, "capture_output": True, "text": True, "timeout": 120}
    return subprocess.run([sys.executable, *words], **options)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"JAX_NUM_CPU_DEVICES": "3"}, "3 float32"),
        ({"XLA_FLAGS": "--xla_force_host_platform_device_count=3"}, "3 float32"),
        ({"JAX_NUM_CPU_DEVICES": "1", "JAX_ENABLE_X64": "1"}, "1 float64"),
    ],
)
def test_what_the_environment_asks_of_jax_is_done(asked, said):
    assert ended(asked, "-c", SAYS).stdout.strip() == said


@pytest.mark.parametrize(
    ("asked", "words"), [({"JAX_PLATFORMS": "cuda"}, []), ({}, ["--device", "gpu"])]
)
def test_a_device_that_is_not_there_is_refused_in_one_line(asked, words, tmp_path):
    if jax.default_backend() != "cpu":
        pytest.skip("this machine has such a device")
    words = ["-m", "plastica", "train", "--generations", "1", *words]
    process = ended(asked, *words, cwd=tmp_path)
    assert process.returncode == 2 and len(process.stderr.splitlines()) == 1
    assert "no device 'cuda' on this machine" in process.stderr
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("limit", "used"),
    [
        ("pod/box/memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory.usage_in_bytes"),
    ],
)
def test_memory_that_is_free_counts_control_groups(limit, used, tmp_path, monkeypatch):
    (tmp_path / limit).parent.mkdir(parents=True)
    (tmp_path / limit).write_text("1000000\n")
    (tmp_path / limit).with_name(used).write_text("500000\n")
    stat = "anon 400000\ninactive_file 60000\nactive_file 40000\n"
    (tmp_path / limit).with_name("memory.stat").write_text(stat)
    words = machine._linux_says
    own = {"self/cgroup": ":/pod/box"}  # as "0::/pod/box" is split
    monkeypatch.setattr(
        machine,
        "_linux_says",
        lambda of, where="cpuinfo": own.get(where) or words(of, where),
    )
    monkeypatch.setattr(machine, "GROUPS", tmp_path)
    assert machine.room() == 1_000_000 - 400_000


def test_lives_that_do_not_fit_are_refused_before_they_are_made(monkeypatch, tmp_path):
    made = memorise(text="python-docs", length=10, hidden=40, generations=1)
    given = made.search, made.learner, made.objective
    enough = needed(*given, 4)
    monkeypatch.setattr(machine, "room", lambda: enough)
    refuse_too_large(*given, 4)
    monkeypatch.setattr(machine, "room", lambda: enough - 1)
    with pytest.raises(Refusal, match="layers of 27, 39, 27 units fit"):
        refuse_too_large(*given, 4)
    assert needed(*given, 8) > enough
    assert needed(made.search, scaled(made.learner, 0.5), made.objective, 4) < enough
    with pytest.raises(Refusal, match="GiB of memory"):
        pl.train(replace(made, learner=scaled(made.learner, 1e6)), tmp_path / "run")
    assert not (tmp_path / "run").exists()
