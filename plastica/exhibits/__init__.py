"""What learners of each kind of task have to show."""

from plastica.exhibits.online import Online
from plastica.exhibits.reading import Reading
from plastica.exhibits.square import Square

__all__ = ["Online", "Reading", "Square"]
