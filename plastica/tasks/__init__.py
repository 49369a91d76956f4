"""Worlds to live in."""

from plastica.tasks.images import Classification
from plastica.tasks.text import Text

__all__ = ["Classification", "Text"]
