"""Learning rules."""

from plastica.rules.plastic_rnn import ABCD, Layers, Modulator, PlasticMLP, PlasticRNN
from plastica.rules.pmlp_hebb import PMLPHebb

__all__ = ["ABCD", "Layers", "Modulator", "PMLPHebb", "PlasticMLP", "PlasticRNN"]
