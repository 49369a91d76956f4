"""What there is to see beside a table: plain words and numbers that draw themselves."""

import abc
import html
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import numpy as np
from jaxtyping import Float

from plastica.shown.plots import COLOURS, lines, new_figure, svg

WRONG = "share wrong"
SIDE = 18  # of the grid on which the plane is shown
PARTS = {"W": "plastic weights", "h": "activations"}
WALKS = "walks"  # their name among the extras
GOAL = (-0.3, -0.3)  # of the paper's figure 9
LEAST, LEVELS = -30, "0123456789abcdefghijklmnopqrstuvwxyz"  # nats, one a letter
ORDINALS = ("first", "second", "third")
LONGEST_SHOWN = 2_000  # characters of a passage in a report


class Panel(NamedTuple):
    """A piece of a report: a title, a sentence, and HTML made by this package."""

    title: str
    caption: str
    html: str


@dataclass(frozen=True)
class AbstractExtra:
    """Something to see beside the table: plain words and numbers that draw themselves.

    Its fields are what JSON has. `recorded` extras go into the small records of runs,
    from which figures are made; the others stay in the run's folder.
    """

    recorded: bool = field(default=True, kw_only=True)

    @abc.abstractmethod
    def panels(self, name: str) -> list[Panel]:
        """Pictures of it; `name` is its name among the extras."""


Extras = dict[str, AbstractExtra]  # by their names


@dataclass(frozen=True)
class Curves(AbstractExtra):
    """Curves by name over a common axis, under a sentence that says what they are."""

    curves: dict[str, list[float]]
    x: str
    y: str
    caption: str = ""
    log: bool = False
    at: list[float] | None = None  # places on the axis; None: 0, 1, 2 and so on

    def panels(self, name: str) -> list[Panel]:
        """All curves in one picture; no picture of none."""
        if not self.curves:
            return []
        curves: dict[str, Any] = {n: np.array(own) for n, own in self.curves.items()}
        if self.at is not None:
            curves = {n: (np.array(self.at), own) for n, own in curves.items()}
        return [Panel(name, self.caption, lines(curves, self.x, self.y, self.log))]


@dataclass(frozen=True)
class Rivals(AbstractExtra):
    """Mean shares wrong of rivals as they live a course, and this rule's own there."""

    curves: dict[str, list[float]]  # of the rivals alone
    own: list[float]
    course: str

    def panels(self, name: str) -> list[Panel]:
        """This rule's curve, and the rivals'."""
        both = {"this rule": self.own, **self.curves}
        curves = Curves(both, "tick", WRONG, "Means over lives.")
        return curves.panels(f"Learning {self.course}")


@dataclass(frozen=True)
class Planes(AbstractExtra):
    """Of every toy some points, their answers, and what a rule answers on a grid.

    `grids` has a word of digits, row by row, after 1, a third and all lessons.
    """

    toys: dict[str, dict[str, list]]

    def panels(self, name: str) -> list[Panel]:
        """Toys' points, and below them how a rule divides the plane as it learns."""
        from matplotlib.colors import ListedColormap
        from matplotlib.figure import Figure

        rows = 1 + max(len(toy_shown["grids"]) for toy_shown in self.toys.values())
        size = 1.3 * len(self.toys), 1.4 * rows
        figure = Figure(figsize=size, layout="constrained")
        columns = figure.subplots(rows, len(self.toys), squeeze=False).T
        among: Any = {"cmap": ListedColormap(COLOURS[:5]), "vmin": 0, "vmax": 4}
        flat = {"origin": "lower", "alpha": 0.6, "interpolation": "none"} | among
        for (toy, toy_shown), (top, *below) in zip(
            self.toys.items(), columns, strict=True
        ):
            top.scatter(
                *np.array(toy_shown["points"]).T, s=2, c=toy_shown["answers"], **among
            )
            top.set_title(toy, fontsize=8)
            for axes, grid in zip(below, toy_shown["grids"], strict=True):
                axes.imshow(np.array(list(grid), int).reshape(SIDE, SIDE), **flat)
            for axes in (top, *below):
                axes.set(xticks=[], yticks=[], aspect="equal")
        caption = "Top: what is shown. Below: answers after 1, a third and all lessons."
        return [Panel("The plane divided", caption, svg(figure))]


