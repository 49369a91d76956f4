"""Every learner of the package, made to fit any task that it can live in.

A function here, like a class method `create` of a user's own class, asks for what it
has to know of the task by the names of `Fit`. Its other arguments are knobs.
"""

from dataclasses import dataclass
from typing import Annotated

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray
from typing_extensions import Doc

from plastica.baselines import (
    MAML,
    Apart,
    Cell,
    GradientDescent,
    OnlineLSTM,
    PolicyMAML,
)
from plastica.baselines.gradient import Method
from plastica.baselines.maml import RATE, STEPS
from plastica.cells import LSTM, OP, RNN, Dense, stacked
from plastica.experiments.vsml import lively
from plastica.network import Network
from plastica.ranges import Count, CountOrZero, NotNegative, Positive
from plastica.rules import (
    BLUR,
    VSML,
    Layers,
    PlasticMLP,
    PlasticRNN,
    PMLPHebb,
    VectorNeuron,
)
from plastica.rules.vector_neuron import Kinds

Hidden = Annotated[Count, Doc("units of the hidden layer")]
Deep = Annotated[tuple[Count, ...], Doc("neurons of each hidden layer")]
Scale = Annotated[NotNegative, Doc("deviation of the weights a search begins with")]


@dataclass(frozen=True)
class Fit:
    """What a learner is made for."""

    key: PRNGKeyArray
    inputs: int  # numbers of an observation
    outputs: int  # numbers of an answer
    ticks: int  # of a life
    batched: bool  # whether observations have an axis of samples
    shows_target: bool  # whether what was asked for is the next observation
    by_gradient: bool  # whether the search is a meta-gradient

    def chain(self, *hidden: int) -> Network:
        """Layers from observations to answers, each joined to the next."""
        return Network.chain(self.inputs, *hidden, self.outputs)


def pmlp_hebb(
    fit: Fit,
    hidden: Hidden = 20,
    state: Annotated[Count, Doc("numbers in a neuron's state, n_a")] = 6,
    update_hidden: Annotated[Count, Doc("hidden units of a layer's update")] = 14,
) -> PMLPHebb:
    """Paper 000: theta at zero, or sampled where a gradient at zero would vanish.

    There the read-out is a softmax, since too large a step shuts a ReLU for good.
    """
    sizes = Network.layered(fit.inputs, hidden, fit.outputs), state, update_hidden
    if fit.by_gradient:
        return PMLPHebb.random(fit.key, *sizes, readout="softmax")
    return PMLPHebb.zeros(*sizes)


def vector_neuron(
    fit: Fit,
    hidden: Annotated[CountOrZero, Doc("neurons of the hidden layer, 0 for none")] = 20,
    neuron: Annotated[OP, Doc("how neurons are renewed")] = "GATED",
    synapse: Annotated[OP, Doc("how synapses are renewed")] = "GATED",
    state: Annotated[Count, Doc("numbers in a state, n")] = 6,
) -> VectorNeuron | Apart:
    """Paper 001: one layer sees and answers, apart where those are not the same."""
    inputs, outputs = fit.inputs, fit.outputs
    apart = not fit.shows_target or inputs != outputs
    network = Network.full(*filter(None, (inputs + apart * outputs, hidden)))
    rule = VectorNeuron.random(fit.key, network, Kinds(neuron, synapse, state))
    return Apart(rule, inputs, outputs) if apart else rule  # type: ignore[call-arg]


def plastic_rnn(
    fit: Fit,
    hidden: Hidden = 20,
    modulated: Annotated[bool, Doc("a modulator scales every change, m")] = True,
    scale: Scale = 0.1,
) -> Layers:
    """Paper 002: a plastic recurrent layer between two fully connected ones."""
    return _between(PlasticRNN, fit, hidden, modulated, scale)


def plastic_mlp(
    fit: Fit,
    hidden: Hidden = 20,
    evolved: Annotated[bool, Doc("the search finds first plastic weights")] = True,
    scale: Scale = 0.1,
) -> Layers:
    """Paper 002: a plastic layer that remembers nothing else between two others."""
    return _between(PlasticMLP, fit, hidden, evolved, scale)


