"""Bundles as they were written before, NAME.npz and NAME.json: read, or refused."""

import io
import os
import zipfile
from hashlib import sha256

import equinox as eqx
import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plastica import store
from plastica.network import Network
from plastica.rules import PMLPHebb
from plastica.saving import arrays_of, load, save
from plastica.store import Damaged, read_bundle, write_bundle, write_json

ARRAYS = {
    "theta": np.arange(6, dtype=np.float32).reshape(2, 3),
    "told": np.zeros((0, 4)),
    "seed": np.array(7),
}


def write_twins(path, arrays, about):
    """As it was done until bundles became one file."""
    np.savez(store.suffixed(path, ".npz"), **arrays)
    described(path, store.layout(arrays), about)


def described(path, listed, about=None):
    """A .json that vouches for whatever is beside it."""
    found = sha256(store.suffixed(path, ".npz").read_bytes()).hexdigest()
    told = {"sha256": found, "arrays": listed}
    write_json(store.suffixed(path, ".json"), (about or {}) | told)


def forged(path, members):
    with zipfile.ZipFile(path.with_suffix(".npz"), "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    described(path, {})


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    path = tmp_path_factory.mktemp("twins") / "some"
    write_twins(path, ARRAYS, {"generation": 12})
    return path


def test_twins_come_back_as_they_were(twins):
    arrays, about = read_bundle(twins)
    assert about == {"generation": 12}
    assert store.layout(arrays) == store.layout(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)


def test_a_rule_is_found_by_either_name_and_the_new_file_wins(tmp_path):
    keys = jax.random.split(jax.random.key(0))
    old, new = (PMLPHebb.random(k, Network.layered(3, 2, 3), 4, 2) for k in keys)
    save(old, tmp_path / "rule")
    _, about = read_bundle(tmp_path / "rule")
    (tmp_path / "rule.safetensors").unlink()
    write_twins(tmp_path / "rule", arrays_of(old), about)
    names = ("rule.npz", "rule.json", "rule", "rule.safetensors", "")
    for wanted in (old, new):
        for name in names:
            assert eqx.tree_equal(load(tmp_path / name), wanted)
        save(new, tmp_path / "rule")


@settings(max_examples=150)
@given(st.data())
def test_any_altered_byte_is_noticed_or_changes_nothing(twins, data):
    suffix = data.draw(st.sampled_from([".json", ".npz"]))
    whole = (twins.parent / f"some{suffix}").read_bytes()
    position = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255))
    altered = whole[:position] + bytes([byte]) + whole[position + 1 :]
    read_as(twins, suffix, altered, noticed=suffix == ".npz" and altered != whole)


@settings(max_examples=60)
@given(st.data())
def test_any_truncation_is_noticed(twins, data):
    suffix = data.draw(st.sampled_from([".json", ".npz"]))
    whole = (twins.parent / f"some{suffix}").read_bytes()
    length = data.draw(st.integers(0, len(whole) - 2))  # JSON ends in a line's end
    read_as(twins, suffix, whole[:length], noticed=True)


def read_as(twins, suffix, content, noticed):
    """Reads a copy with one file replaced: `Damaged`, or all that it should be."""
    aside = twins.parent / "altered"
    for other in (".json", ".npz"):
        theirs = (twins.parent / f"some{other}").read_bytes()
        whole = content if other == suffix else theirs
        (twins.parent / f"altered{other}").write_bytes(whole)
    try:
        arrays, about = read_bundle(aside)
    except Damaged:
        return
    assert not noticed
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)
    assert about.get("generation") == 12


def test_a_twin_alone_is_damaged(twins, tmp_path):
    (tmp_path / "some.json").write_bytes(twins.with_suffix(".json").read_bytes())
    with pytest.raises(Damaged, match=r"cannot read .*some.npz: no such file"):
        read_bundle(tmp_path / "some")


def test_a_twin_of_another_is_noticed(twins):
    other = twins.with_name("other")
    write_twins(other, ARRAYS | {"seed": np.array(8)}, {})
    other.with_suffix(".json").write_bytes(twins.with_suffix(".json").read_bytes())
    with pytest.raises(Damaged, match="truncated or altered"):
        read_bundle(other)


def test_nothing_is_unpickled(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    write_twins(tmp_path / "evil", {"theta": np.array([Trap()], dtype=object)}, {})
    with pytest.raises(Damaged, match="not an archive of arrays"):
        read_bundle(tmp_path / "evil")
    assert not (tmp_path / "sprung").exists()


def test_an_archive_that_would_unpack_to_more_than_memory_is_refused(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(store, "LARGEST", 2000)
    write_twins(tmp_path / "large", {"theta": np.zeros(10_000)}, {})
    with pytest.raises(Damaged, match="has 80,.* bytes, too many"):
        read_bundle(tmp_path / "large")
    packed = io.BytesIO()
    np.savez_compressed(packed, theta=np.zeros(10_000))
    (tmp_path / "large.npz").write_bytes(packed.getvalue())
    described(tmp_path / "large", {})
    with pytest.raises(Damaged, match="would unpack to 80,"):
        read_bundle(tmp_path / "large")


def test_a_header_that_promises_too_much_is_refused(tmp_path):
    header = io.BytesIO()
    shape = {"descr": "<f8", "fortran_order": False, "shape": (10**15,)}
    np.lib.format.write_array_header_1_0(header, shape)
    forged(tmp_path / "vast", {"theta.npy": header.getvalue()})
    with pytest.raises(Damaged):
        read_bundle(tmp_path / "vast")


def test_a_member_with_a_path_for_a_name_is_written_nowhere(tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    array = io.BytesIO()
    np.save(array, np.zeros(2))
    forged(inner / "tricky", {"../outside.npy": array.getvalue()})
    with pytest.raises(Damaged):
        read_bundle(inner / "tricky")
    assert not list(tmp_path.glob("outside*"))


@pytest.mark.parametrize("content", [b"", b"PK", b"\x93NUMPY\x01\x00"])
def test_what_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "none.npz").write_bytes(content)
    described(tmp_path / "none", {})
    with pytest.raises(Damaged, match="not an archive of arrays"):
        read_bundle(tmp_path / "none")
    array = io.BytesIO()
    np.save(array, np.zeros(2))
    (tmp_path / "none.npz").write_bytes(array.getvalue())
    described(tmp_path / "none", {})
    with pytest.raises(Damaged, match="not an archive of arrays"):
        read_bundle(tmp_path / "none")


def test_new_bundles_are_never_twins(twins, tmp_path):
    write_bundle(tmp_path / "some", *read_bundle(twins))
    assert [path.name for path in tmp_path.iterdir()] == ["some.safetensors"]
