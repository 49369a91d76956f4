"""What each command does; everything heavy is imported when it runs."""

import inspect
import sys
from dataclasses import replace
from pathlib import Path

from plastica import cluster, machine, options
from plastica.errors import Refusal
from plastica.source import again, find, find_shipped, makes, shipped
from plastica.words import experiment as named_experiment
from plastica.words import knobs, parse


def train(words: list[str]) -> None:
    """Searches a rule, then shows it beside its yardsticks."""
    from plastica.run import train as carry_out
    from plastica.saving import load

    source, chosen, arguments = named_experiment(options.Train, words, "plastica train")
    _set_up(chosen)
    experiment = source.call(arguments)
    start = None
    if chosen.init_from:
        start = load(chosen.init_from, like=experiment.learner)
        experiment = replace(experiment, learner=start)
    experiment = _chunked(experiment, chosen)
    beside = {str(p): load(p) for p in chosen.beside}
    if chosen.dry_run:
        from plastica.dry_run import describe

        return describe(experiment)
    told = source.recorded(arguments)
    return _to_the_end(
        lambda display: carry_out(experiment, chosen.out, told, display, start),
        beside,
        chosen.report,
    )


def resume(words: list[str]) -> None:
    """Goes on with a run to the end it was started for, or further."""
    from plastica.folder import RunFolder
    from plastica.run import resume as carry_on

    chosen = parse(options.Resume, words, "plastica resume")
    folder = RunFolder(chosen.run)
    config = folder.config()
    if chosen.devices is None and config.get("platform") == "cpu":
        sharing = config.get("processes", 1) if _joins(chosen) else 1
        chosen = replace(chosen, devices=len(config["devices"]) // sharing)
    _set_up(replace(chosen, x64=config.get("x64", False)))
    experiment = again(config["source"], chosen.experiment)
    total = _total(chosen.generations, config["generations"])
    _to_the_end(
        lambda display: carry_on(chosen.run, experiment, total, display),
        {},
        chosen.report,
    )


def eval_(words: list[str]) -> None:
    """Scores a rule on its own experiment's unseen data, or on any other's."""
    from plastica.learner import AbstractRule
    from plastica.saving import load, read_rule

    if not words or words[0].startswith("-"):
        words = ["--help", *words] if words else ["--help"]
        return parse(options.Evaluate, words, "plastica eval RUN_OR_RULE")
    path = Path(words[0])
    told = read_rule(path)[1].get("made", {})
    made = told.get("source")
    if not made or made.get("sha256"):  # nothing on disk decides what is executed
        raise Refusal(
            f"{path} does not say which experiment of this package it is from; "
            "evaluate it from Python: plastica.evaluate(learner, task, lives, key)"
        )
    source = find_shipped(made["experiment"])
    usual = made["arguments"] | told.get("anywhere", {})
    chosen, arguments = knobs(
        source, options.Evaluate, words[1:], "plastica eval RULE", usual
    )
    _set_up(chosen)
    experiment = source.call(arguments)
    learners = {str(p): load(p) for p in (path, *chosen.beside)}
    if not isinstance(learners[str(path)], AbstractRule):
        load(path, like=experiment.learner)  # refused if it is of another size
    _show_table(experiment, learners, chosen.worlds)
    return None


def report(words: list[str]) -> None:
    """Writes a run's page anew."""
    from plastica import report as page
    from plastica.folder import RunFolder
    from plastica.run import Run

    chosen = parse(options.Report, words, "plastica report")
    config = RunFolder(chosen.run).config()
    _set_up(replace(chosen, x64=config.get("x64", False)))
    experiment = again(config["source"], chosen.experiment)
    print(page.write(Run(experiment, chosen.run)))


def compare(words: list[str]) -> None:
    """Writes a page with the curves of several runs, and prints their scores."""
    from plastica.compare import compared

    chosen = parse(options.Compare, words, "plastica compare")
    if not chosen.runs:
        raise Refusal("name the runs to compare: plastica compare RUN RUN ...")
    print(compared(chosen.runs, chosen.over, chosen.out))
    print(f"\ncurves: {chosen.out}")


def record(words: list[str]) -> None:
    """Adds what is worth keeping of finished runs to a file of JSON lines."""
    from plastica.sweep import add_records

    chosen = parse(options.Record, words, "plastica record")
    print(f"{add_records(chosen.runs, chosen.to)} records in {chosen.to}")


def reproduce(words: list[str]) -> None:
    """Runs what is missing of a figure, and draws it."""
    from plastica.compare import figure_page
    from plastica.sweep import carry_out, read_records

    if not words or words[0].startswith("-"):
        raise Refusal(
            "name a figure: plastica reproduce FIGURE; plastica list has them"
        )
    source = find(words[0])
    if makes(source.function) != "Sweep":
        raise Refusal(f"{source.name} is one experiment: plastica train {source.name}")
    chosen, arguments = knobs(
        source, options.Reproduce, words[1:], f"plastica reproduce {source.name}", {}
    )
    sweep = source.call(arguments)
    scale = arguments.get("scale", "")
    folder = chosen.out / "-".join(filter(None, (source.name, scale)))
    if chosen.records:
        records = read_records(chosen.records)
    else:
        known = [told for path in chosen.known for told in read_records(path)]
        records = carry_out(sweep, folder, chosen.processes, known=known)
    page = folder / "figure.html"
    folder.mkdir(parents=True, exist_ok=True)
    claim = inspect.getdoc(source.function) or ""
    print(figure_page((source.name, claim), sweep, records, page))
    print(f"\nfigure: {page}, records: {chosen.records or folder / 'records.jsonl'}")


def list_(words: list[str]) -> None:
    """Names every experiment and figure, with the first line of what it says."""
    from plastica import zoo

    parse(_nothing, words, "plastica list")
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


def _nothing() -> None:
    """List the experiments and figures."""


def _chunked(experiment, chosen: options.Train):
    """The experiment, with as many members lived at once as was asked for."""
    if chosen.members_per_device is None:
        return experiment
    if chosen.members_per_device < 1:
        raise Refusal(
            "a device lives at least one member at once, got --members-per-device "
            f"{chosen.members_per_device}"
        )
    search = experiment.search
    population = replace(search.population, chunk=chosen.members_per_device)
    return replace(experiment, search=search.with_population(population))


def _set_up(chosen: options.Machine) -> None:
    """JAX on this machine, and, where the options say so, this process among others."""
    how = (chosen.device, chosen.devices, chosen.x64)
    if isinstance(chosen, options.Distributed) and _joins(chosen):
        named = (chosen.coordinator, chosen.processes, chosen.process)
        return cluster.join(cluster.Place(*named), *how)
    return machine.set_up(*how)


def _joins(chosen: options.Distributed) -> bool:
    """Whether the options make this process one of many."""
    named = (chosen.coordinator, chosen.processes, chosen.process)
    return chosen.distributed or any(name is not None for name in named)


def _to_the_end(carry_out, beside: dict, report: bool) -> None:
    """Carries out with a display, and shows what was found.

    An interrupted run says how to go on; of one that diverged the best rule is shown.
    """
    from plastica.loop import Diverged
    from plastica.progress import Progress
    from plastica.run import Interrupted

    display = Progress() if cluster.leads() else None
    try:
        run = carry_out(display)
    except Interrupted as stop:
        print(f"stopped after a whole generation; go on: plastica resume {stop.path}")
        raise
    except Diverged as stop:
        if cluster.leads():
            _finish(stop.run, beside, report)
        raise
    if cluster.leads():
        _finish(run, beside, report)


def _finish(run, beside: dict, wanted: bool) -> None:
    """The table, the report, and what to type next."""
    import jax
    import numpy as np

    from plastica import report as page
    from plastica.saving import load
    from plastica.store import suffixed, write_json

    learners = {"this rule": run.best()} | beside
    if suffixed(run.folder.start, ".json").is_file():
        start = load(run.folder.start, like=run.experiment.learner)
        learners["where it began"] = start
    if run.experiment.exhibit:
        table = _show_table(run.experiment, learners, run.experiment.seed)
        scores = {name: [s._asdict() for s in row] for name, row in table.rows}
        key = jax.random.key(run.experiment.seed)
        life = run.experiment.exhibit.over_a_life(run.best(), key)
        about = {
            "title": table.title,
            "columns": table.columns,
            "rows": scores,
            "life": {name: np.asarray(own).tolist() for name, own in life.items()},
            "details": run.experiment.exhibit.details(run.best(), key),
        }
        write_json(run.path / "scores.json", about)
    if wanted:
        print(f"\nreport     {page.write(run)}")
    print(f"rule       {run.folder.rule}.npz")
    print(f"next       plastica eval {run.path} --help")
    print(f"           plastica resume {run.path} --generations +1000")


def _show_table(experiment, learners: dict, seed: int):
    import jax
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table

    if experiment.exhibit is None:
        raise Refusal("this experiment has no exhibit: nothing is defined to be shown")
    moved = [(name, _moved(who, experiment.learner)) for name, who in learners.items()]
    for _, learner in moved:
        experiment.evaluation.check(learner)
    table = experiment.exhibit.table(moved, jax.random.key(seed))
    lines = [("", *table.columns)]
    lines += [(name, *map(str, scores)) for name, scores in table.rows]
    console = Console()
    unbound = console.options.update(max_width=sys.maxsize)
    for heads, *rows in (lines, zip(*lines, strict=True)):
        shown = Table(
            *heads, title=table.title, caption=table.note, title_justify="left"
        )
        for row in rows:
            shown.add_row(*row)
        if Measurement.get(console, unbound, shown).minimum <= console.width:
            break  # else a row for each column
    console.print(shown)
    return table


def _moved(learner, like):
    """A rule on the network of another learner; anything else as it is."""
    from plastica.learner import AbstractRule

    if isinstance(learner, AbstractRule) and isinstance(like, AbstractRule):
        return learner.on(like.network)
    return learner


def _total(asked: str | None, now: int) -> int | None:
    if asked is None:
        return None
    try:
        return now + int(asked[1:]) if asked.startswith("+") else int(asked)
    except ValueError:
        raise Refusal(
            f"--generations takes a total or +MORE, got {asked!r}; as in +5000"
        ) from None
