"""What the rules are compared with."""

from plastica.baselines.maml import MAML, PolicyMAML
from plastica.baselines.recurrent import Cell, Recurrent

__all__ = ["MAML", "Cell", "PolicyMAML", "Recurrent"]
