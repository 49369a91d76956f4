"""How JAX is set up on a machine."""

import os
import subprocess
import sys

import jax
import pytest

from plastica import machine

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
    monkeypatch.setattr(machine, "_told", lambda of: processor)
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
