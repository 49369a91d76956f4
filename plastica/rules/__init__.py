"""Learning rules: theta does not depend on the size of the network."""

from plastica.rules.blur import BLUR, Variant
from plastica.rules.pmlp_hebb import PMLPHebb
from plastica.rules.vsml import VSML
from plastica.rules.vsml_cloning import Cloning

__all__ = ["BLUR", "VSML", "Cloning", "PMLPHebb", "Variant"]
