"""Whatever is read from disk, and however it is spoiled: refused, or as it was.

PLASTICA_FUZZ sets how many spoiled files of each kind are tried.
"""

import logging
import os
from collections import Counter

import jax
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plastica.data import load, load_images
from plastica.errors import Refusal
from plastica.network import Network
from plastica.rules import PMLPHebb
from plastica.run.folder import RunFolder
from plastica.saving import load as load_rule
from plastica.saving import save
from plastica.store import Damaged, read_bundle, write_bundle

from .data.test_images import idx, png
from .test_folder import CONFIG

EXAMPLES = int(os.environ.get("PLASTICA_FUZZ", "50"))
RULE = PMLPHebb.random(jax.random.key(0), Network.layered(3, 2, 3), 4, 2)
PIXELS = np.random.default_rng(0).integers(0, 256, (6, 5, 4), np.uint8)


def state(generation):
    return {"mu": np.arange(4.0) + generation}


@st.composite
def spoiled(draw, whole: bytes, until: int | None = None):
    """A file's bytes truncated, flipped, overwritten, repeated or grown.

    `until` bounds where, for a payload of which any bytes are as good as any others.
    """
    until = until or len(whole)
    at = draw(st.integers(0, until - 1))
    match draw(st.sampled_from(["cut", "flip", "overwrite", "insert", "repeat"])):
        case "cut":
            return whole[: draw(st.integers(0, len(whole) - 1))]
        case "flip":
            places = draw(st.lists(st.integers(0, 8 * until - 1), min_size=1))
            content = bytearray(whole)
            for place in places:
                content[place // 8] ^= 1 << place % 8
            return bytes(content)
        case "overwrite":
            new = draw(st.binary(min_size=1, max_size=min(40, until - at)))
            return whole[:at] + new + whole[at + len(new) :]
        case "insert":
            return whole[:at] + draw(st.binary(min_size=1, max_size=40)) + whole[at:]
        case _:
            return whole[:at] + whole


class Rules:
    """A rule's two files."""

    def __init__(self, folder, suffix):
        save(RULE, folder / "rule")
        self.path, self.until = folder / f"rule{suffix}", None

    def read(self):
        rule = load_rule(self.path.parent / "rule")
        return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(rule)]


class Checkpoints:
    """The newest of two checkpoints: the one before it is as good an answer."""

    def __init__(self, folder, suffix):
        self.folder, self.until = RunFolder(folder / "run"), None
        self.folder.create(CONFIG, state(0))
        self.folder.save_state(state(1), 1, 0.0)
        self.path = folder / "run" / "checkpoints" / f"00000001{suffix}"

    def read(self):
        restored, generation, _ = self.folder.restore(state(0))
        assert np.array_equal(restored["mu"], state(generation)["mu"])
        if generation == 0:
            raise Damaged("passed over")
        return generation


class Config:
    """What a run was started with."""

    def __init__(self, folder, _):
        self.folder, self.until = RunFolder(folder / "run"), None
        self.folder.create(CONFIG, state(0))
        self.path = folder / "run" / "config.json"

    def read(self):
        return self.folder.config()


class Metrics:
    """Lines of losses: those that were spoiled are left out."""

    rows = tuple({"generation": i, "train/loss": 3.25 - 0.1 * i} for i in range(4))

    def __init__(self, folder, _):
        self.folder, self.until = RunFolder(folder), None
        self.folder.append(list(self.rows))
        self.path = self.folder.metrics

    def read(self):
        rows = self.folder.rows()
        assert all(row in self.rows for row in rows)
        if len(rows) < len(self.rows):
            raise Damaged("left out")
        return {row["generation"] for row in rows}


class Idx:
    """Images and labels as MNIST has them; pixels may be any."""

    def __init__(self, folder, _):
        (folder / "train-labels-idx1-ubyte").write_bytes(idx(np.arange(6) % 2))
        self.path = folder / "train-images-idx3-ubyte"
        self.path.write_bytes(idx(PIXELS))
        self.until = 16  # the header

    def read(self):
        return load_images(self.path.parent).images.shape


class Png:
    """Images in a folder a class."""

    def __init__(self, folder, _):
        for i, image in enumerate(PIXELS):
            path = folder / "abc"[i % 3] / f"{i}.png"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(png(image))
        self.path, self.until = folder / "a" / "0.png", None

    def read(self):
        return load_images(self.path.parents[1]).sha256


class Book:
    """A text that is listed under its name with a checksum."""

    def __init__(self, folder, shared):
        whole = (shared / "text" / "wizard_of_oz.txt").read_bytes()
        self.folder, self.until = folder, None
        self.path = folder / "text" / "wizard_of_oz.txt"
        self.path.parent.mkdir()
        self.path.write_bytes(whole)

    def read(self):
        return load("wizard-of-oz", folder=self.folder).sha256


KINDS = {
    "rule.npz": (Rules, ".npz"),
    "rule.json": (Rules, ".json"),
    "checkpoint.npz": (Checkpoints, ".npz"),
    "checkpoint.json": (Checkpoints, ".json"),
    "config.json": (Config, None),
    "metrics.jsonl": (Metrics, None),
    "idx": (Idx, None),
    "png": (Png, None),
    "text": (Book, None),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_spoiled_file_is_refused_or_as_it_was(kind, tmp_path, request, caplog):
    make, word = KINDS[kind]
    if kind == "text":
        word = request.getfixturevalue("shared_data")
    file = make(tmp_path, word)
    whole, answer = file.path.read_bytes(), file.read()
    counted = Counter()

    @settings(
        max_examples=EXAMPLES,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        database=None,
    )
    @given(content=spoiled(whole, file.until))
    def tried(content):
        file.path.write_bytes(content)
        with caplog.at_level(logging.CRITICAL):
            try:
                read = file.read()
            except Refusal as refusal:
                counted["refused"] += "\n" not in str(refusal)
                return
        counted["as it was"] += read == answer
        assert read == answer, "accepted, and another"

    tried()
    print(f"{kind}: {sum(counted.values())} tried, {dict(counted)}, 0 accepted wrongly")
    assert counted["refused"] > EXAMPLES // 2


def test_arrays_that_vouch_for_themselves_but_do_not_fit_are_refused(tmp_path):
    save(RULE, tmp_path / "rule")
    arrays, about = read_bundle(tmp_path / "rule")
    for name, spoil in (
        ("layers.0.M1", lambda a: a[:, :-1]),
        ("layers.0.M1", lambda a: a.astype(np.int32)),
        ("layers.1.b3", lambda a: a[None]),
        ("layers.2.M3", lambda a: np.full_like(a, np.nan)),
        ("layers.0.b1", lambda a: a[:0]),
    ):
        write_bundle(tmp_path / "bad", arrays | {name: spoil(arrays[name])}, about)
        with pytest.raises(Damaged):
            load_rule(tmp_path / "bad")
