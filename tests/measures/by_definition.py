"""Logits of an untouched and of several changed models, and what a measure says of them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from workbench.measures import MEASURES
from workbench.measures.correctness import Judge

VOCABULARY, ROWS, TOKEN = 50, 7, 3
LETTERS = {3: "A", 13: "A", 4: "B", 14: "B", 5: "C"}
CHOICE = Judge(answer="A", right=frozenset({3, 13}), letters=LETTERS)
OPEN = Judge(answer="left", right=frozenset({3}), letters={})


def logits(rows: int, seed: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(0, 3, (rows, VOCABULARY))).float()


BASE, CHANGED = logits(1, 0)[0], logits(ROWS, 1)


def read(name: str, judge: Judge, token: int = TOKEN) -> NDArray[np.float64]:
    readout = MEASURES[name].readout
    assert readout is not None
    found = readout(judge)(BASE, CHANGED, token)
    assert found.dtype == torch.float64
    assert found.shape == (ROWS, len(MEASURES[name].columns))
    return found.numpy()


def probabilities(row: torch.Tensor) -> NDArray[np.float64]:
    exact = np.exp(row.double().numpy())
    return exact / exact.sum()
