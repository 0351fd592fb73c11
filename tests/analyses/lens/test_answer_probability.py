"""The answer's probability by layer: the model's own at the end, and a planted answer in its layer."""

from __future__ import annotations

import dataclasses
from typing import Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import workbench as wb
from tests.tiny import FAMILY_NAMES, tiny_clip, tiny_model, tiny_sample
from workbench.analyses.lens.answer_probability import AnswerRow, answer_curves
from workbench.data import Samples
from workbench.errors import RunError
from workbench.models import VideoLLM
from workbench.planted import N_FRAMES, N_LAYERS, VOCABULARY, planted_model, planted_sample, staged
from workbench.statistics.bootstrap import bootstrap_mean


@pytest.fixture
def clip_of_tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny samples' videos do not exist; every one shows the tiny clip."""
    monkeypatch.setattr(VideoLLM, "read_clip", lambda *_: tiny_clip())


@pytest.mark.parametrize("family", FAMILY_NAMES)
@pytest.mark.parametrize("final_norm", [True, False])
def test_after_the_last_layer_it_is_the_models_own_probability(family, final_norm, clip_of_tiny) -> None:
    model = tiny_model(family)
    sample = tiny_sample(n_options=4, answer=2)
    own = model.logits(model.encode(sample))[-1].float().softmax(-1)
    found: Any = wb.answer_probability(model, [sample], final_norm=final_norm, progress=False).table
    last = found[found["layer"] == model.n_layers]
    assert last["option"].tolist() == list("ABCD")
    assert last["role"].tolist() == ["false_option", "false_option", "true_option", "false_option"]
    for row in last.to_dict("records"):
        ids = model.spellings[row["option"]]
        assert row["p"] == pytest.approx(float(own[list(ids)].sum()), rel=1e-4)
        best = max(ids, key=lambda id: own[id])
        assert row["p_token"] == pytest.approx(float(own[best]), rel=1e-4)
        assert row["token"] == model.token_text(best)
        assert row["rank"] == int((own > own[best]).sum()) + 1
        assert row["correct"] == (int(own.argmax()) in model.spellings["C"])
    assert found.groupby("option")["token"].nunique().tolist() == [1] * 4


def test_the_norm_matters_before_the_last_layer(clip_of_tiny) -> None:
    model = tiny_model()
    with_norm, without = (
        wb.answer_probability(model, [tiny_sample()], final_norm=norm, progress=False).table
        for norm in (True, False)
    )
    same = (with_norm["p"] - without["p"]).abs() < 1e-7
    assert same.groupby(with_norm["layer"]).all().tolist() == [False, False, False, True]


def test_an_open_ended_answer_is_its_first_sub_token(clip_of_tiny) -> None:
    model = tiny_model("llava_onevision")
    sample = dataclasses.replace(tiny_sample().open_ended(), open_answer="rightmost place")
    own = model.logits(model.encode(sample))[-1].float().softmax(-1)
    found: Any = wb.answer_probability(model, [sample], progress=False).table
    assert set(found["role"]) == {"true_option"}
    assert set(found["text"]) == {"rightmost place"}
    ids = [id for id in range(len(model.tokenizer)) if model.token_text(id) in ("right", " right", "R")]
    assert found["p"].iloc[-1] == pytest.approx(float(own[ids].sum()), rel=1e-4)


def test_a_planted_answer_rises_in_its_layer(tmp_path) -> None:
    model = planted_model(staged(2, 3, 5))
    samples = [planted_sample(tmp_path, letter) for letter in "AB"]
    found: Any = wb.answer_probability(model, samples, frames=N_FRAMES, progress=False)
    curves: Any = found.curves()
    true = curves[curves["role"] == "true_option"]
    false = curves[curves["role"] == "false_option"]
    before, after = slice(0, 4), slice(4, N_LAYERS)
    assert true["layer"].tolist() == list(range(1, N_LAYERS + 1))
    assert true["mean"].to_numpy()[before] == pytest.approx(1 / VOCABULARY, rel=1e-3)
    assert false["mean"].to_numpy()[before] == pytest.approx(1 / VOCABULARY, rel=1e-3)
    assert true["mean"].to_numpy()[after].min() > 0.9
    assert false["mean"].to_numpy()[after].max() < 1e-3
    assert set(curves["n"]) == {2}
    assert "2 answered correctly" in repr(found)


