"""`wb.attribute`: estimates until they are verified, then both numbers."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

import workbench as wb
from tests.analyses.attribution.attributed import FLOWS, made_table, planted_attribution
from tests.tiny import tiny_model
from workbench.analyses.attribution.cells import AttributionRow
from workbench.analyses.attribution.effects import largest, status_of, with_exact
from workbench.errors import FlowError, ModelError, RunError, WindowError


def test_estimates_say_so_until_the_largest_are_verified() -> None:
    found: Any = planted_attribution()
    assert tuple(found.table.columns) == AttributionRow._fields
    assert len(found.table) == 2 * 3 * 6 * 5  # samples, flows, layers, heads and all heads
    assert found.status == "estimated"
    assert repr(found).startswith("Attribution(estimated: 2 samples, 3 flows, 6 layers, 4 heads, by local")
    assert found.table["change_percent"].isna().all()
    assert found.verify(top=8, progress=False) is found
    known = found.table[found.table["status"] == "verified"]
    assert len(known) == 8
    assert found.status == "8 of 180 rows verified, the others estimated"
    assert (known["change_percent"] < -95).all(), "the planted path is among the largest, and real"
    assert (known["estimate"] < 0).all()
    assert (known["change_log_odds"] < -5).all()
    assert set(known["layer"]) <= {2, 4, 5}


def test_all_of_it_verified_equals_a_sweep_of_the_same_cuts() -> None:
    found: Any = planted_attribution(by=("flow", "layer"), flows=FLOWS[1:])
    assert set(found.table["head"]) == {-1}
    found.verify(top=None, progress=False)
    assert found.status == "verified"
    swept = wb.sweep(found.model, found.samples, FLOWS[1:], "centred(1)", frames=4, progress=False).table
    assert np.allclose(found.table["change_percent"], swept["change_percent"], atol=1e-3)


def test_each_sample_may_have_its_largest() -> None:
    found: Any = planted_attribution().verify(top=2, each_sample=True, progress=False)
    known = found.table[found.table["status"] == "verified"]
    assert known.groupby("sample_id").size().tolist() == [2, 2]


def test_hybrid_makes_cheap_knockouts_at_once() -> None:
    found: Any = planted_attribution(method=("local", "hybrid"))
    assert found.status.endswith("the others estimated")
    known = found.table[found.table["status"] == "verified"]
    assert set(known["method"]) == {"hybrid"}
    assert set(known["flow"]) == {"question -> last"}
    assert (known["estimate"] == known["change_percent"]).all()


def test_ranges_of_layers_are_sums_and_all_heads_too() -> None:
    one: Any = planted_attribution()
    three: Any = planted_attribution(window="centred(3)")
    wide = three.table[(three.table["head"] == -1) & (three.table["layer"] == 4)]
    assert set(wide["first_layer"]) == {3}
    assert set(wide["last_layer"]) == {5}
    narrow = one.table[(one.table["head"] >= 0) & one.table["layer"].between(3, 5)]
    keys = ["sample_id", "flow"]
    sums = narrow.groupby(keys, sort=False)["estimate_log_odds"].sum()
    assert np.allclose(wide.set_index(keys)["estimate_log_odds"], sums, rtol=1e-6)


def test_a_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    first = planted_attribution(out=tmp_path / "run")
    again = planted_attribution(out=tmp_path / "run")
    assert_frame_equal(first.table, again.table)
    assert first.folder == tmp_path / "run"
    with pytest.raises(RunError, match="steps"):
        planted_attribution(out=tmp_path / "run", steps=7)


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ({"flows": "video -> last @ heads 1"}, FlowError, "names heads"),
        ({"method": "gradients"}, RunError, "Did you mean 'gradient'"),
        ({"by": ("layer",)}, RunError, "by="),
        ({"window": "trailing(9)"}, WindowError, "6 layers"),
        ({"steps": 0}, RunError, "steps=0"),
    ],
)
def test_what_cannot_be_asked_is_refused(asked: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        planted_attribution(**asked)


def test_models_with_a_running_state_and_wrong_answers_are_refused() -> None:
    samples = planted_attribution(by=("flow", "layer")).samples
    with pytest.raises(ModelError, match="running state"):
        wb.attribute(tiny_model("qwen3_5"), samples, progress=False)
    wrong = [dataclasses.replace(sample, answer=1 - (sample.answer or 0)) for sample in samples]
    with pytest.raises(RunError, match="wrongly"):
        planted_attribution(samples=wrong)
    found: Any = planted_attribution(samples=wrong, only_correct=False)
    assert not found.table["correct_base"].any()


def test_verify_takes_a_number_of_rows() -> None:
    found: Any = planted_attribution(by=("flow", "layer"))
    for wrong in (0, True, "all"):
        with pytest.raises(RunError, match="top="):
            found.verify(top=wrong)  # pyright: ignore[reportArgumentType]


def test_rows_of_every_method_get_the_exact_effect_of_their_cell() -> None:
    table = made_table().assign(status="estimated", change_percent=np.nan, change_log_odds=np.nan)
    exact = table[table["method"] == "local"].head(2).assign(change_percent=-7.0, change_log_odds=-1.0)
    filled = with_exact(table, exact)
    known = filled[filled["status"] == "verified"]
    assert sorted(known["method"]) == ["attention", "attention", "local", "local"]
    assert status_of(filled).startswith("4 of")
    assert len(largest(table, 5)) == 10
    assert len(largest(table, None)) == len(table)
