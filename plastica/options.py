"""The command line's options, beside the knobs of an experiment."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg


@dataclass(frozen=True)
class Machine:
    """Where to compute."""

    device: Annotated[
        Literal["cpu", "gpu"] | None,
        arg(help="kind of device; JAX's choice if not given"),
    ] = None
    devices: Annotated[
        int | None, arg(help="CPU devices to split a population over; one a core")
    ] = None
    x64: Annotated[bool, arg(help="double precision")] = False


@dataclass(frozen=True)
class Distributed(Machine):
    """Whether to be one of many processes that carry out one run."""

    distributed: Annotated[
        bool, arg(help="join the others: found under Slurm, Open MPI and Kubernetes")
    ] = False
    coordinator: Annotated[
        str | None, arg(help="HOST:PORT of process 0, where nothing finds it")
    ] = None
    processes: Annotated[int | None, arg(help="how many, with --coordinator")] = None
    process: Annotated[int | None, arg(help="which one, from 0")] = None


@dataclass(frozen=True)
class Train(Distributed):
    """Options of a run."""

    out: Annotated[
        Path | None, arg(help="the run's folder, by default under runs/")
    ] = None
    init_from: Annotated[Path | None, arg(help="a run or a rule to start from")] = None
    beside: Annotated[
        tuple[Path, ...], arg(help="runs or rules to show in the table at the end")
    ] = ()
    report: Annotated[bool, arg(help="write report.html at the end")] = True
    members_per_device: Annotated[
        int | None, arg(help="members lived at once; by default measured")
    ] = None
    dry_run: Annotated[
        bool, arg(help="say what would be run, how large and how long, and stop")
    ] = False


@dataclass(frozen=True)
class Resume(Distributed):
    """Go on with a run, to exactly what it would have come to."""

    run: Positional[Path] = Path()
    generations: Annotated[
        str | None, arg(help="a new total, or +MORE to go on past the end")
    ] = None
    experiment: Annotated[
        str | None, arg(help="FILE.py:FUNCTION, if the run is of a file of your own")
    ] = None
    report: Annotated[bool, arg(help="write report.html at the end")] = True


@dataclass(frozen=True)
class Evaluate(Machine):
    """What else to know; all knobs of the rule's experiment are knobs here too."""

    beside: Annotated[
        tuple[Path, ...], arg(help="other runs or rules, for the same table")
    ] = ()
    worlds: Annotated[int, arg(help="seed of the unseen worlds")] = 1


@dataclass(frozen=True)
class Report(Machine):
    """Write a run's report.html anew."""

    run: Positional[Path] = Path()
    experiment: Annotated[
        str | None, arg(help="FILE.py:FUNCTION, if the run is of a file of your own")
    ] = None


@dataclass(frozen=True)
class Compare:
    """Curves and final scores of several runs; seeds of one experiment go together."""

    runs: Positional[tuple[Path, ...]] = ()
    over: Annotated[
        Literal["generation", "evaluations", "ticks", "seconds"],
        arg(help="what the curves are drawn over"),
    ] = "evaluations"
    out: Annotated[Path, arg(help="the page to write")] = Path("compare.html")


@dataclass(frozen=True)
class Record:
    """Keep the small record of finished runs that a document can be held against."""

    runs: Positional[tuple[Path, ...]] = ()
    to: Annotated[Path, arg(help="a file of JSON lines, added to")] = Path(
        "records.jsonl"
    )


@dataclass(frozen=True)
class Reproduce:
    """Run a figure or table of a paper; finished runs are skipped."""

    out: Annotated[
        Path, arg(help="the folder of figures, and of the runs that they share")
    ] = Path("sweeps")
    processes: Annotated[int, arg(help="runs at once")] = 1
    records: Annotated[
        Path | None, arg(help="draw from these records instead of running")
    ] = None
    known: Annotated[
        tuple[Path, ...],
        arg(help="records of runs made elsewhere, which are not made again"),
    ] = ()
