"""What the rules are compared with."""

from plastica.baselines.online import OnlineLSTM
from plastica.baselines.recurrent import Recurrent

__all__ = ["OnlineLSTM", "Recurrent"]
