"""A run as it goes: the latest losses, yardsticks, speed and time left."""

import math
import time
from collections.abc import Mapping

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

QUIET_SECONDS = 10.0  # between lines where there is no terminal


class Progress:
    """Shows a run's metrics on a terminal; elsewhere prints a line now and then."""

    def __init__(self, console: Console | None = None) -> None:
        """On standard error by default."""
        self.console = console or Console(stderr=True, highlight=False)
        self.live: Live | None = None

    def begin(self, run, rows: list[dict]) -> None:
        """The run starts or goes on."""
        self.total = run.experiment.generations
        self.yardsticks: Mapping[str, float] = run.yardsticks
        self.unit = run.experiment.shows.unit if self.yardsticks else ""
        self.held_out = next(
            (r["eval/loss"] for r in rows[::-1] if "eval/loss" in r), None
        )
        self.row = rows[-1] if rows else {}
        self.started, self.first, self.last_line = time.monotonic(), None, 0.0
        self.console.print(
            f"[bold]{escape(str(run.path))}[/]: {self.total:,} generations"
        )
        if self.yardsticks:
            sizes = (f"{name} {loss:.3f}" for name, loss in self.yardsticks.items())
            self.console.print(f"yardsticks ({self.unit}): {', '.join(sizes)}")
        if self.console.is_terminal and not self.console.is_dumb_terminal:
            self.live = Live(console=self.console, get_renderable=self._table)
            self.live.start()

    def obeys(self, seconds: float) -> None:
        """How long a Ctrl-C may take; it loses nothing."""
        self.console.print(
            f"Ctrl-C stops it within {spelled(math.ceil(seconds) * 1.0)}"
        )

    def show(self, row: dict) -> None:
        """Another generation."""
        self.row = row
        self.held_out = row.get("eval/loss", self.held_out)
        if self.first is None and row["generation"] > 0:
            self.first = (time.monotonic(), row["generation"], row["ticks"])
        now = time.monotonic()
        if not self.live and now - self.last_line > QUIET_SECONDS:
            self.last_line = now
            self.console.print(", ".join(f"{k} {v}" for k, v in self._cells()))

    def end(self) -> None:
        """The run stops."""
        if self.live:
            self.live.stop()
            self.live = None

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for name, value in self._cells():
            table.add_row(f"[dim]{name}[/]", value)
        return table

    def _cells(self):
        row = self.row
        yield "generation", f"{row.get('generation', 0):,} of {self.total:,}"
        yield "training", self._loss(row.get("train/loss"))
        yield "held out", self._loss(self.held_out)
        if row.get("diverged"):
            yield "diverged", f"{row['diverged']} members"
        if self.first and row["generation"] > self.first[1]:
            then, generation, ticks = self.first
            elapsed = max(time.monotonic() - then, 1e-9)
            left = (self.total - row["generation"]) * elapsed
            yield "speed", f"{(row['ticks'] - ticks) / elapsed:,.0f} ticks/s"
            yield "left", spelled(left / (row["generation"] - generation))

    def _loss(self, loss: float | None) -> str:
        if loss is None:
            return "-"
        bits = f" ({loss / math.log(2):.3f} bits)" if self.unit == "nats" else ""
        return f"{loss:.3f} {self.unit}{bits}"


def spelled(seconds: float) -> str:
    """Seconds as a person says them: 45 s, 3 min, 2.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
