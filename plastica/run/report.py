"""A run as one page of HTML that needs nothing but itself."""

import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from plastica.run.folder import RunFolder
from plastica.run.record import read_scores
from plastica.shown import Panel, Shown
from plastica.shown.plots import lines
from plastica.store import write_text

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;
color:#222;background:#fff}h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2.2rem}
table{border-collapse:collapse}td,th{padding:.25rem .8rem;border-bottom:1px solid #ddd;
text-align:left;font-variant-numeric:tabular-nums}svg{max-width:100%;height:auto}
.reading{font:14px/1.7 ui-monospace,monospace;overflow-wrap:anywhere;
white-space:pre-wrap}
.caption,footer{color:#666}pre{background:#f6f6f6;padding:.8rem;overflow:auto}
"""


def write(folder: RunFolder) -> Path:
    """Draws a run's `report.html` from what its folder holds, and returns its path."""
    config, scores = folder.config(), read_scores(folder.scores)
    panels = [learning_curve(folder.rows(), scores), *Shown.read(scores).panels()]
    recorded = f"<pre>{html.escape(json.dumps(config, indent=2))}</pre>"
    panels.append(Panel("What was run", "", recorded))
    name = (config.get("source") or {}).get("experiment", "experiment")
    write_text(folder.report, page(f"{name}, {config['started'][:10]}", panels))
    return folder.report


def learning_curve(rows: Sequence[Mapping], scores: Mapping[str, Any]) -> Panel:
    """Losses by generation, on training and held-out data, beside the yardsticks."""
    curves = {
        name: tuple(np.array(pairs).T)
        for name, key in (("training", "train/loss"), ("held out", "eval/loss"))
        if (
            pairs := [(r["generation"], r[key]) for r in rows if r.get(key) is not None]
        )
    }
    levels = scores.get("yardsticks")
    unit = scores.get("unit", "loss") if levels else "loss"
    caption = (
        "Training: the mean over the members of a generation. Held out: the mean of "
        "the search's distribution, on data that the search does not see."
    )
    picture = lines(curves, "generation", unit, levels=levels)
    return Panel("Learning curve", caption, picture)


def page(title: str, panels: Sequence[Panel]) -> str:
    """A whole page of panels under a title, which needs nothing but itself."""
    body = "".join(
        f"<h2>{html.escape(panel.title)}</h2>{panel.html}"
        f'<p class="caption">{html.escape(panel.caption)}</p>'
        for panel in panels
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(title)}</title><style>{STYLE}</style>"
        f"<h1>{html.escape(title)}</h1>{body}<footer>Made by plastica.</footer></html>"
    )
