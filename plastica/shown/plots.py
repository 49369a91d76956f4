"""Plots as SVG text, to stand in a page or a file by themselves."""

import io
import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np

COLOURS = ("#b2352c", "#2c6db2", "#3a8f4d", "#a06bb8", "#c98a1b", "#5b6770")
LABEL = 44  # letters of a line in a legend


def lines(
    curves: Mapping[str, np.ndarray | tuple[np.ndarray, np.ndarray]],
    x: str,
    y: str,
    log: bool = False,
    levels: Mapping[str, float] | None = None,
) -> str:
    """Curves by name, each `y` or `(x, y)`; `levels` are dashed lines."""
    labels = [textwrap.fill(name, LABEL) for name in curves]  # room for axes
    height = 0.18 * sum(len(label.splitlines()) for label in labels)
    figure, axes = new_figure(height=max(3.4, height))
    for i, curve in enumerate(curves.values()):
        points = curve if isinstance(curve, tuple) else (np.arange(len(curve)), curve)
        axes.plot(*points, label=labels[i], linewidth=1.4, **stroke(i))
    for name, level in (levels or {}).items():
        axes.axhline(level, color="#888", linestyle="--", linewidth=0.9)
        place: Any = {"xy": (1.0, level), "xycoords": ("axes fraction", "data")}
        axes.annotate(name, **place, fontsize=8, color="#555")
    if log and any((np.asarray(line.get_ydata()) > 0).any() for line in axes.lines):
        axes.set_yscale("log")
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    beside = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)}
    if len(curves) > 1:
        place = beside if len(curves) > 4 else {"ncols": 2}
        axes.legend(fontsize=8, frameon=False, **place)
    return svg(figure)


def stroke(i: int) -> dict[str, str]:
    """The colour and style of the curve with this number: no two of 18 are alike."""
    return {"color": COLOURS[i % 6], "linestyle": ("-", "--", ":")[i // 6 % 3]}


def new_figure(width: float = 7.0, height: float = 3.4, columns: int = 1):
    """A figure and its axes (an array of several), without a window or whole frames."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(ncols=columns)
    for each in np.atleast_1d(axes):
        each.spines[["top", "right"]].set_visible(False)
    return figure, axes


def svg(figure) -> str:
    """A figure as an <svg> element, the same for the same figure."""
    import matplotlib

    page = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "plastica"}):
        figure.savefig(page, format="svg", metadata={"Date": None})
    return page.getvalue()[page.getvalue().index("<svg") :]
