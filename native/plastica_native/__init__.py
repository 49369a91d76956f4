"""Where the shared library with the compiled lives is."""

from pathlib import Path

LIBRARY = Path(__file__).parent / "plastica_native.so"
