"""How a learner reads: scores by reading, and a passage coloured by its surprisal."""

import codecs
import html
import math
from collections.abc import Sequence
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from plastica.baselines.context import passage_scores
from plastica.baselines.online import OnlineLSTM
from plastica.data import Alphabet
from plastica.exhibit import AbstractExhibit, Panel, Score, Table
from plastica.learner import AbstractLearner
from plastica.lifetime import birth, live
from plastica.plots import lines
from plastica.tasks.text import Text

ORDINALS = ("first", "second", "third")
BITS = math.log2(math.e)  # of a nat
LONGEST_SHOWN = 2_000  # characters of a passage in a report


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

    def table(
        self, learners: Sequence[tuple[str, AbstractLearner]], key: PRNGKeyArray
    ) -> Table:
        """Nats per symbol of every reading, with standard errors over passages.

        Of a single reading the same in bits, too.
        """
        rows = {name: self._means(self.task, who, key) for name, who in learners}
        rows |= {
            f"{name}, on {where}": self._means(task, who, key)
            for where, task in self.elsewhere
            for name, who in learners
        }
        rows |= self._yardsticks(key)
        unit = "nats"
        columns = [f"{_ordinal(i)} reading" for i in range(self.task.readings)]
        if self.task.readings == 1:
            unit, columns = "surprisal", ["nats", "bits"]
            rows = {n: np.hstack([nats, nats * BITS]) for n, nats in rows.items()}
        return Table(
            title=f"{unit} per symbol, {self.passages} unseen passages "
            f"of {self.task.length}",
            columns=tuple(columns),
            rows=tuple(
                (name, tuple(Score.of(column) for column in scores.T))
                for name, scores in rows.items()
            ),
            note="Adaptive context models learn within the passage too, and may be "
            f"ahead. {BITS:.3f} bits are a nat.",
        )

    def over_a_life(
        self, learner: AbstractLearner, key: PRNGKeyArray
    ) -> dict[str, Float[np.ndarray, "length"]]:
        """Mean nats at every position of the passage, reading by reading."""
        readings = self._readings(self.task, learner, key).mean(0)
        return {f"{_ordinal(i)} reading": nats for i, nats in enumerate(readings)}

    def panels(self, learner: AbstractLearner, key: PRNGKeyArray) -> list[Panel]:
        """The coloured passage, and norms of weights and activations over the life."""
        nats, norms, passage = _watched(self.task, learner, key)
        readings = np.asarray(nats).reshape(self.task.readings, -1)
        text = _characters(self.alphabet, np.asarray(passage))
        return [
            Panel(
                "A passage it never saw",
                "Every character coloured by its surprisal, from pale (certain) to "
                "dark (as surprising as chance or worse).",
                "".join(
                    _coloured(f"{_ordinal(i)} reading", text, row, self.task.symbols)
                    for i, row in enumerate(readings)
                ),
            ),
            Panel(
                "Its life, tick by tick",
                "Root mean square of every array of its state.",
                lines(
                    {k: np.asarray(v) for k, v in norms.items()}, "tick", "", log=True
                ),
            ),
        ]

    def _readings(
        self, task: Text, learner: AbstractLearner, key: PRNGKeyArray
    ) -> Float[np.ndarray, "passages readings length"]:
        nats = _nats(task, learner, jax.random.split(key, self.passages))
        return np.asarray(nats).reshape(self.passages, task.readings, -1)

    def _means(self, task, learner, key) -> Float[np.ndarray, "passages readings"]:
        return self._readings(task, learner, key).mean(2)

    def _yardsticks(self, key):
        keys = jax.random.split(key, self.passages)
        passages = np.asarray(_passages(self.task, keys))
        symbols, readings = self.task.symbols, self.task.readings
        rows = {"uniform": np.full((self.passages, readings), math.log(symbols))}
        for order in self.orders:
            nats = passage_scores(passages, symbols, order, readings)
            rows[f"adaptive order {order}"] = nats.mean(2)
        if self.units:
            lstm = OnlineLSTM.of(self.units, symbols)
            name = f"LSTM of {self.units} trained as it reads"
            rows[name] = self._means(self.task, lstm, key)
        return rows


@eqx.filter_jit
def _nats(task: Text, learner: AbstractLearner, keys) -> Float[Array, "passages ticks"]:
    def one(key):
        return live(learner, task, *birth(learner, task, key), task.ticks)[2].value

    return jax.lax.map(one, keys, batch_size=16)


@eqx.filter_jit
def _passages(task: Text, keys):
    return jax.vmap(lambda key: task.passage(task.init(jax.random.split(key)[0])))(keys)


@eqx.filter_jit
def _watched(task: Text, learner: AbstractLearner, key):
    """Nats of every tick of one life, norms of all that lives, and the passage."""

    def watch(state, world, y):
        leaves = jax.tree_util.tree_flatten_with_path(state)[0]
        return {
            jax.tree_util.keystr(path, simple=True, separator="."): jnp.sqrt(
                jnp.mean(jnp.square(leaf))
            )
            for path, leaf in leaves
        }

    state, world = birth(learner, task, key)
    _, _, loss, norms = live(learner, task, state, world, task.ticks, watch)
    return loss.value, norms, task.passage(world)


def _characters(alphabet: Alphabet, symbols) -> list[str]:
    """What every symbol shows; of a character's bytes, the last one all of it."""
    if alphabet.name == "letters":
        return list(alphabet.decode(symbols))
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    shown = [decoder.decode(bytes([min(int(s), 0xFF)])) for s in symbols]
    return [*shown[:-1], shown[-1] + decoder.decode(b"", final=True)]


def _coloured(title: str, text: list[str], nats, symbols: int) -> str:
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


def _ordinal(reading: int) -> str:
    return ORDINALS[reading] if reading < len(ORDINALS) else f"{reading + 1}th"
