"""Other analyses as methods: listed where they are, and asked as they want to be asked."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

import workbench
from workbench.analyses.methods.adapters import adapted, attribution, patching
from workbench.errors import RunError
from workbench.planted import Candidate

CANDIDATES = [
    Candidate("frame[0] -> last", 3, 1),
    Candidate("frames -> later frames", 2, 0),
    Candidate("nonoption -> true_option", 1, 3),
]


def patch(model: Any, pairs: Sequence[Any], *, sites: str, spans: Sequence[str], progress: bool) -> Any:
    assert (len(pairs), sites, progress) == (1, "z", False)
    rows = [
        (span, layer, head, 10 * layer + head) for span, layer, head in product(spans, range(1, 4), range(4))
    ]
    return SimpleNamespace(table=pd.DataFrame(rows, columns=["span", "layer", "head", "recovered"]))


def attribute(model: Any, samples: Sequence[Any], *, flows: Sequence[str], progress: bool) -> Any:
    rows = [(flow, layer, head, -layer - head) for flow, layer, head in product(flows, range(1, 4), range(4))]
    return SimpleNamespace(table=pd.DataFrame(rows, columns=["flow", "layer", "head", "estimate"]))


def sample(answer: int) -> Any:
    return SimpleNamespace(answer=answer)


def test_they_are_listed_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("patch", "attribute"):
        monkeypatch.setattr(workbench, name, None, raising=False)
    assert adapted() == {}
    monkeypatch.setattr(workbench, "patch", patch)
    assert list(adapted()) == ["patching"]


def test_patching_is_of_the_rows_that_a_flow_leads_to() -> None:
    model: Any = None
    found = patching(patch, model, [sample(0), sample(1), sample(1), sample(1)], CANDIDATES)
    assert found.tolist() == [31, 20, 13]
    assert not patching(patch, model, [sample(1), sample(1)], CANDIDATES).any()


def test_an_estimated_loss_is_positive() -> None:
    model: Any = None
    assert attribution(attribute, model, [sample(0)], CANDIDATES).tolist() == [4, 2, 4]
    with pytest.raises(RunError, match="gave no estimate"):
        attribution(attribute, model, [sample(0)], [Candidate("frame[0] -> last", 9, 0)])
