"""Files of pixels: idx as MNIST has it, and PNG, in a folder or a zip file."""

import gzip
import io
import math
import re
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from jaxtyping import UInt8

from plastica.errors import Refusal

LARGEST = 2**31  # bytes that one idx file, or all PNG files of a set, may unpack to
LARGEST_PNG = 2**26  # bytes of one file
Files = dict[str, Callable[[], IO[bytes]]]  # by name, opened when asked for
BROKEN = (OSError, EOFError, ValueError, SyntaxError, zlib.error, zipfile.BadZipFile)


def files_of(path: Path) -> Files:
    """The files of a folder, whatever their depth, or of a zip file, by name."""
    if path.is_dir():
        found = sorted(p for p in path.rglob("*") if p.is_file())
        return {p.relative_to(path).as_posix(): partial(p.open, "rb") for p in found}
    try:
        zipped = zipfile.ZipFile(path)
    except BROKEN as error:
        raise Refusal(f"{str(path)!r} is neither a folder nor a zip file") from error
    return {name: partial(zipped.open, name) for name in sorted(zipped.namelist())}


def idx_pairs(files: Files, where: str, before: str = "") -> list[tuple[Any, Any]]:
    """The images and labels for training, and those for tests, as far as there are any.

    Their files are called as MNIST's are, with `before` before the kind.
    """
    pairs = []
    for kind in ("train", "t10k|test"):
        pattern = rf"(?:^|[/-]){before}(?:{kind})-%s-ubyte(?:\.gz)?$"
        images, labels = (
            [name for name in files if re.search(pattern % content, name)]
            for content in ("images[-.]idx3", "labels[-.]idx1")
        )
        if not images:
            continue
        if not labels:
            raise Refusal(f"{where!r} has {images[0]} and no labels for it; add them")
        pixels, classes = _idx(files, images[0], 3), _idx(files, labels[0], 1)
        if len(pixels) != len(classes):
            raise Refusal(
                f"{where!r} has {len(pixels):,} images in {images[0]} and "
                f"{len(classes):,} labels in {labels[0]}; bring files that belong "
                "together"
            )
        pairs.append((pixels, classes))
    return pairs


def _idx(files: Files, name: str, rank: int) -> UInt8[np.ndarray, "..."]:
    """An idx file of bytes, unpacked."""
    try:
        with files[name]() as file:
            content = gzip.GzipFile(fileobj=file) if name.endswith(".gz") else file
            header = content.read(4 + 4 * rank)
            if header[:4] != bytes([0, 0, 8, rank]) or len(header) < 4 + 4 * rank:
                raise ValueError(f"it begins with {header[:4].hex()}")
            shape = tuple(np.frombuffer(header[4:], ">u4").tolist())
            size = math.prod(shape)
            body = content.read(size + 1) if size <= LARGEST else b""
            if len(body) != size:
                raise ValueError(f"its header claims {size:,} bytes, not what follows")
            return np.frombuffer(body, np.uint8).reshape(shape)
    except BROKEN as error:
        raise Refusal(
            f"{name!r} is no whole idx file of bytes in {rank} dimensions: {error}; "
            "fetch it again"
        ) from error


def pngs(files: Files, where: str) -> tuple[Any, Any]:
    """All PNG files in shades of grey; a class for each folder that holds some."""
    from PIL import Image

    names = [name for name in files if name.lower().endswith(".png")]
    folders = [name.rpartition("/")[0] for name in names]
    if not names:
        raise Refusal(f"{where!r} has neither idx files of images nor PNG files")
    images = np.empty((0, 0, 0), np.uint8)
    for i, name in enumerate(names):
        try:
            with files[name]() as file:
                content = io.BytesIO(file.read(LARGEST_PNG))
            Image.open(content, formats=["PNG"]).verify()  # the checksums of its parts
            with Image.open(content, formats=["PNG"]) as image:
                size = (image.height, image.width)
                if i == 0 and math.prod(size) * len(names) <= LARGEST:
                    images = np.empty((len(names), *size), np.uint8)
                if images.shape[1:] != size:
                    raise ValueError(
                        f"it has {size[0]} by {size[1]} pixels, which is too large or "
                        "another size than the first one's"
                    )
                images[i] = np.asarray(image.convert("L"))
        except (*BROKEN, Image.DecompressionBombError) as error:
            raise Refusal(
                f"cannot read {name!r} in {where!r} as a PNG image: {error}; bring a "
                "whole one or remove it"
            ) from error
    return images, np.unique(folders, return_inverse=True)[1]
