"""Many processes as one run: joining, agreeing, and noticing who is gone.

The engine is `jax.distributed`: every process runs the same program over one mesh of
all devices. Process 0 leads: it alone writes. What JAX leaves open is here: what the
processes agree on between generations, and that none waits for ever for one that died.
"""

import contextlib
import ctypes
import logging
import os
import signal
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.experimental.multihost_utils import broadcast_one_to_all, process_allgather

from plastica import machine
from plastica.errors import Refusal

log = logging.getLogger(__name__)

BEAT_SECONDS = 1.0
PATIENCE_SECONDS = 20.0  # without a beat of another process, until this one leaves
GRACE_SECONDS = 5.0  # after another's error, in which this one may end by its own
JAX_PATIENCE_SECONDS = 120  # longer, so that ours comes first
ENDED = ("done", "failed")  # last words of a process
LEFT = 75  # the exit status: try again, with `resume`
LAST_TABLE_SECONDS = 24 * 3600  # for the leader, while the others wait to end with it
_status: int | None = None  # once this process is about to end with an error
_on_abort: Any = None  # what C calls then, kept alive; None: not joined
MOST_CORES = 1024
LONGEST_MESSAGE = 1024


@dataclass(frozen=True)
class Place:
    """One process among others; None: as Slurm, Open MPI or Kubernetes have it.

    Args:
        coordinator: HOST:PORT of process 0.
        processes: number of processes.
        process: number of this process, from 0.

    Raises:
        Refusal: if only some are given, or `process` is out of range.

    Example:
        >>> import plastica as pl
        >>> pl.Place("localhost:1234", processes=2, process=1).process
        1
    """

    coordinator: str | None = None
    processes: int | None = None
    process: int | None = None

    def __post_init__(self) -> None:
        """Refuse half of an address."""
        given = [part is not None for part in astuple(self)]
        if any(given) and not all(given):
            raise Refusal(
                "name --coordinator HOST:PORT, --processes N and --process I, all "
                "three, or none of them to have the cluster found"
            )
        if self.processes is not None and not 0 <= (self.process or 0) < self.processes:
            raise Refusal(
                f"--process counts from 0 to {self.processes - 1}, got {self.process}"
            )


NOWHERE = Place()


def join(
    place: Place = NOWHERE,
    device: str | None = None,
    devices: int | None = None,
    x64: bool | None = None,
) -> None:
    """Makes this process one of many; must come before anything is computed.

    Args:
        place: this process among the others.
        device: kind of device, "cpu" or "gpu".
        devices: number of CPU devices.
        x64: whether numbers have 64 bits; None here: as the environment asks.

    Raises:
        Refusal: if no cluster is joined, or there is no such device.

    Example:
        >>> import plastica as pl
        >>> pl.join(pl.Place("node-1:1234", 2, 0), "cpu")  # doctest: +SKIP
    """
    _abort_as_leaving()
    _never_preempting()
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    try:
        jax.distributed.initialize(
            *astuple(place),
            heartbeat_timeout_seconds=JAX_PATIENCE_SECONDS,
            shutdown_timeout_seconds=LAST_TABLE_SECONDS,
        )
    except (ValueError, RuntimeError) as error:
        raise Refusal(
            f"no cluster was joined: {str(error).splitlines()[0]}; under Slurm, Open "
            "MPI or Kubernetes start all processes alike, elsewhere give each "
            "--coordinator, --processes and --process"
        ) from error
    machine.set_up(device, devices, x64)
    _share_cores()


def ends_with(status: int) -> None:
    """Ends a joined process with this status soon, whether the others end or not."""
    global _status
    if _on_abort is not None:
        _status = status
        leaving = threading.Timer(2 * GRACE_SECONDS, os._exit, [status])
        leaving.daemon = True
        leaving.start()


def count() -> int:
    """How many processes there are."""
    return jax.process_count()


def leads() -> bool:
    """Whether this is the process that writes."""
    return jax.process_index() == 0


