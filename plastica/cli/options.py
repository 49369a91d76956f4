"""The command line's options, beside the knobs of an experiment."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import jax
from tyro.conf import Positional

from plastica import cluster, machine
from plastica.ranges import Count, Seed


@dataclass(frozen=True)
class Machine:
    """Where to compute."""

    device: Literal["cpu", "gpu"] | None = None
    """kind of device; JAX's choice if not given"""
    devices: Count | None = None
    """CPU devices to split a population over; one a core"""
    x64: bool = bool(jax.config.jax_enable_x64)  # type: ignore[attr-defined]
    """double precision"""

    def set_up(self) -> None:
        """JAX on this machine."""
        machine.set_up(self.device, self.devices, self.x64)


@dataclass(frozen=True)
class Distributed(Machine):
    """Whether to be one of many processes that share one run."""

    distributed: bool = False
    """join the others: found under Slurm, Open MPI and Kubernetes"""
    coordinator: str | None = None
    """HOST:PORT of process 0, where nothing finds it"""
    processes: int | None = None
    """how many, with --coordinator"""
    process: int | None = None
    """which one, from 0"""

    @property
    def joins(self) -> bool:
        """Whether this process is one of many."""
        named = (self.coordinator, self.processes, self.process)
        return self.distributed or any(name is not None for name in named)

    def set_up(self) -> None:
        """JAX on this machine, and this process among others if it joins them."""
        if not self.joins:
            return super().set_up()
        place = cluster.Place(self.coordinator, self.processes, self.process)
        return cluster.join(place, self.device, self.devices, self.x64)


@dataclass(frozen=True)
class Again:
    """Who made it, where that is a function in a file of your own."""

    experiment: str | None = None
    """FILE.py:FUNCTION, if it is of a file of your own"""
    changed: bool = False
    """take that file as it is now, although its code has changed"""


@dataclass(frozen=True)
class AgainWhole(Again):
    """Who made it, and what it was made of, where that is in files of your own."""

    rule: str | None = None
    """FILE.py:CLASS, if its rule is of a file of your own"""
    task: str | None = None
    """FILE.py:CLASS, if its task is of a file of your own"""

    @property
    def parts(self) -> dict[str, str]:
        """The names that are given."""
        named = {"rule": self.rule, "task": self.task}
        return {part: name for part, name in named.items() if name is not None}


@dataclass(frozen=True)
class Train(Distributed):
    """Options of a run."""

    out: Path | None = None
    """the run's folder, by default under runs/"""
    init_from: Path | None = None
    """a run or a rule to start from"""
    beside: tuple[Path, ...] = ()
    """runs or rules to show in the table at the end"""
    report: bool = True
    """write report.html at the end"""
    engine: Literal["auto", "xla", "native"] = "auto"
    """how lives are lived; auto takes the native kernel where it fits"""
    members_per_device: Count | None = None
    """members lived at once; by default measured"""
    dry_run: bool = False
    """say what would be run, how large and how long, and stop"""


@dataclass(frozen=True)
class Resume(Distributed, AgainWhole):
    """Go on with a run, to exactly what it would have come to."""

    run: Positional[Path] = Path()
    """the run's folder"""
    generations: str | None = None
    """a new total, or +MORE to go on past the end"""
    report: bool = True
    """write report.html at the end"""


@dataclass(frozen=True)
class Evaluate(Machine, Again):
    """What else to know; all knobs of the rule's experiment are knobs here too."""

    beside: tuple[Path, ...] = ()
    """other runs or rules, for the same table"""
    worlds: Seed = 1
    """seed of the unseen worlds"""


@dataclass(frozen=True)
class Report(Machine, AgainWhole):
    """Write a run's report.html anew."""

    run: Positional[Path] = Path()
    """the run's folder"""


@dataclass(frozen=True)
class Compare:
    """Curves and final scores of several runs; seeds of one experiment go together."""

    runs: Positional[tuple[Path, ...]] = ()
    """folders of runs"""
    over: Literal["generation", "evaluations", "ticks", "seconds"] = "evaluations"
    """the horizontal axis of the curves"""
    out: Path = Path("compare.html")
    """the page to write"""


@dataclass(frozen=True)
class Record:
    """Keep the small record of finished runs that a document can be held against."""

    runs: Positional[tuple[Path, ...]] = ()
    """folders of finished runs"""
    to: Path = Path("records.jsonl")
    """a file of JSON lines, added to"""


@dataclass(frozen=True)
class Reproduce:
    """Run a figure or table of a paper; finished runs are skipped."""

    out: Path = Path("sweeps")
    """the folder of figures, and of the runs that they share"""
    processes: Count = 1
    """runs at once"""
    records: Path | None = None
    """draw from these records instead of running"""
    known: tuple[Path, ...] = ()
    """records of runs made elsewhere, which are not made again"""


@dataclass(frozen=True)
class Nothing:
    """List the experiments and figures."""
