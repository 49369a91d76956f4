"""Other functional forms of the updates against a naive transcription of 6.2."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from plastica.cells import MLP, PMLP
from plastica.errors import Refusal
from plastica.learner import Feedback, flatten
from plastica.network import Network
from plastica.rules import PMLPHebb
from plastica.rules.pmlp_hebb import Forms
from tests.naive import forms as naive

SMALL = Network.layered(4, 3, 4)
TICKS = 12
SYNAPSES = [
    ("hebb", "side by side", False),
    ("pmlp", "side by side", False),
    ("pmlp", "product", True),
    ("pmlp", "both", False),
    ("lstm", "side by side", True),
    ("lstm", "product", True),
    ("lstm", "both", True),
]
NEURONS = ("pmlp", "tanh", "relu", "lstm")
CASES = [
    pytest.param(
        Forms(neuron, synapse, 1 if synapse == "hebb" else 4, 3, fed, replaces),
        marks=() if (i + j) % 4 == 0 else pytest.mark.slow,
    )
    for i, neuron in enumerate(NEURONS)
    for j, (synapse, fed, replaces) in enumerate(SYNAPSES)
]
ABLATIONS = [
    Forms(transposed=False),
    Forms(one_component=True),
    Forms("lstm", "pmlp", 2, transposed=False, one_component=True),
]


def told(cell):
    """A cell's parameters as the transcription names them."""
    if isinstance(cell, PMLP | MLP):
        kind = "pmlp" if isinstance(cell, PMLP) else cell.f
        return {"kind": kind} | {k: v for k, v in vars(cell).items() if k != "f"}
    return {"kind": "lstm"} | vars(cell.cell)


def lived(rule, key, symbols):
    """States and answers of a life in which every symbol is shown."""
    state = rule.init(key, jnp.zeros(4))
    start, answers = state.w, []
    for symbol in symbols:
        x = jax.nn.one_hot(symbol, 4)
        told = Feedback(x, jnp.zeros(()), jnp.bool_(True), jnp.bool_(False))
        state, y = rule.predict(rule.learn(state, told), x)
        answers.append(np.exp(y))
    return start, state, np.array(answers)


@pytest.mark.parametrize("forms", [*CASES, *ABLATIONS], ids=str)
def test_every_form_agrees_with_the_transcription_to_1e_9(forms, rng):
    with jax.enable_x64(True):
        vector, rule_of = flatten(PMLPHebb.zeros(SMALL, 6, 5, "softmax", forms))
        rule = rule_of(0.3 * rng.standard_normal(vector.shape))
        symbols = rng.integers(0, 4, TICKS)
        start, state, answers = lived(rule, jax.random.key(1), symbols)
        edges = SMALL.edges
        synapses = None
        if rule.synapses:
            fed = {"fed": forms.fed, "replaces": forms.replaces}
            synapses = {
                edge: told(synapse.update) | fed
                for edge, synapse in zip(edges, rule.synapses, strict=True)
            }
        expected = naive.life(
            [told(cell) for cell in rule.layers],
            SMALL.sizes,
            {edge: np.asarray(w) for edge, w in zip(edges, start, strict=True)},
            symbols,
            synapses,
            "softmax",
            True,
            forms.transposed,
            rule.components,
        )
    np.testing.assert_allclose(answers, expected["p"], rtol=0, atol=1e-9)
    for h, h_expected in zip(state.h, expected["h"], strict=True):
        np.testing.assert_allclose(h, h_expected, rtol=1e-9, atol=1e-9)
    for edge, w in zip(edges, state.w, strict=True):
        np.testing.assert_allclose(w, expected["w"][edge], rtol=1e-9, atol=1e-9)


def test_a_synapse_begins_with_the_draw_that_multiplies_and_an_lstm_keeps_it():
    forms = Forms(synapse="lstm", weight_state=4)
    rule = PMLPHebb.zeros(SMALL, forms=forms)
    drawn = SMALL.draw_weights(jax.random.key(0))
    born = rule.init(jax.random.key(0), jnp.zeros(4)).w
    for number, w in zip(drawn, born, strict=True):
        np.testing.assert_array_equal(w[..., 0], number)
        np.testing.assert_array_equal(w[..., 2], number)
        np.testing.assert_array_equal(w[..., 1::2], 0)


@pytest.mark.parametrize(
    ("forms", "state", "says"),
    [
        (Forms(weight_state=3), 6, "scalar weights"),
        (Forms(neuron="lstm"), 5, "halves"),
        (Forms(synapse="lstm", weight_state=3), 6, "halves"),
    ],
)
def test_what_does_not_fit_together_is_refused(forms, state, says):
    with pytest.raises(Refusal, match=says) as refusal:
        PMLPHebb.zeros(SMALL, state, forms=forms)
    assert "\n" not in str(refusal.value)