@dataclass(frozen=True)
class Walks(AbstractExtra):
    """Lives' ways through planes by part, and what was hidden in each life, by name."""

    hidden: dict[str, list[float]]
    maps: dict[str, list[list[list[float]]]]

    def panels(self, name: str) -> list[Panel]:
        """Where weights and activations go, coloured by what is hidden.

        A `name` that is not its own among the extras comes before the titles.
        """
        panels, before = [], "" if name == WALKS else name
        for part, walks in self.maps.items():
            figure, axes = new_figure(9.0, 3.0, columns=len(self.hidden))
            for (what, values), own in zip(self.hidden.items(), axes, strict=True):
                _coloured(own, np.array(walks), np.array(values), what)
            caption = f"t-SNE of {len(walks)} lives; a dot is where a life ends."
            title = f"{before}Where {PARTS[part]} go"
            panels.append(Panel(title, caption, svg(figure)))
        return panels


@dataclass(frozen=True)
class Tracks(AbstractExtra):
    """Some tracks by each driver: places x, y and heading, tick by tick."""

    tracks: dict[str, list[list[list[float]]]]

    def panels(self, name: str) -> list[Panel]:
        """Figure 9, the tracks by each driver; and the first one as an animation."""
        drivers = self.tracks.items()
        figure, axes = new_figure(4.5 * len(drivers), 4.0, columns=len(drivers))
        for (driver, tracks), own in zip(drivers, axes, strict=True):
            for track, colour in zip(map(np.array, tracks), COLOURS, strict=False):
                own.plot(*track[:, :2].T, color=colour, linewidth=0.9)
            own.plot(*GOAL, "o", color="#3a8f4d", markersize=9)
            own.plot(0, 0, "k.")
            own.set(title=driver, aspect="equal")
        caption = "A_0 = 0.5, k = 0.2, the goal a green dot: the roll-out that counts."
        first = next(iter(self.tracks.values()))[0]
        return [
            Panel("Tracks", caption, svg(figure)),
            Panel("The drive", "The first of these tracks.", animated(first)),
        ]


@dataclass(frozen=True)
class Antisymmetric(AbstractExtra):
    """By name the natural logarithms of |Q - Q'|, a letter for each, a word a row."""

    rows: dict[str, list[str]]

    @classmethod
    def of(cls, jacobians: Mapping[str, Float[np.ndarray, "weights weights"]]) -> Self:
        """Of Jacobians Q by name, in words."""
        rows = {}
        for name, Q in jacobians.items():
            logs = np.log(np.maximum(np.abs(Q - Q.T), np.exp(LEAST)))
            levels = np.rint(logs - LEAST).clip(0, len(LEVELS) - 1).astype(int)
            rows[name] = ["".join(LEVELS[level] for level in row) for row in levels]
        return cls(rows)

    def panels(self, name: str) -> list[Panel]:
        """Pictures of |Q - Q'|, the weights in order of layers (figure 2)."""
        figure, axes = new_figure(9.0, 4.0, columns=len(self.rows))
        for (who, rows), own in zip(self.rows.items(), np.ravel(axes), strict=True):
            logs = np.array([[LEVELS.index(letter) for letter in row] for row in rows])
            image = own.imshow(
                logs + LEAST, vmin=LEAST, vmax=5, cmap="magma", interpolation="none"
            )
            own.set(title=who, xlabel="m", ylabel="k")
            figure.colorbar(image, ax=own, label="log |Q - Q'|")
        caption = "Q: the derivatives of every weight's change by every weight."
        return [Panel("Is the update a gradient?", caption, svg(figure))]


