"""Bundles on disk: whole or refused, and said in one line."""

import errno
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import numpy as jnp
from safetensors.numpy import save

from plastica import store
from plastica.errors import Refusal
from plastica.store import Damaged, read_bundle, read_json, write_bundle, write_json

ARRAYS = {
    "theta": np.arange(6, dtype=np.float32).reshape(2, 3),
    "told": np.zeros((0, 4)),
    "seed": np.array(7),
    "turned": np.arange(6).reshape(2, 3).T,
}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "some"
    write_bundle(path, ARRAYS, {"generation": 12})
    return path


def test_a_bundle_comes_back_as_it_was(bundle):
    assert [path.name for path in bundle.parent.iterdir()] == ["some.safetensors"]
    arrays, about = read_bundle(bundle)
    assert about == {"generation": 12}
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)


def test_the_same_arrays_are_the_same_bytes(bundle, tmp_path):
    other = write_bundle(tmp_path / "some", ARRAYS, {"generation": 12})
    assert other.read_bytes() == bundle.with_suffix(".safetensors").read_bytes()


def test_a_dot_in_a_name_is_part_of_it(tmp_path):
    for rate in ("rate=0.1", "rate=0.2"):
        write_bundle(tmp_path / rate, ARRAYS, {"rate": rate})
    assert read_bundle(tmp_path / "rate=0.1")[1]["rate"] == "rate=0.1"
    assert (tmp_path / "rate=0.2.safetensors").is_file()


@settings(max_examples=150)
@given(st.data())
def test_any_altered_byte_is_noticed_or_changes_nothing(bundle, data):
    whole = bundle.with_suffix(".safetensors").read_bytes()
    position = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255))
    altered = whole[:position] + bytes([byte]) + whole[position + 1 :]
    _read_as(bundle, altered, noticed=altered.split() != whole.split())


@settings(max_examples=60)
@given(st.data())
def test_any_truncation_is_noticed(bundle, data):
    whole = bundle.with_suffix(".safetensors").read_bytes()
    length = data.draw(st.integers(0, len(whole) - 1))
    _read_as(bundle, whole[:length], noticed=True)
    _read_as(bundle, whole + whole[:length], noticed=length > 0)


def _read_as(bundle, content, noticed):
    """Reads a copy with other bytes: `Damaged`, or all that it should be."""
    aside = bundle.parent / "altered"
    aside.with_suffix(".safetensors").write_bytes(content)
    try:
        arrays, about = read_bundle(aside)
    except Damaged:
        return
    finally:
        aside.with_suffix(".safetensors").unlink()
    assert not noticed
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)
    assert about == {"generation": 12}


def test_what_is_missing_is_damaged(tmp_path):
    with pytest.raises(Damaged, match=r"cannot read .*some.safetensors: no such file"):
        read_bundle(tmp_path / "some")


def test_a_folder_of_that_name_is_damaged(tmp_path):
    (tmp_path / "some.safetensors").mkdir()
    with pytest.raises(Damaged, match="is a directory"):
        read_bundle(tmp_path / "some")


def sealed(**about):
    """What a header says, vouching for itself."""
    return {store.SAID: json.dumps(about | {"checksum": store.checksum(about)})}


FITS = {"arrays": store.layout({"x": np.zeros(2)})}
STRANGE = {
    "of another program": (None, "another program's"),
    "of another program, with words": ({"format": "pt"}, "another program's"),
    "with more words": (sealed() | {"format": "pt"}, "another program's"),
    "no JSON": ({store.SAID: "{"}, "not readable as JSON"),
    "a list": ({store.SAID: "[1]"}, "holds no JSON object"),
    "too deep": ({store.SAID: "[" * 100_000}, "not readable as JSON"),
    "without a checksum": ({store.SAID: "{}"}, "its checksum is not the recorded"),
    "without sums": (sealed(**FITS), "its arrays are not those"),
    "of other arrays": (sealed(**FITS, sha256="0" * 64), "its arrays are not those"),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_a_header_that_says_something_else_is_refused(tmp_path, kind):
    metadata, said = STRANGE[kind]
    content = save({"x": np.zeros(2)}, metadata)
    (tmp_path / "strange.safetensors").write_bytes(content)
    with pytest.raises(Damaged, match=said) as caught:
        read_bundle(tmp_path / "strange")
    assert "\n" not in str(caught.value)


def test_arrays_of_another_shape_or_type_are_refused(tmp_path):
    arrays = {"x": np.arange(4.0)}
    told = {"arrays": store.layout(arrays), "sha256": store._sha256(arrays)}
    for other in (arrays["x"].reshape(2, 2), arrays["x"].view(np.int64)):
        content = save({"x": other}, sealed(**told))
        (tmp_path / "a.safetensors").write_bytes(content)
        with pytest.raises(Damaged, match="other arrays than"):
            read_bundle(tmp_path / "a")


LENGTHS = (0, 1, 7, 100_000_001, 2**31, 2**63, 2**64 - 1)


@pytest.mark.parametrize("length", LENGTHS)
def test_a_header_that_is_none_is_refused(bundle, tmp_path, length):
    whole = bundle.with_suffix(".safetensors").read_bytes()
    content = length.to_bytes(8, "little") + whole[8:]
    (tmp_path / "none.safetensors").write_bytes(content)
    with pytest.raises(Damaged, match="truncated or altered"):
        read_bundle(tmp_path / "none")


HEADERS = (
    {"x": {"dtype": "F64", "shape": [10**15], "data_offsets": [0, 8 * 10**15]}},
    {"x": {"dtype": "F64", "shape": [0, 2**63], "data_offsets": [0, 0]}},
    {"x": {"dtype": "F64", "shape": [0] * 65, "data_offsets": [0, 0]}},
    {"x": {"dtype": "F64", "shape": [-1], "data_offsets": [0, -8]}},
    {"x": {"dtype": "F64", "shape": [1], "data_offsets": [8, 16]}},
    {"x": {"dtype": "BF16", "shape": [4], "data_offsets": [0, 8]}},
    {"x": {"dtype": "O", "shape": [1], "data_offsets": [0, 8]}},
    {"__metadata__": None, "x": {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]}},
    {"__metadata__": {"plastica": 3}},
    [],
)


