"""Arrays as they were written before: NAME.npz, and NAME.json that describes it.

Such twins are only read. Once there are none left, this module goes, and with it the
few lines of `store` that name it.
"""

import hashlib
import io
import zipfile
import zlib
from pathlib import Path

import numpy as np

from plastica.errors import Damaged

ARRAYS, DESCRIBED = ".npz", ".json"
UNREADABLE = (  # what NumPy and zipfile raise at an archive that is none
    *(OSError, ValueError, KeyError, EOFError, MemoryError, RuntimeError, TypeError),
    *(AttributeError, zipfile.BadZipFile, zlib.error),
)


def unpacked(
    content: bytes, about: dict, where: Path, largest: int
) -> dict[str, np.ndarray]:
    """The arrays of a .npz, if they are those that its .json is about.

    An archive that would unpack to more than `largest` bytes is refused before.
    """
    if hashlib.sha256(content).hexdigest() != about.pop("sha256", None):
        raise Damaged(
            f"{where} is truncated or altered: its checksum is not the recorded one"
        )
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            size = sum(entry.file_size for entry in file.zip.infolist())
            if size > largest:
                raise ValueError(f"it would unpack to {size:,} bytes")
            return {name: file[name] for name in file.files}
    except UNREADABLE as error:
        raise Damaged(f"{where} is not an archive of arrays: {error}") from error
