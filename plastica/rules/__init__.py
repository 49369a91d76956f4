"""Learning rules."""

from plastica.rules.blur import BLUR, Variant
from plastica.rules.plastic_rnn import ABCD, Layers, Modulator, PlasticMLP, PlasticRNN
from plastica.rules.pmlp_hebb import Forms, PMLPHebb
from plastica.rules.vector_neuron import Feedforward, Gated, Halved, VectorNeuron
from plastica.rules.vsml import VSML
from plastica.rules.vsml_cloning import Cloning

__all__ = [
    "ABCD",
    "BLUR",
    "VSML",
    "Cloning",
    "Feedforward",
    "Forms",
    "Gated",
    "Halved",
    "Layers",
    "Modulator",
    "PMLPHebb",
    "PlasticMLP",
    "PlasticRNN",
    "Variant",
    "VectorNeuron",
]
