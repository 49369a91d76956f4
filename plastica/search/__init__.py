"""Outer loops: how theta is improved."""

from plastica.search.cma_es import CMAES
from plastica.search.engine import Engine
from plastica.search.meta_gradient import MetaGradient
from plastica.search.openai_es import OpenAIES
from plastica.search.optimisers import optimiser
from plastica.search.search import AbstractEvolution, AbstractSearch, Metrics, advance
from plastica.search.side_by_side import SideBySide
from plastica.search.snes import SNES

__all__ = [
    "CMAES",
    "SNES",
    "AbstractEvolution",
    "AbstractSearch",
    "Engine",
    "MetaGradient",
    "Metrics",
    "OpenAIES",
    "SideBySide",
    "advance",
    "optimiser",
]
