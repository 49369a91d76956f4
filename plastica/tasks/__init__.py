"""Worlds to live in, and an objective that knows one of them."""

from plastica.tasks.remember import FreshLives, RememberPast
from plastica.tasks.text import Text

__all__ = ["FreshLives", "RememberPast", "Text"]
