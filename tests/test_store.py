"""Bundles on disk: whole or refused, and said in one line."""

import errno
import io
import os
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plastica import store
from plastica.errors import Refusal
from plastica.store import Damaged, read_bundle, read_json, write_bundle, write_json

ARRAYS = {
    "theta": np.arange(6, dtype=np.float32).reshape(2, 3),
    "told": np.zeros((0, 4)),
    "seed": np.array(7),
}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "some"
    write_bundle(path, ARRAYS, {"generation": 12})
    return path


def test_a_bundle_comes_back_as_it_was(bundle):
    arrays, about = read_bundle(bundle)
    assert about["generation"] == 12
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)


def test_the_same_arrays_are_the_same_bytes(bundle, tmp_path):
    write_bundle(tmp_path / "some", ARRAYS, {"generation": 12})
    for suffix in (".npz", ".json"):
        name = f"some{suffix}"
        assert (tmp_path / name).read_bytes() == (bundle.parent / name).read_bytes()


def test_a_dot_in_a_name_is_part_of_it(tmp_path):
    for rate in ("rate=0.1", "rate=0.2"):
        write_bundle(tmp_path / rate, ARRAYS, {"rate": rate})
    assert read_bundle(tmp_path / "rate=0.1")[1]["rate"] == "rate=0.1"
    assert (tmp_path / "rate=0.2.npz").is_file()


@settings(max_examples=150)
@given(st.data())
def test_any_altered_byte_is_noticed_or_changes_nothing(bundle, data):
    suffix = data.draw(st.sampled_from([".json", ".npz"]))
    whole = (bundle.parent / f"some{suffix}").read_bytes()
    position = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255))
    altered = whole[:position] + bytes([byte]) + whole[position + 1 :]
    _read_as(bundle, suffix, altered, noticed=suffix == ".npz" and altered != whole)


@settings(max_examples=60)
@given(st.data())
def test_any_truncation_is_noticed(bundle, data):
    suffix = data.draw(st.sampled_from([".json", ".npz"]))
    whole = (bundle.parent / f"some{suffix}").read_bytes()
    length = data.draw(st.integers(0, len(whole) - 2))  # JSON ends in a line's end
    _read_as(bundle, suffix, whole[:length], noticed=True)


def _read_as(bundle, suffix, content, noticed):
    """Reads a copy with one file replaced: `Damaged`, or all that it should be."""
    aside = bundle.parent / "altered"
    for other in (".json", ".npz"):
        theirs = (bundle.parent / f"some{other}").read_bytes()
        (bundle.parent / f"altered{other}").write_bytes(
            content if other == suffix else theirs
        )
    try:
        arrays, about = read_bundle(aside)
    except Damaged:
        return
    assert not noticed
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)
    assert about.get("generation") == 12


def test_a_bundle_half_copied_says_which_half_is_missing(bundle, tmp_path):
    (tmp_path / "some.json").write_bytes((bundle.parent / "some.json").read_bytes())
    with pytest.raises(Damaged, match=r"some.npz is missing beside its .json"):
        read_bundle(tmp_path / "some")


def test_two_bundles_mixed_are_noticed(tmp_path):
    write_bundle(tmp_path / "a", ARRAYS, {})
    write_bundle(tmp_path / "b", ARRAYS | {"seed": np.array(8)}, {})
    (tmp_path / "b.npz").replace(tmp_path / "a.npz")
    with pytest.raises(Damaged, match="truncated or altered"):
        read_bundle(tmp_path / "a")


def test_nothing_is_unpickled(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    _forged(tmp_path / "evil", {"theta": np.array([Trap()], dtype=object)})
    with pytest.raises(Damaged, match="not an archive of arrays"):
        read_bundle(tmp_path / "evil")
    assert not (tmp_path / "sprung").exists()


def test_an_archive_that_would_unpack_to_more_than_memory_is_refused(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(store, "LARGEST", 1000)
    write_bundle(tmp_path / "large", {"theta": np.zeros(1000)}, {})
    with pytest.raises(Damaged, match="would unpack to"):
        read_bundle(tmp_path / "large")


def test_a_header_that_promises_too_much_is_refused(tmp_path):
    header = io.BytesIO()
    shape = {"descr": "<f8", "fortran_order": False, "shape": (10**15,)}
    np.lib.format.write_array_header_1_0(header, shape)
    _forged_bytes(tmp_path / "vast", {"theta.npy": header.getvalue()})
    with pytest.raises(Damaged):
        read_bundle(tmp_path / "vast")


def test_a_member_with_a_path_for_a_name_is_written_nowhere(tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    array = io.BytesIO()
    np.save(array, np.zeros(2))
    _forged_bytes(inner / "tricky", {"../outside.npy": array.getvalue()})
    with pytest.raises(Damaged):
        read_bundle(inner / "tricky")
    assert not list(tmp_path.glob("outside*"))


def _forged(path, arrays):
    np.savez(path.with_suffix(".npz"), **arrays)
    _described(path)


def _forged_bytes(path, members):
    with zipfile.ZipFile(path.with_suffix(".npz"), "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    _described(path)


def _described(path):
    """A .json that vouches for whatever is beside it."""
    about = {"sha256": store.sha256(path.with_suffix(".npz")), "arrays": {}}
    write_json(path.with_suffix(".json"), about)


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


CALLS = ("write", "fsync", "replace")


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("nth", [1, 2])
def test_a_full_disk_leaves_the_bundle_that_was_there(tmp_path, monkeypatch, call, nth):
    write_bundle(tmp_path / "best", ARRAYS, {"generation": 1})
    with monkeypatch.context() as patched:
        no_room(patched, call, nth)
        with pytest.raises(Refusal, match="no space left.*make room") as caught:
            write_bundle(tmp_path / "best", {"theta": np.ones(9)}, {"generation": 2})
    assert "\n" not in str(caught.value)
    if (call, nth) != ("replace", 2):  # which needs no room, since it only renames
        assert read_bundle(tmp_path / "best")[1]["generation"] == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["best.json", "best.npz"]
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

    if call == "write":
        real = store._json if nth == 2 else np.savez
        nth = 1
        patched.setattr(
            *(store, "_json") if real is store._json else (np, "savez"), full
        )
    else:
        real = getattr(os, call)
        patched.setattr(os, call, full)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EACCES, "no permission to write"),
        (errno.EROFS, "read-only file system"),
        (errno.EDQUOT, "quota exceeded"),
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
