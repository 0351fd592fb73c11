from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from workbench.analyses.smallest.measurement import EdgeSet
from workbench.analyses.smallest.search import Judged, Step
from workbench.analyses.smallest.tables import (
    Contender,
    all_weights,
    block_table,
    contender_table,
    faithful_tables,
    step_table,
)
from workbench.interventions.blocks import Block
from workbench.statistics.faithfulness import SIZES

TESTED = [
    Contender("full", "full model", None),
    Contender("smallest", "small", EdgeSet("s", ())),
    Contender("random edges", "small", EdgeSet("r0", ()), 0),
    Contender("random edges", "small", EdgeSet("r1", ()), 1),
]
RIGHT = {"full": (1, 1, 1, 0), "s": (1, 1, 0, 1), "r0": (1, 0, 0, 0), "r1": (0, 0, 0, 0)}


def rows() -> pd.DataFrame:
    made = [
        (f"{number}", "ab"[number % 2], name, bool(right), 2.0 * right, 100, 100 if name == "full" else 25)
        for name, answers in RIGHT.items()
        for number, right in enumerate(answers)
    ]
    columns = ["sample_id", "task", "name", "correct", "logit_difference", "edges_full", "edges_kept"]
    return pd.DataFrame(made, columns=pd.Index(columns))


def test_every_set_has_a_row_a_task_and_draws_one_together() -> None:
    table: Any = contender_table(rows(), TESTED, seed=0)
    assert set(table["task"]) == {"a", "b", "all"}
    of: Any = table[table["task"] == "all"].set_index(["kind", "seed"])
    assert len(of) == 5
    small = of.loc[("smallest", -1)]
    assert (small["accuracy_percent"], small["lost_points"], small["edges_percent"]) == (75, 0, 25)
    assert small["lost_low"] < 0 < small["lost_high"]
    assert (of.loc[("full", -1), "lost_low"], of.loc[("full", -1), "edges_percent"]) == (0, 100)
    assert of.loc[("random edges", -1), "accuracy_percent"] == 12.5
    assert of.loc[("random edges", 0), "accuracy_percent"] == 25
    assert of.loc[("random edges", -1), "lost_points"] == 62.5
    assert (table["low_percent"] <= table["accuracy_percent"]).all()
    assert (table["accuracy_percent"] <= table["high_percent"]).all()


def test_a_single_draw_has_a_row_of_all_draws_too() -> None:
    table: Any = contender_table(rows(), TESTED[:3], seed=0)
    of: Any = table[(table["task"] == "all") & (table["kind"] == "random edges")]
    assert list(of["seed"]) == [-1, 0]
    assert of["accuracy_percent"].nunique() == 1


def test_faithfulness_has_a_row_an_order_and_size() -> None:
    keys = {"score": ["s"] * (len(SIZES) - 1) + ["full"]}
    curve, areas = faithful_tables(rows(), keys, "r1", seed=0)
    assert list(curve["size"]) == list(SIZES)
    assert list(curve["edges_percent"]) == [25.0] * (len(SIZES) - 1) + [100.0]
    assert list(curve["faithfulness"]) == pytest.approx([1.0] * len(SIZES))
    assert dict(zip(areas["area"], areas["value"], strict=True)) == pytest.approx({"CPR": 0.999, "CMD": 0})


def test_blocks_tell_their_open_heads_and_steps_their_share() -> None:
    blocks, weights = all_weights({"video -> last": 0.1}, 2, 2)
    assert [weights[block] for block in blocks] == [0.2, 0.2]
    assert weights[Block("video -> last", 1, 0)] == 0.1
    closed = frozenset([blocks[0], Block("video -> last", 2, 1)])
    table = block_table({blocks[0]: 0.5, blocks[1]: 2.0}, weights, closed, 2)
    assert list(table["heads"]) == ["", "0"]
    assert list(table["heads_open"]) == [0, 1]
    assert list(table["edges_percent"]) == [20, 20]
    steps = step_table([Step("phase", closed, Judged(4, 3, True, 1.5), True)], weights)
    assert steps.to_dict("records") == [
        {
            "phase": "phase",
            "edges_percent": pytest.approx(70),
            "samples": 4,
            "accuracy_percent": 75,
            "logit_difference": 1.5,
            "accepted": True,
        }
    ]
