"""Texts and images to live through, and how they come here."""

from plastica.data.fetch import Remote, cache_folder
from plastica.data.images import ImageSet, load_images
from plastica.data.text import ALPHABETS, Alphabet, Corpus, load
from plastica.data.text import load as load_text

__all__ = [
    "ALPHABETS",
    "Alphabet",
    "Corpus",
    "ImageSet",
    "Remote",
    "cache_folder",
    "load",
    "load_images",
    "load_text",
]
