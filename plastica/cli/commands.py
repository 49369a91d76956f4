"""What each command does."""

import inspect
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as Grid

from plastica import cluster, zoo
from plastica.cli import options
from plastica.cli.arguments import ahead, knobs, named_parts, parse
from plastica.cli.dry_run import describe
from plastica.cli.progress import Progress
from plastica.cli.source import (
    again,
    complete,
    find,
    found_again,
    makes,
    named_again,
    shipped,
)
from plastica.errors import Diverged, Interrupted, Refusal
from plastica.experiment import Experiment, flat
from plastica.files import in_file
from plastica.learner import AbstractRule
from plastica.ranges import key_of, whole
from plastica.run import report as page
from plastica.run import training
from plastica.run.compare import compare as compared
from plastica.run.compare import figure_page
from plastica.run.folder import RunFolder
from plastica.run.record import add_records, read_records, read_scores
from plastica.run.run import Run
from plastica.run.sweep import made_elsewhere, run_sweep
from plastica.saving import is_own, load, read_rule
from plastica.search import Engine
from plastica.shown import Shown, Table
from plastica.store import read_json

DEFAULT = "evolved_rules.memorise"


def train(words: list[str]) -> None:
    """Searches a rule, then shows it beside its yardsticks."""
    named = bool(words) and not words[0].startswith("-")
    name, rest = words[0] if named else DEFAULT, words[named:]
    prog = f"plastica train {name}"
    helped = bool({"-h", "--help"} & set(rest))
    ready = in_file(name) and not helped  # a file may compute at its top
    if ready:
        ahead(options.Train, rest, prog).set_up()
    source = find(name)
    if makes(source.function) == "Sweep":
        raise Refusal(f"{source.name} is many runs: plastica reproduce {source.name}")
    parts = named_parts(source, rest, prog)
    if any(map(in_file, parts.values())) and not ready and not helped:
        ahead(options.Train, rest, prog).set_up()
        ready = True
    chosen, arguments = knobs(source, options.Train, rest, prog, parts)
    engine = Engine(chosen.engine, chosen.members_per_device)
    if not ready:
        chosen.set_up()
    experiment, start = source.call(arguments), None
    if chosen.init_from:
        start = _loaded(chosen.init_from, experiment, like=experiment.learner)
        experiment = replace(experiment, learner=start)
    beside = {str(path): _loaded(path, experiment) for path in chosen.beside}
    if chosen.dry_run:
        return describe(experiment, engine)
    return _to_the_end(
        lambda display: training.train(
            experiment, chosen.out, display, start, beside, engine, chosen.report
        )
    )


