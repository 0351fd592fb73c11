"""The table of families and checks: what is refused holds with the reason, and the docs have it as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny import tiny_model
from workbench.analyses.conformance import CHECKS, COLUMNS, Check, checks, conformance
from workbench.errors import ModelError
from workbench.models import FAMILIES

DOCS = Path(__file__).parents[3] / "docs" / "models.md"


def _refuse(model: object) -> str:
    raise ModelError("it has no softmax")


def _break(model: object) -> str:
    raise KeyError("raw")


def test_what_is_refused_holds_and_what_is_raw_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "CHECKS", CHECKS)
    planted = [Check("one", "", _refuse), Check("two", "", _break), Check("three", "", lambda model: "well")]
    monkeypatch.setattr("workbench.analyses.conformance.table.CHECKS", planted)
    table = conformance(tiny_model())
    assert tuple(table.columns) == COLUMNS
    assert table["holds"].tolist() == [True, False, True]
    assert table["remark"].tolist() == ["refused: it has no softmax", "a raw KeyError: 'raw'", "well"]


def test_the_docs_name_every_family_and_every_check() -> None:
    text = DOCS.read_text("utf-8")
    for name in FAMILIES:
        assert f"| `{name}` | {FAMILIES[name].default_separators} |" in text, name
    for one in CHECKS:
        assert f"| {one.name} | {one.finds} |" in text, one.name