@dataclass(frozen=True)
class SquareImage(AbstractExtra):
    """Squared errors for every w (a row) and x, each from -side to side."""

    squared: list[list[float]]
    side: float
    recorded: bool = field(default=False, kw_only=True)

    def panels(self, name: str) -> list[Panel]:
        """The square in colours (figure 4)."""
        figure, axes = new_figure()
        edges = (-self.side, self.side, -self.side, self.side)
        image = axes.imshow(np.array(self.squared), origin="lower", extent=edges)
        figure.colorbar(image)
        axes.set(xlabel="x", ylabel="w")
        return [Panel(name, "Squared errors of tanh(x) w.", svg(figure))]


@dataclass(frozen=True)
class Passage(AbstractExtra):
    """A passage's characters, and the nats at each of them in every reading."""

    characters: list[str]
    nats: list[list[float]]
    symbols: int  # that there are; chance is one in as many
    recorded: bool = field(default=False, kw_only=True)

    def panels(self, name: str) -> list[Panel]:
        """Every reading coloured."""
        caption = (
            "Every character coloured by its surprisal, from pale (certain) to dark "
            "(as surprising as chance or worse)."
        )
        readings = (
            _marked(reading, self.characters, nats, self.symbols)
            for reading, nats in by_reading(self.nats).items()
        )
        return [Panel("A passage it never saw", caption, "".join(readings))]


def _coloured(axes, walks, values, name: str) -> None:
    """Walks in a plane, the larger the value the redder."""
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("values", COLOURS[1::-1])
    low, high = values.min(), values.max()
    for walk, value in zip(walks, values, strict=True):
        colour = colours((value - low) / max(high - low, 1e-9))
        axes.plot(*walk.T, color=colour, linewidth=0.8)
        axes.plot(*walk[-1], "o", color=colour, markersize=4)
    axes.set(title=f"{name}, {low:.2g} to {high:.2g}", xticks=[], yticks=[])


def animated(track: Sequence[Sequence[float]]) -> str:
    """A robot on its track, going round and round, with the page's own script."""
    track = np.array(track, float).tolist()  # numbers and nothing else, in a script
    (gx, gy), far = GOAL, max(abs(x) for place in track for x in place[:2])
    reach, places = 1.2 * max(0.4, far), json.dumps(track)
    points = " ".join(f"{x},{-y}" for x, y, _ in track)
    return f"""<svg viewBox="{-reach} {-reach} {2 * reach} {2 * reach}" width="420">
<circle cx="{gx}" cy="{-gy}" r="0.02" fill="#3a8f4d"/>
<polyline points="{points}" fill="none" stroke="#bbb" stroke-width="0.003"/>
<g class="robot"><circle r="0.02" fill="#b2352c"/>
<line x2="0.035" stroke="#222" stroke-width="0.006"/></g></svg>
<script>{{const places={places},robot=document.currentScript.previousElementSibling
.querySelector(".robot");let t=0;setInterval(()=>{{
const [x,y,a]=places[t%places.length];t+=1;robot.setAttribute("transform",
`translate(${{x}} ${{-y}}) rotate(${{-a*180/Math.PI}})`)}},80)}}</script>"""


def _marked(title: str, text: list[str], nats, symbols: int) -> str:
    """A line of characters on backgrounds from white to red at ln(symbols)."""
    worst = math.log(symbols)
    spans = []
    for character, surprisal in zip(text[:LONGEST_SHOWN], nats, strict=False):
        share = min(float(surprisal) / worst, 1.0) if np.isfinite(surprisal) else 1.0
        shown = html.escape(character) if character.isprintable() else "·"
        spans.append(
            f'<span style="background:rgb(255 {255 - 165 * share:.0f} '
            f'{255 - 205 * share:.0f})" title="{surprisal:.2f} nats">{shown}</span>'
        )
    mean = f"{np.mean(nats):.2f} nats"
    return f'<p class="reading"><b>{title}, {mean}</b><br>{"".join(spans)}</p>'


def by_reading(each: Sequence | np.ndarray) -> dict[str, Any]:
    """What there is of every reading, by its name."""
    count = len(each)
    names = [*ORDINALS, *(f"{n}th" for n in range(len(ORDINALS) + 1, count + 1))]
    return {f"{n} reading": own for n, own in zip(names[:count], each, strict=True)}
