"""Texts to live through, and how they come here."""

from plastica.data.fetch import Remote, cache_folder
from plastica.data.text import ALPHABETS, Alphabet, Corpus, load

__all__ = [
    "ALPHABETS",
    "Alphabet",
    "Corpus",
    "Remote",
    "cache_folder",
    "load",
]
