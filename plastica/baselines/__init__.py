"""What the rules are compared with."""

from plastica.baselines.gradient import GradientDescent
from plastica.baselines.recurrent import Recurrent

__all__ = ["GradientDescent", "Recurrent"]
