"""Whatever is read from disk, and however it is spoiled: refused, or as it was.

Of each kind that a run has a thousand are tried, by bytes or by the words of its JSON;
PLASTICA_FUZZ sets another number of each.
"""

import copy
import json
import logging
import os
import resource
import shutil
from collections import Counter
from pathlib import Path

import jax
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from jaxtyping import TypeCheckError
from safetensors.numpy import save as packed

from plastica.data import load, load_images
from plastica.errors import Refusal
from plastica.network import Network
from plastica.rules import PMLPHebb
from plastica.run.folder import CONFIG as NEEDED
from plastica.run.folder import RunFolder
from plastica.run.record import read_scores
from plastica.saving import load as load_rule
from plastica.saving import save
from plastica.shown import Shown
from plastica.store import (
    SAID,
    Damaged,
    checksum,
    read_bundle,
    read_json,
    write_bundle,
    write_json,
)

from .data.test_images import idx, png
from .test_folder import CONFIG

FIXTURES = Path(__file__).with_name("fixtures")
SCORES = FIXTURES / "memorise" / "scores.json"
FEW, BYTES, WORDS = (int(os.environ.get("PLASTICA_FUZZ", n)) for n in (50, 600, 400))
LARGE = 2**18  # KiB: no spoiled file makes this process grow by so much
RULE = PMLPHebb.random(jax.random.key(0), Network.layered(3, 2, 3), 4, 2)
PIXELS = np.random.default_rng(0).integers(0, 256, (6, 5, 4), np.uint8)


def state(generation):
    return {"mu": np.arange(4.0) + generation}


@st.composite
def spoiled(draw, whole: bytes, until: int | None = None):
    """A file's bytes cut, flipped, overwritten, swapped, repeated, grown, or random.

    `until` bounds where, for a payload of which any bytes are as good as any others.
    """
    until = until or len(whole)
    at = draw(st.integers(0, until - 1))
    kinds = ["cut", "flip", "overwrite", "insert", "repeat", "swap"]
    match draw(st.sampled_from(kinds + ["random"] * (until == len(whole)))):
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
        case "swap":
            cuts = sorted(draw(st.lists(st.integers(0, until), min_size=3, max_size=3)))
            one, two, three = cuts
            return whole[:one] + whole[two:three] + whole[one:two] + whole[three:]
        case "random":
            return draw(st.binary(max_size=200))
        case _:
            return whole[:at] + whole


class Rules:
    """A rule."""

    def __init__(self, folder, _):
        self.path, self.until = save(RULE, folder / "rule"), None

    def read(self):
        rule = load_rule(self.path)
        return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(rule)]


class Twins(Rules):
    """A rule as it was kept in two files."""

    def __init__(self, folder, suffix):
        for end in (".npz", ".json"):
            shutil.copy(FIXTURES / "genome" / f"rule{end}", folder)
        self.path, self.until = folder / f"rule{suffix}", None


class Checkpoints:
    """The newest of two checkpoints: the one before it is as good an answer."""

    def __init__(self, folder, _):
        self.folder, self.until = RunFolder(folder / "run"), None
        self.folder.create(CONFIG, state(0))
        self.folder.save_state(state(1), 1, 0.0)
        self.path = folder / "run" / "checkpoints" / "00000001.safetensors"

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


class Scores:
    """What a rule showed."""

    def __init__(self, folder, _):
        self.path, self.until = Path(shutil.copy(SCORES, folder)), None

    def read(self):
        return Shown.read(read_scores(self.path)).described()


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
    "rule": (Rules, None, BYTES),
    "checkpoint": (Checkpoints, None, BYTES),
    "config.json": (Config, None, BYTES),
    "metrics.jsonl": (Metrics, None, BYTES),
    "scores.json": (Scores, None, BYTES),
    "rule.npz": (Twins, ".npz", FEW),
    "rule.json": (Twins, ".json", FEW),
    "idx": (Idx, None, FEW),
    "png": (Png, None, FEW),
    "text": (Book, None, FEW),
}


