"""What learners of each kind of task have to show."""

from plastica.exhibits.driving import Driving
from plastica.exhibits.exams import Exams
from plastica.exhibits.reading import Reading
from plastica.exhibits.remembering import Remembering
from plastica.exhibits.square import Square
from plastica.exhibits.trials import Foretelling

__all__ = ["Driving", "Exams", "Foretelling", "Reading", "Remembering", "Square"]
