"""Worlds to live in."""

from plastica.tasks.images import Classification
from plastica.tasks.text import Text
from plastica.tasks.toys import Toy

__all__ = ["Classification", "Text", "Toy"]
