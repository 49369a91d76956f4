"""Worlds to live in."""

from plastica.tasks.robot import Robot
from plastica.tasks.sines import Sines
from plastica.tasks.text import Text

__all__ = ["Robot", "Sines", "Text"]
