"""How JAX is set up on a machine."""

import os

import pytest

from plastica import machine

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
