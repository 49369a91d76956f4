"""Worlds to live in."""

from plastica.tasks.images import Classification
from plastica.tasks.robot import Robot
from plastica.tasks.sines import Sines
from plastica.tasks.text import Text
from plastica.tasks.toys import Toy

__all__ = ["Classification", "Robot", "Sines", "Text", "Toy"]
