"""What the rules are compared with."""

from plastica.baselines.recurrent import Recurrent

__all__ = ["Recurrent"]
