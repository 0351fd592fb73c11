"""Samples: questions about clips, their words, and the reading of answers."""

from __future__ import annotations

from workbench.data.answers import letter_of, same_word
from workbench.data.collection import Samples, as_samples
from workbench.data.dataset import Dataset
from workbench.data.options import LETTERS
from workbench.data.pairs import Pair, pairs, swapped
from workbench.data.registry import DATASETS, samples
from workbench.data.sample import Sample, Skipped, Subtitle
from workbench.data.tvbench import MTF_TASKS, load_folder

__all__ = [
    "DATASETS",
    "LETTERS",
    "MTF_TASKS",
    "Dataset",
    "Pair",
    "Sample",
    "Samples",
    "Skipped",
    "Subtitle",
    "as_samples",
    "letter_of",
    "load_folder",
    "pairs",
    "same_word",
    "samples",
    "swapped",
]
