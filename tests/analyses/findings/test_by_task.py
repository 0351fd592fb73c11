"""The verdict of all tasks and of each."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from workbench.analyses.findings import by_task
from workbench.analyses.findings.by_task import IMAGE_FLOWS, SWEPT_FLOWS, findings_by_task, findings_shown
from workbench.analyses.pathways import GENERAL_FLOWS


def test_a_sweep_cuts_every_flow_once() -> None:
    assert len(set(SWEPT_FLOWS)) == len(SWEPT_FLOWS)
    assert {*GENERAL_FLOWS, *IMAGE_FLOWS} <= set(SWEPT_FLOWS)


def test_each_task_has_its_own_verdict_and_the_image_model_only_where_it_was_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[str | None, bool]] = []

    def findings(table: pd.DataFrame, *, task: str | None, image: Any, **_: Any) -> pd.DataFrame:
        asked.append((task, image is not None))
        return pd.DataFrame([{"claim": "[red]c", "measured": "1", "note": "", "n": 3, "verdict": "holds"}])

    monkeypatch.setattr(by_task, "findings", findings)
    table, image = pd.DataFrame({"task": ["a", "b", "a"]}), pd.DataFrame({"task": ["a"]})
    told: dict[str, Any] = {"mode": "strict", "seed": 0}
    found = findings_by_task(table, image, table, table, each=True, **told)
    assert asked == [(None, True), ("a", True), ("b", False)]
    assert list(found["task"]) == ["all", "a", "b"]
    alone = findings_by_task(table, None, table, table, each=False, **told)
    assert list(alone["task"]) == ["all"]
    for verdicts, several in ((found, True), (alone, False)):
        console = Console(width=140)
        with console.capture() as capture:
            console.print(findings_shown(verdicts))
        assert ("task" in capture.get()) is several
        assert "[red]c" in capture.get(), "a claim is text"
