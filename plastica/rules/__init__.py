"""Learning rules."""

from plastica.rules.blur import BLUR, Variant
from plastica.rules.plastic_rnn import ABCD, Layers, Modulator, PlasticMLP, PlasticRNN
from plastica.rules.pmlp_hebb import Forms, PMLPHebb

__all__ = [
    "ABCD",
    "BLUR",
    "Forms",
    "Layers",
    "Modulator",
    "PMLPHebb",
    "PlasticMLP",
    "PlasticRNN",
    "Variant",
]
