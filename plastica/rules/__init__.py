"""Learning rules: theta does not depend on the size of the network."""

from plastica.rules.blur import BLUR, Variant
from plastica.rules.pmlp_hebb import Forms, PMLPHebb

__all__ = ["BLUR", "Forms", "PMLPHebb", "Variant"]