@pytest.mark.parametrize("header", HEADERS, ids=str)
def test_a_header_that_promises_what_is_not_there_is_refused(tmp_path, header):
    told = json.dumps(header).encode()
    content = len(told).to_bytes(8, "little") + told + bytes(8)
    (tmp_path / "vast.safetensors").write_bytes(content)
    with pytest.raises(Damaged):
        read_bundle(tmp_path / "vast")


def test_a_file_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    with (tmp_path / "vast.safetensors").open("wb") as file:
        file.truncate(store.LARGEST + 1)  # of which the disk keeps nothing
    with pytest.raises(Damaged, match="has 17,179,869,185 bytes, too many; refused"):
        read_bundle(tmp_path / "vast")
    (tmp_path / "endless.json").symlink_to("/dev/zero")
    with pytest.raises(Damaged, match="not readable as JSON"):
        read_json(tmp_path / "endless.json")


@pytest.mark.parametrize("kind", ["object", "complex128", "longdouble", "U3", "M8[s]"])
def test_types_that_would_not_come_back_are_refused(tmp_path, kind):
    with pytest.raises(Refusal, match="x is .*, which is not saved; cast it"):
        write_bundle(tmp_path / "odd", {"x": np.zeros(2, kind)}, {})
    half = np.asarray(jnp.zeros(2, jnp.bfloat16))
    with pytest.raises(Refusal, match="x is bfloat16"):
        write_bundle(tmp_path / "odd", {"x": half}, {})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not readable as JSON"),
        (b"\xff\xfe\x00", "not readable as JSON"),
        (b"[1, 2]", "holds no JSON object"),
        (b"[" * 100_000, "not readable as JSON"),
        (b"{}", "its checksum is not the recorded one"),
    ],
    ids=["empty", "binary", "a list", "too deep", "an object of nobody's"],
)
def test_json_is_an_object_as_it_was_written_or_refused(tmp_path, content, said):
    write_json(tmp_path / "b.json", {"a": 1})
    assert read_json(tmp_path / "b.json") == {"a": 1}
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(Damaged, match=said) as caught:
        read_json(tmp_path / "a.json")
    assert "\n" not in str(caught.value)


FULL = [("write", 1), ("fsync", 1), ("replace", 1), ("fsync", 2)]


@pytest.mark.parametrize(("call", "nth"), FULL)
def test_a_full_disk_leaves_the_bundle_that_was_there(tmp_path, monkeypatch, call, nth):
    write_bundle(tmp_path / "best", ARRAYS, {"generation": 1})
    with monkeypatch.context() as patched:
        no_room(patched, call, nth)
        with pytest.raises(Refusal, match="no space left.*make room") as caught:
            write_bundle(tmp_path / "best", {"theta": np.ones(9)}, {"generation": 2})
    assert "\n" not in str(caught.value)
    renamed = (call, nth) == ("fsync", 2)  # then only the folder was left to sync
    assert read_bundle(tmp_path / "best")[1]["generation"] == 1 + renamed
    assert [path.name for path in tmp_path.iterdir()] == ["best.safetensors"]
    write_bundle(tmp_path / "best", {"theta": np.ones(9)}, {"generation": 2})
    assert read_bundle(tmp_path / "best")[1]["generation"] == 2


def no_room(patched, call, nth):
    """From its nth call on, a function of the file system finds the disk full."""
    calls = 0

    def full(*words, **named):
        nonlocal calls
        calls += 1
        if calls >= nth:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*words, **named)

    class Full(io.FileIO):
        write = full

    if call == "write":
        patched.setattr(Path, "open", lambda path, mode: Full(path, mode))
    else:
        real = getattr(os, call)
        patched.setattr(os, call, full)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EACCES, "permission denied"),
        (errno.EROFS, "read-only file system"),
        (errno.EDQUOT, "disk quota exceeded"),
        (errno.EIO, "input/output error"),
    ],
)
def test_what_cannot_be_written_is_said_in_a_line(tmp_path, monkeypatch, number, said):
    def refuse(*words):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(Refusal, match=said) as caught:
        write_json(tmp_path / "a.json", {})
    assert "\n" not in str(caught.value) and "another folder" in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(Refusal, match="no such file or directory; choose another"):
        write_json(tmp_path / "nowhere" / "a.json", {})
