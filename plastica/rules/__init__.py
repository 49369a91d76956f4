"""Learning rules: theta does not depend on the size of the network."""

from plastica.rules.pmlp_hebb import PMLPHebb
from plastica.rules.vector_neuron import VectorNeuron

__all__ = ["PMLPHebb", "VectorNeuron"]
