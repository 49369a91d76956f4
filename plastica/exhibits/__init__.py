"""What learners of each kind of task have to show."""

from plastica.exhibits.exams import Exams
from plastica.exhibits.reading import Reading
from plastica.exhibits.square import Square

__all__ = ["Exams", "Reading", "Square"]
