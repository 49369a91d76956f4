"""What learners of each kind of task have to show."""

from plastica.exhibits.reading import Reading
from plastica.exhibits.remembering import Remembering

__all__ = ["Reading", "Remembering"]
