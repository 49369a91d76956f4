"""Outer loops: how theta is improved."""

from plastica.search.cma_es import CMAES
from plastica.search.meta_gradient import MetaGradient
from plastica.search.openai_es import OpenAIES
from plastica.search.optimisers import optimiser
from plastica.search.population import Population
from plastica.search.search import AbstractSearch, Metrics
from plastica.search.side_by_side import SideBySide
from plastica.search.snes import SNES

__all__ = [
    "CMAES",
    "SNES",
    "AbstractSearch",
    "MetaGradient",
    "Metrics",
    "OpenAIES",
    "Population",
    "SideBySide",
    "optimiser",
]
