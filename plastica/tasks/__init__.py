"""Worlds to live in."""

from plastica.tasks.text import Text

__all__ = ["Text"]
