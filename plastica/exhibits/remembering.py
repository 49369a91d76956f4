"""How a learner remembers: what it knows of snippets of its past, and how soon."""

import math
from collections.abc import Sequence
from typing import ClassVar

import equinox as eqx
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from plastica.baselines.context import Counts
from plastica.exhibit import AbstractExhibit, Panel, Score, Table
from plastica.learner import AbstractLearner
from plastica.plots import lines
from plastica.tasks.remember import FreshLives, Nats

PAST, PRESENT = "snippets asked back", "text as it comes"


class Remembering(AbstractExhibit):
    """Newborns in a text that no search has seen, asked for their past as they live."""

    fresh: FreshLives
    orders: tuple[int, ...] = eqx.field(static=True, default=(0, 2))
    unit: ClassVar[str] = "nats"

    def yardsticks(self) -> dict[str, float]:
        """Uniform, and context models asked for a snippet of what they have read."""
        rows = self._yardsticks().items()
        return {name: float(np.mean(past)) for name, (_, past) in rows}

    def table(
        self, learners: Sequence[tuple[str, AbstractLearner]], key: PRNGKeyArray
    ) -> Table:
        """Nats per symbol in the second half of the lives, with errors over lives."""
        rows = []
        for name, learner in learners:
            halves = [a[len(a) // 2 :].mean((0, 2)) for a in self._nats(learner, key)]
            rows.append((name, tuple(Score.of(half) for half in halves)))
        for name, yardstick in self._yardsticks().items():
            rows.append((name, tuple(Score.of(nats) for nats in yardstick)))
        past = self.fresh.remember
        return Table(
            f"nats per symbol, {past.lives} lives in unseen text, delay {past.delay}",
            (PRESENT, PAST),
            tuple(rows),
            f"Snippets are of {past.window} symbols, the first asked for blindly. The "
            f"context models have read the last {past.window + past.delay} symbols.",
        )

    def over_a_life(
        self, learner: AbstractLearner, key: PRNGKeyArray
    ) -> dict[str, Float[np.ndarray, "ticks"]]:
        """Mean losses of every window, at each of its ticks."""
        present, past = self._nats(learner, key)
        means = {PAST: past.mean((1, 2)), PRESENT: present.mean((1, 2))}
        T = self.fresh.remember.window
        return {name: np.repeat(mean, T) for name, mean in means.items()}

    def panels(self, learner: AbstractLearner, key: PRNGKeyArray) -> list[Panel]:
        """What is known of a snippet, symbol by symbol."""
        _, past = self._nats(learner, key)
        known = past[len(past) // 2 :].mean((0, 1))
        picture = lines({PAST: known}, "symbol of the snippet", self.unit)
        said = "Mean over lives, after half of them. The first symbol is asked blindly."
        return [Panel("A snippet of the past", said, picture)]

    def _nats(self, learner: AbstractLearner, key: PRNGKeyArray):
        """Of the text as it comes and of snippets, each `(windows, lives, T)`."""
        nats = _lived(self.fresh, learner, key)
        return np.asarray(nats.present), np.asarray(nats.past)

    def _yardsticks(self) -> dict[str, Float[np.ndarray, "both snippets"]]:
        """A hundred windows and snippets, of models that read P symbols before."""
        past, rng = self.fresh.remember, np.random.default_rng(0)
        T, P, K = past.window, past.delay, past.task.symbols
        text, rows = np.asarray(past.task.text), {}
        for order in self.orders:
            nats = []
            for start in rng.integers(0, len(text) - T - P + 1, 100):
                model, t_p = Counts(K, order), start + rng.integers(0, P + 1)
                model.read(text[start : start + P].tolist())
                present = model.read(text[start + P : start + P + T].tolist())
                model.recent = ()
                snippet = model.read(text[t_p : t_p + T].tolist())
                nats.append((np.mean(present), np.mean(snippet)))
            rows[f"adaptive order {order}"] = np.array(nats).T
        return {"uniform": np.full((2, 100), math.log(K))} | rows


@eqx.filter_jit
def _lived(fresh: FreshLives, learner: AbstractLearner, key: PRNGKeyArray) -> Nats:
    return fresh.lived(learner, key)
