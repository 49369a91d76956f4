"""The shared library of `plastica-native`: found, loaded and registered once."""

import ctypes
import functools
import hashlib
import logging

import jax

from plastica.errors import Refusal

TARGET = "plastica_lives"
CALL = 2  # the arguments of a call, which a library that was built before may not take
REMEDY = "`pip install ./native` builds it"


@functools.cache
def library() -> ctypes.CDLL | None:
    """The library, its calls known to XLA; None (said once) where it is not there."""
    try:
        import plastica_native
        from plastica_native import LIBRARY

        if getattr(plastica_native, "CALL", 1) != CALL:
            raise ImportError("it was built for another version of plastica")
        loaded = ctypes.CDLL(str(LIBRARY))
    except (ImportError, OSError) as error:
        logging.getLogger("plastica").info(
            "lives run on XLA: no native kernel that fits (%s); %s", error, REMEDY
        )
        return None
    capsule = jax.ffi.pycapsule(loaded[TARGET])
    jax.ffi.register_ffi_target(TARGET, capsule, platform="cpu")
    loaded.plastica_isa.restype = ctypes.c_char_p
    return loaded


def require_library() -> None:
    """Refuse to go on without the library."""
    if library() is None:
        raise Refusal(f'engine="native" needs plastica-native; {REMEDY}')


def isa() -> str | None:
    """The instruction set that lives use here; None without the library."""
    loaded = library()
    return loaded.plastica_isa().decode() if loaded else None


@functools.cache
def checksum() -> str | None:
    """SHA-256 of the library's file, which tells its builds apart; None without it."""
    if library() is None:
        return None
    from plastica_native import LIBRARY

    return hashlib.sha256(LIBRARY.read_bytes()).hexdigest()
