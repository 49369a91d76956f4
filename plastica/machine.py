"""The machine under a run: its devices and versions, and how JAX is set up on it."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from plastica.errors import Refusal

_given: int | None = None  # cores, where other processes have the rest
WIDTH, KNOWN_TO = "--xla_cpu_prefer_vector_width", (0, 10)  # jaxlib's version
RECORDED = ("plastica", "plastica-native", "jax", "jaxlib", "equinox", "numpy", "optax")


def set_up(device: str | None = None, devices: int | None = None, x64: bool = False):
    """Chooses the kind of device ("cpu", "gpu"), how many CPU devices, and precision.

    A CPU is shown to JAX as one device a core, over which a population is split, and
    its vectors are used at full width. Must come before anything is computed.
    """
    import jax

    _use_wide_vectors()

    if devices is not None and devices < 1:
        raise Refusal(f"there is at least one device, got --devices {devices}")
    if device:
        jax.config.update("jax_platforms", {"gpu": "cuda"}.get(device, device))
    jax.config.update("jax_num_cpu_devices", devices or cores())
    jax.config.update("jax_enable_x64", x64)
    try:
        jax.devices()
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise Refusal(
            f"no device {device!r} on this machine ({reason}); leave --device out"
        ) from error


def affinity() -> set[int]:
    """The cores that the system lets this process use."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def cores() -> int:
    """How many cores this process may use: what it was given, or all it has."""
    return _given or len(affinity())


def use_cores(number: int) -> None:
    """Gives this process a share of the cores that it could use."""
    global _given
    _given = number


def room() -> int:
    """Bytes of memory that are free, on a GPU of the first one's."""
    import jax

    told = jax.local_devices()[0].memory_stats() or {}
    if "bytes_limit" in told:
        return told["bytes_limit"] - told.get("bytes_in_use", 0)
    try:
        told = dict(
            l.split(":") for l in Path("/proc/meminfo").read_text().splitlines()
        )
        return int(told["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def description() -> dict[str, Any]:
    """Versions, devices and processor, to be recorded with a run."""
    import jax

    return {
        "versions": {"python": platform.python_version()} | _versions(),
        "devices": [str(device.device_kind) for device in jax.devices()],
        "platform": jax.default_backend(),
        "processor": _processor(),
        "cores": cores(),
        "x64": bool(jax.config.jax_enable_x64),  # type: ignore[attr-defined]
        "commit": commit(),
    }


def commit() -> str | None:
    """The commit of the checkout that this package stands in, "+" if it was changed."""
    folder = Path(__file__).parent
    try:
        found = _git(folder, "rev-parse", "--short=12", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--", ".")
    except (OSError, subprocess.CalledProcessError):
        return None
    return found + ("+" if changed else "")


def _use_wide_vectors() -> None:
    """Has XLA take vectors of 512 bits, where there are such; by itself it takes 256.

    A flag of the user's stays. One that XLA does not know would end the process, so
    that versions are asked first.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    major_minor = tuple(int(part) for part in version("jaxlib").split(".")[:2])
    if WIDTH not in flags and major_minor <= KNOWN_TO and "avx512f" in _told("flags"):
        os.environ["XLA_FLAGS"] = f"{flags} {WIDTH}=512".strip()


def _git(folder, *words):
    return subprocess.run(
        ["git", "-C", str(folder), *words], capture_output=True, text=True, check=True
    ).stdout.strip()


def _versions() -> dict[str, str]:
    found = {}
    for name in RECORDED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    return _told("model name") or platform.processor() or platform.machine()


def _told(of: str) -> str:
    """What Linux says of the first core; nothing elsewhere."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""
    lines = (line.partition(":") for line in text.splitlines())
    return next((told.strip() for name, _, told in lines if name.strip() == of), "")