def tries(examples):
    """So many, the same ones every time."""
    return settings(
        max_examples=examples,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        database=None,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_spoiled_file_is_refused_or_as_it_was(kind, tmp_path, request, caplog):
    make, word, examples = KINDS[kind]
    if kind == "text":
        word = request.getfixturevalue("shared_data")
    file = make(tmp_path, word)
    whole, answer = file.path.read_bytes(), file.read()
    counted, large = Counter(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    @tries(examples)
    @given(content=spoiled(whole, file.until))
    def tried(content):
        assume(content != whole)
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
    assert counted["refused"] > examples // 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < large + LARGE


def nested(value):
    for _ in range(300):
        value = [value]
    return value


ODD = [
    *(None, True, False, 0, 1, -1, 7, 10**30, -0.5, 1e300, float("nan"), float("inf")),
    *("", "a\nb\r\u2028c", "\ud800", "PMLPHebb", "../../etc/passwd", "x" * 5_000),
    *([], {}, [[]], [None], {"a": {}}, {"array": "layers.0.M1"}, nested(3)),
    *({"class": "PMLP", "fields": {}}, {"sizes": [10**9], "edges": [[0, 0]]}),
    {"kind": "Planes", "toys": {}},
]


@st.composite
def otherwise(draw, content):
    """JSON of which up to three places say something else, or are somewhere else."""
    content = copy.deepcopy(content)
    for _ in range(draw(st.integers(1, 3))):
        places = [
            (holder, key)
            for holder in walked(content)
            for key in (holder if isinstance(holder, dict) else range(len(holder)))
        ]
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        match draw(st.sampled_from(["odd", "drop", "wrap", "move", "rename", "twice"])):
            case "odd":
                holder[key] = copy.deepcopy(draw(st.sampled_from(ODD)))
            case "drop":
                del holder[key]
            case "wrap":
                holder[key] = draw(st.sampled_from([[holder[key]], {"a": holder[key]}]))
            case "move":
                other, place = draw(st.sampled_from(places))
                holder[key] = copy.deepcopy(other[place])
            case "rename" if isinstance(holder, dict):
                holder[draw(st.text(max_size=5))] = holder.pop(key)
            case "twice" if isinstance(holder, list):
                holder.insert(key, copy.deepcopy(holder[key]))
    return content


def walked(content):
    """All objects and lists of some JSON."""
    if isinstance(content, dict | list):
        yield content
        for each in content.values() if isinstance(content, dict) else content:
            yield from walked(each)


def header(path):
    """What a bundle's header says, but for the checksum."""
    whole = path.read_bytes()
    told = json.loads(whole[8 : 8 + int.from_bytes(whole[:8], "little")])
    about = json.loads(told["__metadata__"][SAID])
    return {name: each for name, each in about.items() if name != "checksum"}


class Told:
    """A file's JSON, and what writes other JSON there and reads and checks it."""

    def __init__(self, file):
        self.file, self.content = file, CONFIG

    def write(self, content):
        write_json(self.file.path, content)

    def read(self):
        self.file.read()


class ToldConfig(Told):
    def read(self):
        config = self.file.read()
        assert all(isinstance(config[name], kind) for name, kind in NEEDED.items())


class ToldScores(Told):
    def __init__(self, file):
        self.file, self.content = file, read_json(file.path)


class ToldMetrics(Told):
    def __init__(self, file):
        self.file, self.content = file, file.rows[1]

    def write(self, content):
        self.file.path.write_bytes(b"")
        self.file.folder.append([content])

    def read(self):
        for row in self.file.folder.rows():
            assert all(
                isinstance(number, int | float | None) for number in row.values()
            )


class ToldCheckpoint(Told):
    """The header says itself what its arrays are."""

    def __init__(self, file):
        self.file, self.content = file, header(file.path)
        self.arrays, _ = read_bundle(file.path.with_suffix(""))

    def write(self, content):
        sealed = json.dumps(content | {"checksum": checksum(content)})
        self.file.path.write_bytes(packed(self.arrays, {SAID: sealed}))


class ToldRule(ToldCheckpoint):
    def read(self):
        for like in (RULE, None):
            assert isinstance(load_rule(self.file.path, like), PMLPHebb)


TOLD = {
    "rule": ToldRule,
    "checkpoint": ToldCheckpoint,
    "config.json": ToldConfig,
    "metrics.jsonl": ToldMetrics,
    "scores.json": ToldScores,
}


@pytest.mark.parametrize("kind", TOLD)
def test_json_that_vouches_for_itself_and_says_something_else(kind, tmp_path, caplog):
    """It is refused in a line, or it is another that can be used; nothing is raised."""
    told, counted = TOLD[kind](KINDS[kind][0](tmp_path, None)), Counter()
    told.write(told.content)
    told.read()

    @tries(WORDS)
    @given(content=otherwise(told.content))
    def tried(content):
        told.write(content)
        try:
            with caplog.at_level(logging.CRITICAL):
                told.read()
        except Refusal as refusal:
            counted["refused"] += len(str(refusal).splitlines()) == 1
        except TypeCheckError:  # by what tests check and nobody else does
            counted["checked"] += 1
        else:
            counted["taken"] += 1

    tried()
    print(f"{kind}: {dict(counted)}")
    assert sum(counted.values()) == WORDS


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
