"""What the rules are compared with."""

from plastica.baselines.gradient import GradientDescent
from plastica.baselines.maml import MAML, PolicyMAML
from plastica.baselines.online import OnlineLSTM
from plastica.baselines.recurrent import Cell, Recurrent

__all__ = ["MAML", "Cell", "GradientDescent", "OnlineLSTM", "PolicyMAML", "Recurrent"]
