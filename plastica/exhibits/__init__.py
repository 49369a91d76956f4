"""What learners of each kind of task have to show."""

from plastica.exhibits.reading import Reading

__all__ = ["Reading"]