def _share_cores() -> None:
    """Shares cores evenly among the processes of a machine that may use them."""
    mask = np.zeros(MOST_CORES, np.uint8)
    mask[[core % MOST_CORES for core in machine.affinity()]] = 1
    host = np.frombuffer(np.uint32(zlib.crc32(socket.gethostname().encode())), np.uint8)
    everyone = _gathered(np.concatenate([host, mask]))
    neighbours = everyone[(everyone[:, :4] == host).all(1), 4:]
    together = int(neighbours.any(0).sum())
    machine.use_cores(max(together // len(neighbours), 1))


def led(action: Callable[[], Any]) -> None:
    """Has the leader act while the others wait; what it refuses, all refuse."""
    if count() == 1:
        action()
        return
    refused = ""
    if leads():
        try:
            action()
        except Refusal as error:
            refused = str(error)
    if said := leader_says(refused):
        raise Refusal(said)


@contextlib.contextmanager
def led_context(enter: Callable[[], contextlib.AbstractContextManager]):
    """What the leader enters while the others wait; what it refuses, all refuse."""
    with contextlib.ExitStack() as stack:
        led(lambda: stack.enter_context(enter()))
        yield


def _gathered(mine: np.ndarray) -> np.ndarray:
    """What every process says, in their order: all wait here for each other."""
    return np.asarray(process_allgather(mine)) if count() > 1 else mine[None]


def spoken(array: np.ndarray) -> np.ndarray:
    """The leader's array, everywhere; only that one travels."""
    return array if count() == 1 else np.asarray(broadcast_one_to_all(array))


def unanimous(mine: bool) -> bool:
    """Whether it is so in every process."""
    return not agreed(not mine, False)[0]


def leader_says(message: str) -> str:
    """The leader's message, everywhere."""
    if count() == 1:
        return message
    encoded = message.encode()[:LONGEST_MESSAGE]
    padded = np.frombuffer(encoded.ljust(LONGEST_MESSAGE, b"\0"), np.uint8)
    return bytes(spoken(padded)).rstrip(b"\0").decode(errors="ignore")


def agreed(stop: bool, save: bool, until: int = 0) -> tuple[bool, bool, int]:
    """Whether any process stops, the leader saves, and until when not to ask it."""
    said = _gathered(np.array([stop, save, until]))
    return bool(said[:, 0].any()), bool(said[0, 1]), int(said[0, 2])


def whole(tree: Any) -> Any:
    """A pytree with all of every array here, wherever its parts are."""
    if count() == 1:
        return tree

    def here(leaf):
        there = isinstance(leaf, jax.Array) and not leaf.is_fully_replicated
        return process_allgather(leaf, tiled=True) if there else leaf

    return jax.tree.map(here, tree)


@contextlib.contextmanager
def watched(folder: Path) -> Iterator[None]:
    """Leaves with status 75 if another process is gone or hangs for too long.

    Each process writes a beat of its own under `folder`, and reads the others'. One
    that ends with an error says so; others that do not meet the same error leave soon
    after: they would wait for it for ever.
    """
    if count() == 1:
        yield
        return
    beats = _Beats(folder)
    beats.start()
    try:
        yield
    except BaseException as error:  # by SystemExit all have agreed to stop
        beats.end("done" if isinstance(error, SystemExit) else "failed")
        raise
    beats.end("done")


class _Beats(threading.Thread):
    """A thread that beats, and listens to the beats of the other processes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        folder.mkdir(exist_ok=True)
        own = jax.process_index()
        self.own = folder / str(own)
        self.others = [folder / str(i) for i in range(count()) if i != own]
        self.started = f"{time.time_ns()}"
        self.ended = threading.Event()
        self._say(self.started)
        leader_says("")  # nobody listens before all have begun

    def run(self) -> None:
        """Beats until the end."""
        heard = {other: (_read(other), time.monotonic()) for other in self.others}
        beat = 0
        while not self.ended.wait(BEAT_SECONDS):
            beat += 1
            self._say(f"{self.started} {beat}")
            now = time.monotonic()
            for other, (last, since) in heard.items():
                said = _read(other)
                if said != last:
                    heard[other] = (said, now)
                elif said.endswith("failed") and now - since > GRACE_SECONDS:
                    _leave(f"process {other.name} ended with an error")
                elif not said.endswith(ENDED) and now - since > PATIENCE_SECONDS:
                    _leave(f"process {other.name} was silent for {now - since:.0f} s")

    def end(self, word: str) -> None:
        """The last beat says how this process ended."""
        self.ended.set()
        self.join()
        self._say(f"{self.started} {word}")

    def _say(self, words: str) -> None:
        aside = self.own.with_suffix(".new")
        with contextlib.suppress(OSError):  # a full disk silences it, and all leave
            aside.write_text(words)
            os.replace(aside, self.own)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _never_preempting() -> None:
    """Threads of this process wait for each other's time slices, where that is known.

    Else gloo's thread, when woken on a core that it shares, takes it from the thread
    that holds its lock, and spins: milliseconds for what takes a tenth of one.
    """
    if hasattr(os, "SCHED_BATCH"):
        with contextlib.suppress(PermissionError):  # some sandboxes forbid it
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _abort_as_leaving() -> None:
    """Ends with status 75 when JAX aborts: another process was killed."""

    @ctypes.CFUNCTYPE(None, ctypes.c_int)
    def leave(number: int) -> None:
        if _status is not None:
            os._exit(_status)
        _leave("aborted, as JAX does when another process was killed")

    global _on_abort
    _on_abort = leave
    ctypes.CDLL(None).signal(signal.SIGABRT, leave)


def _leave(why: str) -> None:
    """At once: the main thread waits in a collective that will never end."""
    log.error("%s; the last checkpoint stands: plastica resume", why)
    logging.shutdown()
    os._exit(LEFT)
