"""A new removal is one class: it is read from text, cut, counted and run like a flow."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pytest

from tests.engine.conftest import case
from tests.interventions.layouts import small_layout
from workbench.engine import get_engine
from workbench.interventions import (
    Cut,
    Edges,
    Flow,
    Intervention,
    Knockout,
    Rectangle,
    as_intervention,
    edge_count,
)
from workbench.interventions.protocol import REMOVALS, Texts
from workbench.prompts.layout import TokenLayout


@dataclass(frozen=True, slots=True, kw_only=True)
class FarKeys:
    """Keys further back than so many rows."""

    rows: int
    heads: tuple[int, ...] | None = None
    keep_self: bool = True

    @classmethod
    def parse(cls, text: str) -> FarKeys | None:
        found = re.fullmatch(r"keys more than (\d+) rows back", text)
        return cls(rows=int(found[1])) if found else None

    @property
    def name(self) -> str:
        return str(self)

    def __str__(self) -> str:
        return f"keys more than {self.rows} rows back"

    def edges(self, layout: TokenLayout) -> Edges:
        far = [
            Rectangle(np.array([row]), np.arange(row - self.rows))
            for row in range(self.rows + 1, layout.length)
        ]
        return Edges(length=layout.length, rectangles=tuple(far), keep_self=True)


@pytest.fixture
def far_keys(monkeypatch: pytest.MonkeyPatch) -> FarKeys:
    monkeypatch.setattr(REMOVALS, "_readers", [*REMOVALS._readers, FarKeys.parse])
    return FarKeys(rows=12)


def test_a_removal_is_read_counted_and_run(far_keys: FarKeys) -> None:
    knockout = Knockout.parse("keys more than 12 rows back in layers 2..3; video -> last in layer 1")
    assert knockout.cuts[0] == Cut(flow=far_keys, first_layer=2, last_layer=3)
    assert Knockout.parse(str(knockout)) == knockout
    assert Knockout.of(str(far_keys), (2, 3)).cuts == knockout.cuts[:1]
    layout = small_layout()
    beyond = layout.length - 12
    assert edge_count(layout, 4, Knockout.of(far_keys, (2, 2))).removed == beyond * (beyond - 1) // 2
    model, prompt = case("llava_onevision")
    found, expected = (
        get_engine(name).outcomes(model, prompt, [knockout]) for name in ("incremental", "reference")
    )
    assert found.changed[0].p == pytest.approx(expected.changed[0].p, rel=1e-5)
    assert found.changed[0].p != pytest.approx(found.baseline.p, rel=1e-3)


def test_a_text_that_nobody_reads_is_nothing() -> None:
    texts: Texts[int] = Texts()
    texts.add(lambda text: 0 if text == "zero" else None)
    texts.add(lambda text: 1 if text in ("one", "zero") else None)
    assert [texts.read(text) for text in ("zero", "one", "two")] == [0, 1, None]


def test_an_intervention_is_data_or_its_text() -> None:
    knockout = as_intervention("video -> last in layers 2..3")
    assert knockout == Knockout.of(Flow.parse("video -> last"), (2, 3))
    assert as_intervention(knockout) is knockout
    assert isinstance(knockout, Intervention)
    assert knockout.kind == "cut"
    assert list(knockout.layers(4)) == [1, 2]
