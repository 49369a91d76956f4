"""Worlds to live in, and an objective that knows one of them."""

from plastica.tasks.images import Classification
from plastica.tasks.remember import FreshLives, RememberPast
from plastica.tasks.robot import Robot
from plastica.tasks.sines import Sines
from plastica.tasks.text import Text
from plastica.tasks.toys import Toy

__all__ = [
    "Classification",
    "FreshLives",
    "RememberPast",
    "Robot",
    "Sines",
    "Text",
    "Toy",
]
