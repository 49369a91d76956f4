"""What the rules are compared with."""

from plastica.baselines.recurrent import Cell, Recurrent

__all__ = ["Cell", "Recurrent"]
