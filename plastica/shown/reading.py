"""How a learner reads and remembers: surprisals, and a passage coloured by its own."""

import codecs
import math
from collections.abc import Sequence
from typing import ClassVar

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from plastica.baselines.context import Counts, passage_scores
from plastica.baselines.online import OnlineLSTM
from plastica.data import Alphabet
from plastica.learner import AbstractLearner
from plastica.shown.extras import Curves, Extras, Passage, by_reading
from plastica.shown.general import NORMS, every_loss, watched
from plastica.shown.shown import AbstractExhibit, Learners, Outcome, plain
from plastica.tasks.remember import FreshLives
from plastica.tasks.text import Text

BITS = math.log2(math.e)  # of a nat
PAST, PRESENT = "snippets asked back", "text as it comes"
SNIPPET = "A snippet of the past"
SNIPPETS = "Mean over lives, after half of them. The first symbol is asked blindly."


class Reading(AbstractExhibit):
    """Passages of a text that no search has seen, each read as `task` reads them.

    Beside the learners stand models that search nothing: uniform, adaptive context
    models, and, with `units`, an LSTM of as many that is trained as it reads.
    """

    task: Text
    alphabet: Alphabet = eqx.field(static=True)
    passages: int = eqx.field(static=True, default=100)
    orders: tuple[int, ...] = eqx.field(static=True, default=(0, 2))
    units: int = eqx.field(static=True, default=0)
    elsewhere: tuple[tuple[str, Text], ...] = ()  # names of other texts, and they
    unit: ClassVar[str] = "nats"

    def yardsticks(self) -> dict[str, float]:
        """Models that search nothing, at the reading that counts."""
        key = jax.random.key(0)
        nats = {name: scores[:, -1] for name, scores in self._yardsticks(key).items()}
        return {name: float(np.mean(scores)) for name, scores in nats.items()}

    def heading(self) -> tuple[str, str]:
        """How many passages of which length."""
        unit = "nats" if self.task.readings > 1 else "surprisal"
        return (
            f"{unit} per symbol, {self.passages} unseen passages of {self.task.length}",
            "Adaptive context models learn within the passage too, and may be "
            f"ahead. {BITS:.3f} bits are a nat.",
        )

    def outcome(self, learner: AbstractLearner, key: PRNGKeyArray) -> Outcome:
        """Nats per symbol of every reading; at every position, reading by reading."""
        nats = self._readings(self.task, learner, key)
        return Outcome(learner, self._row(nats.mean(2)), by_reading(nats.mean(0)))

    def below(self, learners: Learners, key: PRNGKeyArray) -> dict[str, dict]:
        """Learners on other texts, and the yardsticks."""
        rows = {
            f"{name}, on {where}": self._readings(task, who, key).mean(2)
            for where, task in self.elsewhere
            for name, who in learners
        }
        rows |= self._yardsticks(key)
        return {name: self._row(nats) for name, nats in rows.items()}

    def closely(self, outcomes: Sequence[Outcome], key: PRNGKeyArray) -> Extras:
        """A passage as it was read, and the norms of all that lived meanwhile."""
        world, loss, norms = watched(outcomes[0].who, self.task, key)
        text = _characters(self.alphabet, np.asarray(self.task.passage(world)))
        nats = np.asarray(loss.value, float).reshape(self.task.readings, -1)
        passage = Passage(text, nats.tolist(), self.task.symbols)
        return {"passage": passage, NORMS: norms}

    def _row(self, nats: Float[np.ndarray, "passages readings"]) -> dict:
        """Cells by reading; of a single reading the same in bits, too."""
        if self.task.readings == 1:
            return {"nats": nats[:, 0], "bits": nats[:, 0] * BITS}
        return by_reading(nats.T)

    def _readings(
        self, task: Text, learner: AbstractLearner, key: PRNGKeyArray
    ) -> Float[np.ndarray, "passages readings length"]:
        nats = every_loss(learner, task, jax.random.split(key, self.passages)).value
        return np.asarray(nats).reshape(self.passages, task.readings, -1)

    def _yardsticks(self, key):
        keys = jax.random.split(key, self.passages)
        worlds = jax.vmap(lambda k: self.task.init(jax.random.split(k)[0]))(keys)
        passages = np.asarray(jax.vmap(self.task.passage)(worlds))
        symbols, readings = self.task.symbols, self.task.readings
        rows = {"uniform": np.full((self.passages, readings), math.log(symbols))}
        for order in self.orders:
            nats = passage_scores(passages, symbols, order, readings)
            rows[f"adaptive order {order}"] = nats.mean(2)
        if self.units:
            lstm = OnlineLSTM.of(self.units, symbols)
            name = f"LSTM of {self.units} trained as it reads"
            rows[name] = self._readings(self.task, lstm, key).mean(2)
        return rows


class Remembering(AbstractExhibit):
    """Newborns in a text that no search has seen, asked for their past as they live."""

    fresh: FreshLives
    orders: tuple[int, ...] = eqx.field(static=True, default=(0, 2))
    unit: ClassVar[str] = "nats"

    def yardsticks(self) -> dict[str, float]:
        """Uniform, and context models asked for a snippet of what they have read."""
        rows = self._yardsticks().items()
        return {name: float(np.mean(past)) for name, (_, past) in rows}

    def heading(self) -> tuple[str, str]:
        """Where newborns live, and what they and the models below are asked."""
        past = self.fresh.remember
        return (
            f"nats per symbol, {past.lives} lives in unseen text, delay {past.delay}",
            f"Snippets are of {past.window} symbols, the first asked for blindly. The "
            f"context models have read the last {past.window + past.delay} symbols.",
        )

    def outcome(self, learner: AbstractLearner, key: PRNGKeyArray) -> Outcome:
        """Nats per symbol in the second half of the lives, with errors over lives.

        A life's losses are the means of every window, at each of its ticks.
        """
        nats = jax.tree.map(np.asarray, _fresh_lives(self.fresh, learner, key))
        each = {PRESENT: nats.present, PAST: nats.past}
        late = {name: own[len(own) // 2 :] for name, own in each.items()}
        row = {name: own.mean((0, 2)) for name, own in late.items()}
        T = self.fresh.remember.window
        life = {n: np.repeat(each[n].mean((1, 2)), T) for n in (PAST, PRESENT)}
        return Outcome(learner, row, life, {PAST: late[PAST].mean((0, 1))})

    def below(self, learners: Learners, key: PRNGKeyArray) -> dict[str, dict]:
        """Models that have read what was before."""
        rows = self._yardsticks().items()
        return {n: dict(zip((PRESENT, PAST), nats, strict=True)) for n, nats in rows}

    def closely(self, outcomes: Sequence[Outcome], key: PRNGKeyArray) -> Extras:
        """What is known of a snippet, symbol by symbol."""
        axes = "symbol of the snippet", self.unit
        return {
            SNIPPET: Curves(plain(outcomes[0].seen), *axes, SNIPPETS, recorded=False)
        }

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


_fresh_lives = eqx.filter_jit(FreshLives.outcome)


def _characters(alphabet: Alphabet, symbols) -> list[str]:
    """What every symbol shows; of a character's bytes, the last one all of it."""
    if alphabet.name == "letters":
        return list(alphabet.decode(symbols))
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    shown = [decoder.decode(bytes([min(int(s), 0xFF)])) for s in symbols]
    return [*shown[:-1], shown[-1] + decoder.decode(b"", final=True)]
