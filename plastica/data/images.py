"""Labelled images: what a classifier learns from, 256 greys to a pixel.

An `ImageSet` is images with a class each, in three parts; `load_images` makes one from
a name, or from a folder or zip file of idx or PNG files. Nothing here knows JAX.
"""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Integer, UInt8

from plastica.data.fetch import SOURCES, Remote, kept
from plastica.data.pixels import Files, files_of, idx_pairs, pngs
from plastica.errors import Refusal, unknown

PARTS = ("training", "validation", "test")
REMOTES = {
    name: [Remote(**file) for file in files]
    for name, files in SOURCES["images"].items()
}


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images and the number of each one's class; the last `tests` are the test part.

    Args:
        name: the set's name.
        images: pixels from 0 to 255, shape `(images, height, width)`.
        labels: the class of each image, from 0, shape `(images,)`.
        tests: number of images in the test part.
        sha256: checksum of the pixels and labels, before any resizing.
        classes_apart: whether those of the test part are of other classes than the
            rest.
    """

    name: str
    images: UInt8[np.ndarray, "images height width"]
    labels: Integer[np.ndarray, "images"]
    tests: int
    sha256: str  # of the pixels and labels, unpacked, before any resizing
    classes_apart: bool = False

    @property
    def classes(self) -> int:
        """How many classes there are, counted from 0."""
        return int(self.labels.max()) + 1

    def resized(self, side: int, crop: int | None = None) -> "ImageSet":
        """Squares of `side` pixels, of the middle `crop` pixels: means over areas."""
        height, width = self.images.shape[1:]
        if side < 1 or (crop is not None and not 1 <= crop <= min(height, width)):
            raise Refusal(
                f"images of {height} by {width} pixels cannot be cropped to {crop} and "
                f"resized to {side}; crop to at most {min(height, width)}"
            )
        top, left = ((length - (crop or length)) // 2 for length in (height, width))
        down, right = top + (crop or height), left + (crop or width)
        middle = self.images[:, top:down, left:right]
        rows, columns = (_means(side, length) for length in middle.shape[1:])
        images = np.empty((len(middle), side, side), np.uint8)
        for i in range(0, len(middle), 4096):
            images[i : i + 4096] = np.rint(rows @ middle[i : i + 4096] @ columns.T)
        return replace(self, images=images)

    def part(
        self, name: str
    ) -> tuple[Integer[np.ndarray, "taught"], Integer[np.ndarray, "asked"]]:
        """Which images a life in a part is taught, and which it is examined on.

        Lives in "training" and "validation" are taught the first 80 % of what is not
        set apart, and examined on 10 % each; those in "test" are taught all of it, and
        examined on what is set apart. With classes apart, a part has classes of its
        own (validation: the last tenth of those not set apart), and every fourth image
        of a class is for exams.
        """
        if name not in PARTS:
            raise unknown("images have no part", name, PARTS)
        first, test = np.split(np.arange(len(self.labels)), [-self.tests])
        if self.classes_apart:
            held = self.labels[first] >= math.ceil(0.9 * (self.labels[first].max() + 1))
            parts = {"training": first[~held], "validation": first[held], "test": test}
            return np.delete(parts[name], np.s_[3::4]), parts[name][3::4]
        taught, asked, held = np.split(first, len(first) * np.array([8, 9]) // 10)
        parts = {"training": (taught, asked), "validation": (taught, held)}
        return parts.get(name, (first, test))


def load_images(
    source: str | Path = "digits", folder: str | Path | None = None
) -> ImageSet:
    """Labelled images by name, or from a folder or zip file of idx or PNG files.

    Names that every machine has: "digits" (1,797 of 8 by 8 pixels), and for tests of
    learners "random" (100 images of noise with random labels) and "sum-sign" (is the
    mean of a noisy image above grey?), both of 8 by 8 pixels. Others: "mnist",
    "fashion-mnist", "kmnist", "emnist-byclass", "emnist-balanced", and "omniglot" (its
    background's 964 characters, its evaluation's 659 set apart; ink is bright). These
    are read from the images/ of `folder`, or of the folder that the environment
    variable PLASTICA_DATA names, or fetched once into the user's cache.

    In a folder, idx files are as MNIST names them; PNG files stand in a folder a class.
    Where nothing is set apart already, every fifth image is, in a fixed random order.

    Args:
        source: a name, or the path of a folder or a zip file.
        folder: a folder that has files of the named sets; None: PLASTICA_DATA.

    Returns:
        An `ImageSet`; `images` has shape `(images, height, width)` and values 0 to 255,
        `labels` shape `(images,)`.

    Raises:
        Refusal: if there is no such name or path, a file is damaged, or a download
            fails.

    Example:
        >>> import plastica as pl
        >>> digits = pl.load_images("digits")
        >>> digits.images.shape, digits.classes
        ((1797, 8, 8), 10)
        >>> digits.resized(4).images.shape
        (1797, 4, 4)
    """
    name = os.fspath(source)
    path = Path(os.path.expanduser(name))
    if name in MADE:
        return _set(name, [MADE[name](np.random.default_rng(0))])
    if name in REMOTES:
        return _named(name, [kept(remote, folder) for remote in REMOTES[name]])
    if not path.exists():
        raise unknown("there is no set of images or path", name, [*MADE, *REMOTES])
    files = files_of(path)
    return _set(name, idx_pairs(files, name) or [pngs(files, name)])


def _digits(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Scikit-learn's, whose pixels have 17 greys."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return np.rint(images.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8), labels


def _random(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Noise whose labels can only be remembered."""
    return rng.integers(0, 256, (100, 8, 8), np.uint8), rng.integers(0, 10, 100)


