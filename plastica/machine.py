"""The machine under a run: its devices and versions, and how JAX is set up on it."""

import contextlib
import logging
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jax

from plastica.errors import Refusal

log = logging.getLogger(__name__)
_given: int | None = None  # cores, where other processes have the rest
WIDTH, KNOWN_TO = "--xla_cpu_prefer_vector_width", (0, 10)  # jaxlib's version
GROUPS = Path("/sys/fs/cgroup")
RECORDED = ("plastica", "plastica-native", "jax", "jaxlib", "equinox", "numpy", "optax")


def set_up(
    device: str | None = None, devices: int | None = None, x64: bool | None = None
) -> None:
    """Chooses the kind of device ("cpu", "gpu"), how many CPU devices, and precision.

    A CPU is shown to JAX as one device a core, over which a population is split, and
    its vectors are used at full width. What is not chosen is as the environment asks
    of JAX (JAX_PLATFORMS, JAX_NUM_CPU_DEVICES, JAX_ENABLE_X64, XLA_FLAGS). Must come
    before anything is computed.
    """
    _use_wide_vectors()
    if devices is not None and devices < 1:
        raise Refusal(f"there is at least one device, got --devices {devices}")
    if device:
        jax.config.update("jax_platforms", {"gpu": "cuda"}.get(device, device))
    flags = os.environ.get("XLA_FLAGS", "")
    counted = "JAX_NUM_CPU_DEVICES" in os.environ or "device_count" in flags
    if devices or not counted:
        jax.config.update("jax_num_cpu_devices", devices or cores())
    if x64 is not None:
        now = bool(jax.config.jax_enable_x64)  # type: ignore[attr-defined]
        if "JAX_ENABLE_X64" in os.environ and x64 != now:
            log.warning("JAX_ENABLE_X64 is not followed: --x64 or the run says %s", x64)
        jax.config.update("jax_enable_x64", x64)
    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:  # without a word, where none is
        asked = jax.config.jax_platforms  # type: ignore[attr-defined]
        reason = next(iter(str(error).splitlines()), "JAX finds none")
        raise Refusal(
            f"no device {asked!r} on this machine ({reason}); leave --device out, and "
            "JAX_PLATFORMS as it was"
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


def sharing() -> int:
    """How many devices of this process have the memory of `room` together."""
    return len(jax.local_devices()) if jax.default_backend() == "cpu" else 1


def room() -> int:
    """Bytes of memory that are free, on a GPU of the first one's."""
    stats = jax.local_devices()[0].memory_stats() or {}
    if "bytes_limit" in stats:
        return stats["bytes_limit"] - stats.get("bytes_in_use", 0)
    free = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if available := _linux_says("MemAvailable", "meminfo"):
        free = int(available.removesuffix("kB")) * 1024
    return min([free, *_left_by_groups()])


def _left_by_groups() -> Iterator[int]:
    """Bytes that control groups, of either version, leave to this process."""
    own = _linux_says("0", "self/cgroup").lstrip(":/")
    groups = (*Path(own).parents, Path(own))
    files = [(GROUPS / each / "memory.max", "memory.current") for each in groups]
    files += [(GROUPS / "memory/memory.limit_in_bytes", "memory.usage_in_bytes")]
    for limit, used in files:
        with contextlib.suppress(OSError, ValueError, KeyError):  # "max" is no number
            words = limit.with_name("memory.stat").read_text().split()
            held = dict(zip(words[::2], map(int, words[1::2]), strict=True))
            cached = held["inactive_file"] + held["active_file"]  # is given up
            in_use = int(limit.with_name(used).read_text()) - cached
            yield max(int(limit.read_text()) - in_use, 0)


def versions() -> dict[str, str]:
    """Of Python, and of the packages on which numbers depend."""
    found = {"python": platform.python_version()}
    for name in RECORDED:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def now() -> str:
    """The time, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def command() -> str:
    """The command that this process runs, or that it is none of plastica's."""
    program, *words = sys.argv or [""]
    path, here = Path(program), Path(__file__).parent  # where __main__.py is
    typed = path.stem == "plastica" or path.parent == here
    return shlex.join(["plastica", *words]) if typed else "from Python"


def description() -> dict[str, Any]:
    """Versions, devices and processor, to be recorded with a run."""
    return {
        "versions": versions(),
        "devices": [str(device.device_kind) for device in jax.devices()],
        "platform": jax.default_backend(),
        "processor": _linux_says("model name")
        or platform.processor()
        or platform.machine(),
        "cores": cores(),
        "x64": bool(jax.config.jax_enable_x64),  # type: ignore[attr-defined]
        "commit": commit(),
    }


def commit() -> str | None:
    """The commit of the checkout that this package stands in, "+" if it was changed."""
    said = []
    for asked in ("rev-parse --short=12 HEAD", "status --porcelain -- ."):
        words = ["git", "-C", str(Path(__file__).parent), *asked.split()]
        try:
            git = subprocess.run(words, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return None
        said.append(git.stdout.strip())
    found, changed = said
    return found + ("+" if changed else "")


def _use_wide_vectors() -> None:
    """Has XLA take vectors of 512 bits, where there are such; by itself it takes 256.

    A flag of the user's stays. One that XLA does not know would end the process, so
    that versions are asked first.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    major_minor = tuple(int(part) for part in version("jaxlib").split(".")[:2])
    if (
        WIDTH not in flags
        and major_minor <= KNOWN_TO
        and "avx512f" in _linux_says("flags")
    ):
        os.environ["XLA_FLAGS"] = f"{flags} {WIDTH}=512".strip()


def _linux_says(of: str, where: str = "cpuinfo") -> str:
    """What Linux says there first, as of the first core; nothing elsewhere."""
    try:
        text = Path("/proc", where).read_text()
    except OSError:
        return ""
    lines = (line.partition(":") for line in text.splitlines())
    return next((value.strip() for name, _, value in lines if name.strip() == of), "")
