"""What the rules are compared with, and learners around learners."""

from plastica.baselines.adapters import Apart, Hears
from plastica.baselines.gradient import GradientDescent
from plastica.baselines.maml import MAML, PolicyMAML
from plastica.baselines.online import OnlineLSTM
from plastica.baselines.recurrent import Cell, Recurrent

__all__ = [
    "MAML",
    "Apart",
    "Cell",
    "GradientDescent",
    "Hears",
    "OnlineLSTM",
    "PolicyMAML",
    "Recurrent",
]