def vsml(
    fit: Fit,
    layers: Deep = (),
    units: Annotated[Count, Doc("of a sub-LSTM, N")] = 16,
    messages: Annotated[Count, Doc("numbers of a message, M")] = 8,
) -> VSML:
    """Paper 003, with the start from which it is meta-trained."""
    return lively(VSML.random(fit.key, fit.chain(*layers), units, messages))


def blur(
    fit: Fit,
    layers: Deep = (20,),
    states: Annotated[Count, Doc("states of a neuron, k")] = 2,
    scale: Scale = 0.3,
) -> BLUR:
    """Paper 004: activations are normalised where there is a batch."""
    sizes = fit.chain(*layers), states, scale
    return BLUR.random(fit.key, *sizes, normalised=fit.batched)


def lstm(fit: Fit, hidden: Hidden = 20) -> Layers:
    """An LSTM, all of whose weights the search finds, and a linear read-out."""
    return _recurrent(LSTM, fit, hidden)


def rnn(fit: Fit, hidden: Hidden = 20) -> Layers:
    """A plain recurrent network likewise."""
    return _recurrent(RNN, fit, hidden)


def gradient_descent(
    fit: Fit,
    layers: Deep = (20,),
    method: Annotated[Method, Doc("how it descends")] = "sgd",
    step: Annotated[Positive, Doc("its step size, where the search begins")] = 0.1,
) -> GradientDescent:
    """A plain network that learns by back-propagation; the search finds its step."""
    return GradientDescent.at(step, fit.chain(*layers), method)


def online_lstm(
    fit: Fit,
    hidden: Hidden = 20,
    back: Annotated[Count, Doc("ticks that a gradient goes back")] = 10,
    step: Annotated[Positive, Doc("its step size, where the search begins")] = 0.01,
) -> OnlineLSTM:
    """An LSTM trained by Adam as it lives; the search finds its step."""
    return OnlineLSTM.of(hidden, fit.outputs, step, back)


def maml(fit: Fit, hidden: Hidden = 20, scale: Scale = 0.1) -> MAML:
    """A network that descends its errors when its lessons end (paper 002, 4.2)."""
    return MAML(_deep(fit, hidden, scale), jnp.full(STEPS, RATE), fit.ticks)


def policy_maml(fit: Fit, hidden: Hidden = 20, scale: Scale = 0.1) -> PolicyMAML:
    """A network that follows a policy gradient when its first roll-out ends (002)."""
    return PolicyMAML(_deep(fit, hidden, scale), jnp.full(STEPS, RATE), fit.ticks)


LEARNERS = {
    make.__name__: make
    for make in (
        *(pmlp_hebb, vector_neuron, plastic_rnn, plastic_mlp, vsml, blur),
        *(lstm, rnn, gradient_descent, online_lstm, maml, policy_maml),
    )
}


def _between(kind, fit: Fit, hidden: int, switch: bool, scale: float) -> Layers:
    """A plastic core between a layer of ReLUs and a linear one."""
    key_before, key_core, key_after = jax.random.split(fit.key, 3)
    before = Dense.random(key_before, fit.inputs, hidden, "relu", scale)
    after = Dense.random(key_after, hidden, fit.outputs, "linear", scale)
    core = kind.random(key_core, hidden, hidden, switch, scale)
    return Layers((before,), core, (after,))


def _recurrent(kind, fit: Fit, hidden: int) -> Layers:
    """A recurrent cell before a linear layer, weights N(0, 1 / fan in)."""
    key_cell, key_out = jax.random.split(fit.key)
    after = Dense.random(key_out, hidden, fit.outputs, "linear", None)
    return Layers((), Cell(kind.random(key_cell, fit.inputs, hidden)), (after,))


def _deep(fit: Fit, hidden: int, scale: float) -> tuple[Dense, ...]:
    """Two layers of ReLUs and a linear one."""
    widths = fit.inputs, hidden, hidden, fit.outputs
    return stacked(fit.key, widths, "linear", scale)
