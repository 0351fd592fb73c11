"""Accuracy under cuts and exits of a model whose only path is known."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from tests.analyses.study import planted
from tests.analyses.study.planted import READ
from workbench.analyses.study import NO_VIDEO, UNTOUCHED, study
from workbench.errors import InterventionError, RunError
from workbench.measures.correctness import NO_OPTIONS
from workbench.planted import N_FRAMES, N_LAYERS


def right(table: pd.DataFrame, case: str) -> dict[int, float]:
    """The share of right answers by layer."""
    found: dict[int, list[bool]] = {}
    for row in table.to_dict("records"):
        if row["case"] == case:
            found.setdefault(row["layer"], []).append(row["correct"])
    return {layer: sum(each) / len(each) for layer, each in found.items()}


def test_a_cut_after_a_layer_loses_what_later_layers_read(by_depth_table: pd.DataFrame) -> None:
    assert right(by_depth_table, UNTOUCHED) == {0: 1.0}
    assert right(by_depth_table, NO_VIDEO) == {0: 0.0}
    expected = {layer: float(layer >= READ) for layer in range(N_LAYERS + 1)}
    assert right(by_depth_table, "video -> text") == expected


def test_an_exit_is_the_cut_after_the_same_layer(by_depth_table: pd.DataFrame) -> None:
    rows = by_depth_table.to_dict("records")
    cut = {(row["sample_id"], row["layer"]): row for row in rows if row["case"] == "video -> text"}
    left = [row for row in rows if str(row["case"]).startswith("exit")]
    assert len(left) == len(cut) == 12 * (N_LAYERS + 1)
    for row in left:
        same = cut[row["sample_id"], row["layer"]]
        assert row["letter"] == same["letter"]
        assert row["p_letter"] == pytest.approx(same["p_letter"], abs=1e-5)


def test_written_answers_stand_beside_the_likeliest_letter(by_depth_table: pd.DataFrame) -> None:
    rows = by_depth_table.to_dict("records")
    wrote = [row for row in rows if row["correct_written"] == row["correct_written"]]
    assert {row["case"] for row in wrote} == {UNTOUCHED, "exit 3"}
    assert {row["text"] for row in rows if row["case"] not in (UNTOUCHED, "exit 3")} == {""}
    for row in wrote:
        if row["case"] == UNTOUCHED:
            assert row["text"].startswith("B")
            assert (row["letter_written"], row["correct_written"]) == ("B", 1)


def test_what_cannot_be_asked_is_listed(studied_model, tmp_path) -> None:
    one, two = planted.samples(tmp_path, 2)
    unknown = replace(two, answer=None)
    open_ended = replace(two, id="open", options=(), answer=None, stem="Best option:(", open_answer="B")
    found = study(
        studied_model, [one, unknown, open_ended], planted.exits()[:1], frames=N_FRAMES, progress=False
    )
    assert set(found.table["sample_id"]) == {one.id}
    assert dict(zip(found.skipped["sample_id"], found.skipped["reason"], strict=True))["open"] == NO_OPTIONS
    assert len(found.skipped) == 2


def test_a_run_goes_on_and_refuses_other_cases(studied_model, tmp_path) -> None:
    told = {"frames": N_FRAMES, "progress": False, "out": tmp_path / "run"}
    samples = planted.samples(tmp_path, 2)
    first = study(studied_model, samples, planted.exits()[:2], **told)
    again = study(studied_model, samples, planted.exits()[:2], **told)
    pd.testing.assert_frame_equal(first.table, again.table)
    with pytest.raises(RunError, match="cases"):
        study(studied_model, samples, planted.exits()[:3], **told)


def test_wrong_cases_are_refused(studied_model, tmp_path) -> None:
    samples, (case, *_) = planted.samples(tmp_path, 1), planted.exits()
    with pytest.raises(RunError, match="there twice"):
        study(studied_model, samples, [case, case])
    with pytest.raises(RunError, match="max_new_tokens=0"):
        study(studied_model, samples, [case], max_new_tokens=0)
    deep = replace(case.intervention, exits=(replace(case.intervention.exits[0], after=99),))  # type: ignore
    with pytest.raises(InterventionError, match="6 layers"):
        study(studied_model, samples, [case._replace(intervention=deep)], frames=N_FRAMES)
