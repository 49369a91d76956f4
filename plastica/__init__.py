"""Plastica finds learning rules: networks that learn as they live, with no gradient.

A Learner predicts, then learns. A Task is the world it meets. A lifetime is their
conversation. An Objective judges lives. A Search improves what the learner was born
with, theta. An Experiment names one of each; a Run carries it out.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the public names, in reading order
    from plastica.errors import Refusal as Refusal
    from plastica.learner import AbstractLearner as AbstractLearner
    from plastica.learner import AbstractRule as AbstractRule
    from plastica.learner import Feedback as Feedback
    from plastica.network import Network as Network
    from plastica.task import AbstractTask as AbstractTask
    from plastica.task import Loss as Loss
    from plastica.lifetime import examine as examine
    from plastica.lifetime import lifetime as lifetime
    from plastica.living import Living as Living
    from plastica.objective import AbstractObjective as AbstractObjective
    from plastica.objective import Lifetime as Lifetime
    from plastica.rules import BLUR as BLUR
    from plastica.rules import PMLPHebb as PMLPHebb
    from plastica.rules import VSML as VSML
    from plastica.rules import VectorNeuron as VectorNeuron
    from plastica.rules import Variant as Variant
    from plastica.baselines import GradientDescent as GradientDescent
    from plastica.tasks import Classification as Classification
    from plastica.rules import Layers as Layers
    from plastica.rules import PlasticMLP as PlasticMLP
    from plastica.rules import PlasticRNN as PlasticRNN
    from plastica.baselines import MAML as MAML
    from plastica.baselines import Cell as Cell
    from plastica.baselines import PolicyMAML as PolicyMAML
    from plastica.baselines import Recurrent as Recurrent
    from plastica.tasks import FreshLives as FreshLives
    from plastica.tasks import RememberPast as RememberPast
    from plastica.tasks import Robot as Robot
    from plastica.tasks import Sines as Sines
    from plastica.tasks import Text as Text
    from plastica.tasks import Toy as Toy
    from plastica.search import CMAES as CMAES
    from plastica.search import SNES as SNES
    from plastica.search import MetaGradient as MetaGradient
    from plastica.search import OpenAIES as OpenAIES
    from plastica.search import Population as Population
    from plastica.search import SideBySide as SideBySide
    from plastica.search import optimiser as optimiser
    from plastica import zoo as zoo
    from plastica.data import load as load_text
    from plastica.data import load_images as load_images
    from plastica.saving import load as load
    from plastica.saving import save as save
    from plastica.cluster import Place as Place
    from plastica.cluster import join as join
    from plastica.experiment import Experiment as Experiment
    from plastica.run import Run as Run
    from plastica.run import resume as resume
    from plastica.run import train as train
    from plastica.ask import evaluate as evaluate
    from plastica.ask import live as live

_WHERE = {  # imported when first asked for, so that `plastica --help` answers at once
    "errors": ["Refusal"],
    "learner": ["AbstractLearner", "AbstractRule", "Feedback"],
    "network": ["Network"],
    "task": ["AbstractTask", "Loss"],
    "lifetime": ["examine", "lifetime"],
    "living": ["Living"],
    "objective": ["AbstractObjective", "Lifetime"],
    "rules": [
        *("BLUR", "VSML", "Layers", "PMLPHebb"),
        *("PlasticMLP", "PlasticRNN", "Variant", "VectorNeuron"),
    ],
    "baselines": ["MAML", "Cell", "GradientDescent", "PolicyMAML", "Recurrent"],
    "tasks": [
        *("Classification", "FreshLives", "RememberPast"),
        *("Robot", "Sines", "Text", "Toy"),
    ],
    "search": [
        *("CMAES", "SNES", "MetaGradient", "OpenAIES"),
        *("Population", "SideBySide", "optimiser"),
    ],
    "data": ["load_images"],
    "saving": ["load", "save"],
    "cluster": ["Place", "join"],
    "experiment": ["Experiment"],
    "run": ["Run", "resume", "train"],
    "ask": ["evaluate", "live"],
}
_MODULE = {name: module for module, names in _WHERE.items() for name in names}
__all__ = [*_MODULE, "load_text", "zoo"]


def __getattr__(name: str) -> Any:
    if name == "load_text":
        return importlib.import_module("plastica.data").load
    if name == "zoo":
        return importlib.import_module("plastica.zoo")
    if name not in _MODULE:
        raise AttributeError(f"module 'plastica' has no attribute {name!r}")
    return getattr(importlib.import_module(f"plastica.{_MODULE[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
