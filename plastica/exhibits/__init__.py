"""What learners of each kind of task have to show."""

from plastica.exhibits.exams import Exams
from plastica.exhibits.reading import Reading

__all__ = ["Exams", "Reading"]
