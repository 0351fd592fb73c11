from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from workbench.analyses.pathways.points_lost import headline, suffice_table
from workbench.errors import RunError


def outcome(sample: str, setting: str, correct: bool, *, seed: int = -1, task: str = "t", edges: int = 50):
    return {
        "sample_id": sample,
        "task": task,
        "setting": setting,
        "mode": "" if setting == "full" else "strict",
        "seed": seed,
        "p_base": 0.9,
        "p": 0.5,
        "change_percent": -40.0,
        "correct": correct,
        "edges_full": 100,
        "edges_kept": edges,
        "edges_kept_by_masks": edges,
    }


def test_the_table_counts_right_answers_and_points_lost() -> None:
    rows = []
    for number in range(10):
        rows.append(outcome(f"s{number}", "full", number < 8, edges=100))
        rows.append(outcome(f"s{number}", "effective", number < 7))
        rows += [outcome(f"s{number}", "random", number < 4 + seed, seed=seed) for seed in (0, 1)]
    table: Any = suffice_table(pd.DataFrame(rows))
    assert table[["setting", "seed", "accuracy_percent"]].values.tolist() == [
        ["full", -1, 80],
        ["effective", -1, 70],
        ["random", -1, 45],
        ["random", 0, 40],
        ["random", 1, 50],
    ]
    assert table["lost_points"].tolist() == pytest.approx([0, 10, 35, 40, 30])
    assert table["edges_percent"].tolist() == [100, 50, 50, 50, 50]
    assert (table["low_percent"] <= table["accuracy_percent"]).all()
    several = suffice_table(pd.concat([pd.DataFrame(rows), pd.DataFrame(rows).assign(task="u")]))
    assert list(dict.fromkeys(several["task"])) == ["t", "u", "all"]


def test_the_headline_names_both_sides() -> None:
    rows = []
    for number in range(20):
        rows.append(outcome(f"s{number}", "full", number < 18, edges=100))
        rows.append(outcome(f"s{number}", "effective", number < 17, edges=43))
        rows.append(outcome(f"s{number}", "random", number < 8, seed=0, edges=43))
        rows.append(outcome(f"s{number}", "random", number < 12, seed=1, edges=43))
    said = headline(suffice_table(pd.DataFrame(rows)))
    assert said.startswith("Pathways (strict): 85.0% correct with 43% of the edges, 5.0 points lost (")
    assert "as many random edges closed: 50.0%, 40.0 points lost" in said


def test_outcomes_of_another_kind_are_refused() -> None:
    with pytest.raises(RunError, match=r"lacks the columns setting, mode; .* Pass the outcomes of suffice"):
        suffice_table(pd.DataFrame([outcome("s", "full", True)]).drop(columns=["setting", "mode"]))
