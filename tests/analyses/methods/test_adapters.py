"""Other analyses as methods: they find what was planted where they can."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from workbench.analyses.methods.adapters import attribution, patching
from workbench.planted import PLANTED, Candidate

DIRECT = PLANTED["direct"]
"""The last row reads frame 0 by itself, with one head of one layer."""
((FLOW, LAYER, HEAD),) = {(edge.flow, edge.layer, edge.head) for edge in DIRECT.edges}
CANDIDATES = [Candidate(FLOW, layer, head) for layer in (1, 2, 3, 4, 5, 6) for head in range(4)]


@pytest.mark.parametrize("method", [patching, attribution("local"), attribution("relp")])
def test_the_planted_head_comes_first(method: Any, tmp_path: Path) -> None:
    model, samples = DIRECT.load(), DIRECT.samples(tmp_path)
    found = method(model, samples, CANDIDATES)
    first = CANDIDATES[int(np.argmax(np.abs(found)))]
    assert (first.layer, first.head) == (LAYER, HEAD)
    assert found.max() > 0, "the answer needs it"


def test_twins_of_one_answer_have_nothing_to_recover() -> None:
    model: Any = None
    twins: Any = [SimpleNamespace(answer=1), SimpleNamespace(answer=1)]
    assert not patching(model, twins, CANDIDATES).any()