def rows(sample: str, correct: bool, true: float, *false: float, task: str = "t", layer: int = 1):
    made = [("true_option", true), *(("false_option", p) for p in false)]
    return [
        AnswerRow(sample, task, layer, role, "ABCD"[n], "x", p, "A", p, 1, correct)
        for n, (role, p) in enumerate(made)
    ]


def test_false_options_are_averaged_within_a_sample_first() -> None:
    table = pd.DataFrame(
        [*rows("a", True, 0.8, 0.1, 0.3), *rows("b", True, 0.4, 0.6), *rows("c", False, 0, 1)]
    )
    curves: Any = answer_curves(table, seed=5).set_index("role")
    expected = {"true_option": [0.8, 0.4], "false_option": [0.2, 0.6]}
    for role, values in expected.items():
        interval = bootstrap_mean(values, seed=5, within=(0, 1))
        found = [float(curves.loc[role, name]) for name in ("mean", "low", "high")]
        assert found == pytest.approx(interval[:3])
        assert curves.loc[role, "n"] == 2
    assert set(answer_curves(table, only_correct=False)["n"]) == {3}


def test_curves_come_in_the_order_of_tasks_roles_and_layers() -> None:
    entries = [("z", 2), ("z", 1), ("a", 1), ("a", 2)]
    table = pd.DataFrame(
        [row for task, n in entries for row in rows(f"{task}1", True, 0.5, 0.5, task=task, layer=n)]
    )
    found: Any = answer_curves(table)[["task", "role", "layer"]].values.tolist()
    assert found == [
        [task, role, n] for task in "za" for role in ("true_option", "false_option") for n in (1, 2)
    ]


def test_nothing_left_is_refused() -> None:
    table = pd.DataFrame(rows("a", False, 0.1, 0.9))
    with pytest.raises(RunError, match="only_correct=False"):
        answer_curves(table)
    with pytest.raises(RunError, match="no rows"):
        answer_curves(table.head(0), only_correct=False)
    with pytest.raises(RunError, match="lacks the column p"):
        answer_curves(table.drop(columns="p"))


def test_unusable_samples_are_listed_and_a_finished_run_is_read_back(tmp_path, monkeypatch) -> None:
    model = planted_model(staged(2, 3, 5))
    good = planted_sample(tmp_path, "A")
    unknown = dataclasses.replace(good, id="planted/x", answer=None)
    broken = dataclasses.replace(good, id="planted/y", video=tmp_path / "none.mp4")
    samples = Samples([unknown, good, broken], name="planted")
    out = tmp_path / "run"
    found: Any = wb.answer_probability(model, samples, frames=N_FRAMES, out=out, progress=False)
    assert set(found.table["sample_id"]) == {"planted/A"}
    assert found.skipped["sample_id"].tolist() == ["planted/x", "planted/y"]
    assert "not known" in found.skipped["reason"].iloc[0]
    monkeypatch.setattr(VideoLLM, "encode", lambda *_, **__: pytest.fail("everything was done"))
    again = wb.answer_probability(model, samples, frames=N_FRAMES, out=out, progress=False)
    assert_frame_equal(again.table, found.table)
    assert_frame_equal(again.skipped, found.skipped)
    assert again.manifest["resumed"] == []
    assert_frame_equal(pd.read_parquet(out / "answer_probability.parquet"), found.table)


def test_samples_of_which_none_can_be_used_leave_no_folder(tmp_path) -> None:
    model = planted_model(staged(2, 3, 5))
    broken = dataclasses.replace(planted_sample(tmp_path, "A"), video=tmp_path / "none.mp4")
    with pytest.raises(RunError, match="None of the 1 samples can be used"):
        wb.answer_probability(model, [broken], out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()