def _sum_sign(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Normal noise around a level of its own; the class is the sign of the sum."""
    level = rng.uniform(-1, 1, (10_000, 1, 1))
    noise = np.clip(rng.normal(level, 1, (10_000, 8, 8)), -3, 3)
    pixels = np.rint(127.5 + 42.5 * noise).astype(np.uint8)
    return pixels, (pixels.mean((1, 2)) >= 127.5).astype(np.int64)


MADE = {"digits": _digits, "random": _random, "sum-sign": _sum_sign}


def _named(name: str, paths: Sequence[Path]) -> ImageSet:
    """A set of the files that are kept for it."""
    if name == "omniglot":
        background, evaluation = (pngs(files_of(path), str(path)) for path in paths)
        later = evaluation[1] + background[1].max() + 1
        pairs = [(255 - background[0], background[1]), (255 - evaluation[0], later)]
        return replace(_set(name, pairs), classes_apart=True)
    if name.startswith("emnist"):
        pairs = idx_pairs(files_of(paths[0]), name, f"{name}-")
        # EMNIST stores its images column by column
        return _set(name, [(images.transpose(0, 2, 1), own) for images, own in pairs])
    files: Files = {path.name: partial(path.open, "rb") for path in paths}
    return _set(name, idx_pairs(files, name))


def _set(name: str, pairs: Sequence[tuple[Any, Any]]) -> ImageSet:
    """One set of a training pair and a test pair, or of one pair to be cut in two."""
    if len({images.shape[1:] for images, _ in pairs}) > 1:
        raise Refusal(f"{name!r} has images of two sizes; resize them outside")
    images, labels = (np.concatenate(part) for part in zip(*pairs, strict=True))
    tests = len(pairs[-1][0])
    if len(pairs) == 1:
        order = np.random.default_rng(0).permutation(len(images))
        images, labels, tests = images[order], labels[order], len(images) // 5
    if not 0 < tests < len(images):
        raise Refusal(f"{name!r} has {len(images)} images; five are the least")
    digest = sha256(images.tobytes())
    digest.update(labels.astype("<i8").tobytes())
    return ImageSet(name, images, labels.astype(np.int64), tests, digest.hexdigest())


def _means(into: int, length: int) -> Float[np.ndarray, "into length"]:
    """What turns `length` pixels into means over `into` stretches of equal length."""
    ends = np.arange(into + 1) * (length / into)
    pixels = np.arange(length)
    low = np.clip(ends[:-1, None], pixels, pixels + 1)
    high = np.clip(ends[1:, None], pixels, pixels + 1)
    return ((high - low) * (into / length)).astype(np.float32)
