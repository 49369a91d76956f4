"""How well a sub-LSTM is a weight: tanh(x) w on squares of x and w (003, figure 4)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from plastica.exhibit import AbstractExhibit, Panel, Score, Table
from plastica.learner import AbstractLearner
from plastica.plots import lines, new_figure, svg
from plastica.rules.vsml import OUTPUT, VSML
from plastica.rules.vsml_cloning import Cloning

SIDES = (1.0, 2.0)  # of the squares, from -side to side
POINTS = 41
LIVED = 100  # samples of a life, over which the errors are shown


class Square(AbstractExhibit):
    """A cloned rule on squares of x and w, and as its life goes on."""

    cloning: Cloning
    unit: ClassVar[str] = "squared error"

    def table(
        self, learners: Sequence[tuple[str, AbstractLearner]], key: PRNGKeyArray
    ) -> Table:
        """Mean square errors of tanh(x) w; the paper names no square."""
        rows = []
        for name, learner in learners:
            errors = [_on_square(self.cloning, learner, side)[1] for side in SIDES]
            rows.append((name, tuple(Score.of(np.ravel(e) ** 2) for e in errors)))
        return Table(
            title="mean square error of tanh(x) w",
            columns=tuple(f"|x|, |w| up to {side:g}" for side in SIDES),
            rows=tuple(rows),
        )

    def over_a_life(
        self, learner: AbstractLearner, key: PRNGKeyArray
    ) -> dict[str, Float[np.ndarray, "samples"]]:
        """What is cloned, sample after sample: far longer than it was trained."""
        longer = replace(self.cloning, samples=LIVED)
        errors = eqx.filter_jit(Cloning.errors)(longer, learner, key)
        return {name: np.asarray(each) for name, each in errors._asdict().items()}

    def panels(self, learner: AbstractLearner, key: PRNGKeyArray) -> list[Panel]:
        """Figure 4: y over x for some w, and the square of errors."""
        sent, error = map(np.asarray, _on_square(self.cloning, learner, SIDES[-1]))
        x = np.linspace(-SIDES[-1], SIDES[-1], POINTS)
        shown = {f"w = {x[i]:g}": (x, sent[i]) for i in range(0, POINTS, POINTS // 4)}
        figure, axes = new_figure()
        edges = (-SIDES[-1], SIDES[-1], -SIDES[-1], SIDES[-1])
        figure.colorbar(axes.imshow(error**2, origin="lower", extent=edges))
        axes.set(xlabel="x", ylabel="w")
        return [
            Panel("tanh(x) w", "What is sent, by w.", lines(shown, "x", "y")),
            Panel("Where it errs", "Squared errors of tanh(x) w.", svg(figure)),
        ]


@eqx.filter_jit
def _on_square(cloning, rule: AbstractLearner, side) -> tuple[Array, Array]:
    """What newborn sub-LSTMs send for every w and x, and how far off that is."""
    assert isinstance(rule, VSML)  # as the objective has seen

    def one(w, x):
        c = cloning.written(jnp.zeros((rule.C.shape[1], 1, 1)), w, 0.0)
        silence = rule.message(jnp.zeros(1))
        h, _ = rule.layer(jnp.zeros_like(c), c, rule.message(x[None]), silence)
        return rule.sent_forward(h)[OUTPUT, 0]

    line = jnp.linspace(-side, side, POINTS)
    sent = jax.vmap(lambda w: jax.vmap(lambda x: one(w, x))(line))(line)  # w x
    return sent, sent - jnp.tanh(line)[None] * line[:, None]
