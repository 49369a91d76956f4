"""What learners of each kind of task have to show."""

from plastica.shown.exams import Exams
from plastica.shown.extras import AbstractExtra, Curves, Panel, Tracks, Walks
from plastica.shown.general import General
from plastica.shown.reading import Reading, Remembering
from plastica.shown.shown import AbstractExhibit, Score, Shown, Table
from plastica.shown.trials import Driving, Foretelling
from plastica.shown.weights import Square, Update

__all__ = [
    "AbstractExhibit",
    "AbstractExtra",
    "Curves",
    "Driving",
    "Exams",
    "Foretelling",
    "General",
    "Panel",
    "Reading",
    "Remembering",
    "Score",
    "Shown",
    "Square",
    "Table",
    "Tracks",
    "Update",
    "Walks",
]
