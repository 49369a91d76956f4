"""Where the shared library with the compiled lives is, and how it is called."""

from pathlib import Path

LIBRARY = Path(__file__).parent / "plastica_native.so"
CALL = 2  # of the arguments that plastica passes: another number, another call
