"""Several runs side by side: curves and final scores, seeds and spread."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from plastica.errors import Refusal
from plastica.run.folder import RunFolder
from plastica.run.record import Record
from plastica.run.report import page
from plastica.run.sweep import Sweep
from plastica.shown import Panel, Table
from plastica.shown.plots import lines
from plastica.store import write_text

TELLING = ["text", "length", "hidden", "population", "search", "rule", "task", "hears"]


def compare(
    runs: Sequence[str | Path],
    over: str = "evaluations",
    out: str | Path = "compare.html",
) -> str:
    """Compares runs: a page of held-out curves, and a table of final scores.

    Runs that differ in their seed only are one curve, the mean over seeds.

    Args:
        runs: folders of runs.
        over: the curves' horizontal axis: "generation", "evaluations", "ticks" or
            "seconds".
        out: the page, an HTML file.

    Returns:
        The table as Markdown: number of seeds, final held-out loss and its standard
        deviation over seeds, and the best loss.

    Raises:
        Refusal: if a folder is no run, or has no evaluations yet.

    Example:
        >>> import jax
        >>> import plastica as pl
        >>> rnn = pl.Recurrent.rnn(jax.random.key(0), inputs=2, units=1, outputs=2)
        >>> judge = pl.Lifetime.of(pl.Toy(name="xor", batch=None, lessons=2))
        >>> experiment = pl.Experiment(rnn, judge, pl.SNES(2), 2, evaluation=judge)
        >>> run = pl.train(experiment, "one", page=False, engine=pl.Engine(chunk=2))
        >>> print(pl.compare(["one"]).splitlines()[0])
        | experiment | seeds | evaluations | final held-out loss | spread (sd) | best |
    """
    groups: dict[str, list[list[dict]]] = {}
    for path in runs:
        folder = RunFolder(path)
        experiment = _without_seed(folder.config())
        rows = [row for row in folder.rows() if row.get("eval/loss") is not None]
        if not rows:
            raise Refusal(f"{path} has no evaluations yet; resume it first")
        groups.setdefault(experiment, []).append(rows)
    curves = {name: _mean_curve(group, over) for name, group in groups.items()}
    panel = Panel("Held-out loss", "Means over seeds.", lines(curves, over, "loss"))
    write_text(Path(out), page("Runs compared", [panel]))
    table = {}
    for name, group in groups.items():
        final = np.array([rows[-1]["eval/loss"] for rows in group])
        best = min(min(row["eval/loss"] for row in rows) for rows in group)
        table[name] = {
            "seeds": len(final),
            over: f"{np.mean([rows[-1][over] for rows in group]):,.0f}",
            "final held-out loss": f"{final.mean():.3f}",
            "spread (sd)": f"{final.std(ddof=1):.3f}" if len(final) > 1 else "-",
            "best": f"{best:.3f}",
        }
    return Table.of("experiment", table).markdown()


def figure_page(
    title: tuple[str, str], sweep: Sweep, records: Sequence[Record], out: Path
) -> str:
    """Writes a figure's page and SVG files, and returns its table as Markdown.

    The title is the figure's name and its claim.
    """
    name, claim = title
    if not records:
        raise Refusal(
            f"no run of {name} is finished; look at the .log files in {out.parent}"
        )
    table, pictures = sweep.draw(records)
    numbers = Panel("The numbers", table.note, table.html())
    write_text(out, page(name, [Panel("The claim", claim, ""), *pictures, numbers]))
    for i, picture in enumerate(pictures):
        write_text(out.with_name(f"figure{i or ''}.svg"), picture.html)
    return table.markdown()


def _without_seed(config: dict) -> str:
    """What a run is called beside others: its experiment, and what tells it apart."""
    source = config.get("source") or {"experiment": "experiment", "arguments": {}}
    knobs = [
        f"{name} {json.dumps(source['arguments'][name])}"
        for name in TELLING
        if source["arguments"].get(name, "auto") != "auto"
    ]
    return source["experiment"] + (f" ({', '.join(knobs)})" if knobs else "")


def _mean_curve(group: list[list[dict]], over: str):
    """Means at the points of the shortest run, each curve interpolated there."""
    shortest = min(group, key=lambda rows: rows[-1][over])
    points = np.array([row[over] for row in shortest], float)
    curves = [
        np.interp(points, [r[over] for r in rows], [r["eval/loss"] for r in rows])
        for rows in group
    ]
    return points, np.mean(curves, axis=0)
