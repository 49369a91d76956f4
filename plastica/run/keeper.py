"""What is kept of a run as it goes: metrics, checkpoints, snapshots, the best rule."""

import contextlib
import logging
import math
import signal
import threading
import time
from collections.abc import Iterator
from itertools import takewhile
from typing import Any

import numpy as np

from plastica import cluster
from plastica.errors import Diverged, Interrupted
from plastica.learner import flatten
from plastica.run.chunks import members_of
from plastica.run.generations import Metrics, Step, generations
from plastica.run.run import Display, Run
from plastica.saving import read_rule, save
from plastica.search import Engine
from plastica.search.engine import placed
from plastica.search.search import SearchState

log = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 20.0
METRICS_SECONDS = 2.0
ATTENTION_SECONDS = 0.5  # of generations lived between looks at signals and the clock
RECORDED = ("command", "source", "seed", "data", "versions", "commit")  # with a rule
SNAPSHOTS = 50  # of theta, along the generations first asked for


class Keeper:
    """Lives a run's generations, from one state on, and writes what they yield."""

    def __init__(
        self,
        run: Run,
        state: SearchState,
        generation: int,
        seconds: float,
        display: Display | None,
    ) -> None:
        """The state after so many generations and seconds; later lines are cut."""
        self.run, self.state, self.generation = run, placed(state), generation
        cluster.led(lambda: run.folder.cut_after(generation))
        self.rows, self.unwritten = run.rows(), []
        scores = (row.get("eval/loss") for row in self.rows)
        self.best = min((s for s in scores if s is not None), default=math.inf)
        self.display = display
        self.started = time.monotonic() - seconds
        self.saved = self.written = self.looked = time.monotonic()
        self.most = 1  # generations at once
        self.loops = 0  # without an evaluation; the first one compiles
        self.slowest = 0.0  # seconds of an evaluation

    def keep(self, engine: Engine) -> None:
        """Generations until all are lived; the last state is saved, whatever ends it.

        Raises `Interrupted` if a signal came, `Diverged` if the search cannot go on.
        """
        if self.display:
            self.display.begin(self.run, self.rows)
        try:
            with _signals_wait() as received:
                self._live(engine, received)
        finally:
            if self.display:
                self.display.end()
        if self.generation < self.run.experiment.generations:
            by_hand = received and received[0] == signal.SIGINT
            raise Interrupted(130 if by_hand else cluster.LEFT, self.run.path)

    def _live(self, engine: Engine, received: list[int]) -> None:
        """Processes agree on when to save and when to stop."""
        run, experiment = self.run, self.run.experiment
        spacing = max(run.folder.config()["planned"] // SNAPSHOTS, 1)

        def pace(generation: int) -> int:
            self.looked = time.monotonic()
            late = self.looked - self.saved > CHECKPOINT_SECONDS
            wanted = generation + self.most
            stop, save, until = cluster.agreed(bool(received), late, wanted)
            if save:
                self._save()
            return 0 if stop else until - generation

        going = experiment, engine, self.state, self.generation, pace
        for step in generations(*going, periods=(spacing,), fresh=not self.rows):
            self._take(step)
            if step.generation % spacing == 0 and step.generation and cluster.leads():
                vector = flatten(experiment.search.best(step.state))[0]
                run.folder.snapshot(np.asarray(vector), step.generation)
            if step.failed:
                self._end(step.lost)
        if self.generation < experiment.generations:
            self._save()
        else:
            self._end(0)

    def _end(self, lost: int) -> None:
        """Keeps the rule found; fails where all lives there were diverged.

        So many lives were `lost` in a generation with which the search failed.
        """
        self._save()
        cluster.led(lambda: _keep_rule(self.run))
        search, rows = self.run.experiment.search, reversed(self.run.rows())
        whole = takewhile(lambda row: row.get("diverged") == search.evaluations, rows)
        before = search.evaluations * len(list(whole))
        if lost or (before and before == search.evaluations * self.generation):
            kind = "members" if members_of(search) > 1 else "updates in a row"
            what, number = f"{before + lost} {kind}", self.generation + bool(lost)
            raise Diverged(number, what, self.run.path)
        if before:
            log.warning("the last %s updates diverged (NaN or infinite)", before)

    def _take(self, step: Step) -> None:
        """Notes some generations, at times evenly between the last look and now."""
        now, experiment = time.monotonic(), self.run.experiment
        evaluations = experiment.search.evaluations
        count = len(step.rows)
        took, spent = now - self.looked, self.looked - self.started
        self.state, self.generation = step.state, step.generation
        judged = bool(step.rows) and "eval/loss" in step.rows[-1]
        if judged:  # before the line that says so is on disk
            self._judge(step.rows[-1]["eval/loss"])
        for i, row in enumerate(step.rows, 1):
            number = step.generation - count + i
            times = {
                "evaluations": number * evaluations,
                "ticks": experiment.ticks_until(number) * evaluations,
                "seconds": round(spent + took * i / count, 3),
            }
            self._note({"generation": number} | row | times)
        if judged:
            self.slowest = max(self.slowest, took)
        elif count:
            self.loops += 1
            if self.loops == 2 and self.display:
                self.display.obeys(2 * (took + ATTENTION_SECONDS) + self.slowest)
            self.most = max(int(count * ATTENTION_SECONDS / max(took, 1e-9)), 1)

    def _judge(self, loss: float | None) -> None:
        """Keeps the rule if it is the best so far by its held-out loss."""
        better = loss is not None and loss < self.best
        if loss is not None and better:
            self.best = loss
        if (better or self.generation == 0) and cluster.leads():
            learner = self.run.experiment.search.best(self.state)
            made = {"generation": self.generation, "eval/loss": loss}
            save(learner, self.run.folder.best, made)

    def _note(self, row: Metrics) -> None:
        if row["generation"] == 1 and row.get("gradient") == 0:
            log.warning(
                "the gradient is exactly zero in generation 1: theta has no part in "
                "the loss, or none that is smooth; if it stays so, take another search"
            )
        self.unwritten.append(row)
        if time.monotonic() - self.written > METRICS_SECONDS:
            self._write()
        if self.display:
            self.display.show(row)

    def _save(self) -> None:
        """Metrics first: lines after the checkpoint are cut, missing ones were lost."""
        self._write()
        seconds = time.monotonic() - self.started
        state = cluster.whole(self.state)
        if cluster.leads():
            self.run.folder.save_state(state, self.generation, seconds)
        self.saved = time.monotonic()

    def _write(self) -> None:
        if cluster.leads():
            self.run.folder.append(self.unwritten)
        self.unwritten, self.written = [], time.monotonic()


def _keep_rule(run: Run) -> None:
    """The best by evaluation becomes the rule found, and says how it was made."""
    config, score = run.folder.config(), read_rule(run.folder.best)[1]["made"]
    made = score | {name: config.get(name) for name in RECORDED}
    save(run.best(), run.folder.rule, made)


@contextlib.contextmanager
def _signals_wait() -> Iterator[list[int]]:
    """Collects Ctrl-C and SIGTERM, so that a generation can end; a second one kills."""
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return

    def keep(number, frame):
        received.append(number)
        signal.signal(number, before[number])

    numbers = (signal.SIGINT, signal.SIGTERM)
    before: dict[int, Any] = {number: signal.signal(number, keep) for number in numbers}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