def resume(words: list[str]) -> None:
    """Goes on with a run to the end it was started for, or further."""
    chosen = parse(options.Resume, words, "plastica resume")
    config = RunFolder(chosen.run).config()
    if chosen.devices is None and config.get("platform") == "cpu":
        sharing = config.get("processes", 1) if chosen.joins else 1
        chosen = replace(chosen, devices=len(config["devices"]) // sharing)
    replace(chosen, x64=config.get("x64", False)).set_up()
    experiment = again(
        config["source"], chosen.experiment, chosen.changed, chosen.parts
    )
    total = _total(chosen.generations, config["generations"])
    _to_the_end(
        lambda display: training.resume(
            chosen.run, experiment, total, display, chosen.report
        )
    )


def eval_(words: list[str]) -> None:
    """Scores a rule on its own experiment's unseen data, or on any other's."""
    if not words or words[0].startswith("-"):
        words = ["--help", *words] if words else ["--help"]
        return parse(options.Evaluate, words, "plastica eval RUN_OR_RULE")
    path, prog = Path(words[0]), "plastica eval RULE"
    made = read_rule(path)[1].get("made", {})
    early = ahead(options.Evaluate, words[1:], prog)
    ready = any(map(in_file, words[1:]))
    if ready:
        early.set_up()
    recorded = made.get("source")
    source = found_again(recorded, early.experiment, early.changed)
    parts = named_again(
        source, recorded, named_parts(source, words[1:], prog), early.changed
    )
    usual = source.complete(recorded["arguments"] | made.get("anywhere", {}) | parts)
    chosen, arguments = knobs(source, options.Evaluate, words[1:], prog, usual)
    if not ready:
        chosen.set_up()
    experiment = source.call(arguments)
    learners = {
        str(p): _loaded(p, experiment, None, early.changed)
        for p in (path, *chosen.beside)
    }
    if not isinstance(learners[str(path)], AbstractRule):
        load(path, like=experiment.learner)  # refused if it is of another size
    key = key_of(chosen.worlds)
    return show_table(experiment.shown(learners, key, closely=False).table)


def report(words: list[str]) -> None:
    """Writes a run's page anew; first shows its rule, where that was not done yet."""
    chosen = parse(options.Report, words, "plastica report")
    folder = RunFolder(chosen.run)
    config = folder.config()
    replace(chosen, x64=config.get("x64", False)).set_up()
    if not folder.scores.is_file() or "extras" not in read_json(folder.scores):
        experiment = again(
            config["source"], chosen.experiment, chosen.changed, chosen.parts
        )
        Run(experiment, chosen.run).show()
    print(page.write(folder))


def compare(words: list[str]) -> None:
    """Writes a page with the curves of several runs, and prints their scores."""
    chosen = parse(options.Compare, words, "plastica compare")
    if not chosen.runs:
        raise Refusal("name the runs to compare: plastica compare RUN RUN ...")
    print(compared(chosen.runs, chosen.over, chosen.out))
    print(f"\ncurves: {chosen.out}")


def record(words: list[str]) -> None:
    """Adds what is worth keeping of finished runs to a file of JSON lines."""
    chosen = parse(options.Record, words, "plastica record")
    print(f"{add_records(chosen.runs, chosen.to)} records in {chosen.to}")


def reproduce(words: list[str]) -> None:
    """Runs what is missing of a figure, and draws it."""
    if not words or words[0].startswith("-"):
        raise Refusal(
            "name a figure: plastica reproduce FIGURE; plastica list has them"
        )
    source = find(words[0])
    if makes(source.function) != "Sweep":
        raise Refusal(f"{source.name} is one experiment: plastica train {source.name}")
    prog = f"plastica reproduce {source.name}"
    chosen, arguments = knobs(source, options.Reproduce, words[1:], prog)
    sweep = source.call(arguments)
    scale = flat(arguments).get("scale", "")
    folder = chosen.out / "-".join(filter(None, (source.name, scale)))
    if chosen.records:
        records = read_records(chosen.records)
    else:
        known = [each for path in chosen.known for each in read_records(path)]
        elsewhere = made_elsewhere(sweep, known, complete)
        records = run_sweep(sweep, folder, chosen.processes, elsewhere=elsewhere)
    page_path = folder / "figure.html"
    folder.mkdir(parents=True, exist_ok=True)
    claim = inspect.getdoc(source.function) or ""
    print(figure_page((source.name, claim), sweep, records, page_path))
    print(
        f"\nfigure: {page_path}, records: {chosen.records or folder / 'records.jsonl'}"
    )


def list_(words: list[str]) -> None:
    """Names every experiment and figure, with the first line of what it says."""
    parse(options.Nothing, words, "plastica list")
    command = {"Experiment": "train", "Sweep": "reproduce"}
    known = [
        (command[makes(function)], name, inspect.getdoc(function) or "")
        for name, function in shipped().items()
    ]
    known += [("eval", f"zoo:{name}", zoo.card(name)[2:]) for name in zoo.names()]
    width = max(len(f"{command} {name}") for command, name, _ in known)
    for command, name, text in known:
        line = f"{command} {name}"
        print(f"plastica {line:<{width}}  {text.splitlines()[0]}")


def show_table(table: Table) -> None:
    """Prints a table; one that is too wide for the screen with its columns as rows."""
    lines: list[Sequence[str]] = [("", *table.columns)]
    lines += [(name, *map(str, scores)) for name, scores in table.rows]
    console = Console()
    unbound = console.options.update(max_width=sys.maxsize)
    for heads, *rows in (lines, zip(*lines, strict=True)):
        grid = Grid(*heads, title=table.title, caption=table.note, title_justify="left")
        for row in rows:
            grid.add_row(*row)
        if Measurement.get(console, unbound, grid).minimum <= console.width:
            break
    console.print(grid)


def _to_the_end(work: Callable) -> None:
    """Works with a display, and prints what was found and what to type next.

    An interrupted run says how to go on; of one that diverged the best rule is shown.
    """
    try:
        run = work(Progress() if cluster.leads() else None)
    except Interrupted as stop:
        words = _words(RunFolder(stop.path))
        print(f"stopped after a whole generation; go on: plastica resume {words}")
        raise
    except Diverged as stop:
        _found(RunFolder(stop.path))
        raise
    _found(run.folder)


def _found(folder: RunFolder) -> None:
    if not cluster.leads():
        return
    show_table(Shown.read(read_scores(folder.scores)).table)
    if folder.report.is_file():
        print(f"\nreport     {folder.report}")
    print(f"rule       {folder.rule}.safetensors")
    print(f"next       plastica eval {_words(folder)} --help")
    print(f"           plastica resume {_words(folder)} --generations +1000")


def _words(folder: RunFolder) -> str:
    """How a run is named to a command, to be pasted as it stands."""
    source = folder.config()["source"] or {}
    own = ["--experiment", source["experiment"]] if source.get("sha256") else []
    for part in source.get("files", {}):
        own += [f"--{part}", source["arguments"][part]]
    return shlex.join([str(folder.path), *own])


def _loaded(path: Path, experiment: Experiment, like=None, changed: bool = False):
    """A rule; one of a class of the user's own is loaded into the experiment's.

    A class in a file must have the code of the experiment's rule, where that is known,
    or may have `changed`.
    """
    about = read_rule(path)[1]
    sources = [about.get("made", {}).get("source"), experiment.source]
    sums = [(source or {}).get("files", {}).get("rule") for source in sources]
    if None not in sums and len({*sums}) > 1 and not changed:
        names = [source["arguments"]["rule"] for source in sources]
        one, other = map("{}, {:.12}".format, names, sums)
        raise Refusal(
            f"the rule in {path} ({one}) is of other code than the one here ({other}); "
            "name its own file"
        )
    own = is_own(about.get("learner"))
    return load(path, experiment.learner if own else like)


def _total(asked: str | None, now: int) -> int | None:
    if asked is None:
        return None
    try:
        return now + whole(asked[1:]) if asked.startswith("+") else whole(asked)
    except ValueError:
        raise Refusal(
            f"--generations takes a total or +MORE, got {asked!r}; as in +5000"
        ) from None
