"""Which tokens need which flow, on a model whose row `option:(` reads the first frame in layer 3 alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import workbench as wb
from workbench.analyses.writing.measurement import StepRow
from workbench.analyses.writing.tokens import read_steps, tokens_of
from workbench.data import Sample
from workbench.errors import KnockoutError, PromptError, RunError
from workbench.models import VideoLLM
from workbench.planted import LAST_WORD, N_FRAMES, N_LAYERS, direct, planted_model, planted_sample

LAYER = 3
TEXT = f"A {LAST_WORD} A {LAST_WORD} A"
"""Steps 1, 3 and 5 are predicted by a row `option:(`: the prompt's last one, and the two in the text."""
FLOWS = ("video -> last", "frames -> later frames", "generated -> last")


@pytest.fixture(scope="module")
def model() -> VideoLLM:
    return planted_model(direct(LAYER))


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return planted_sample(tmp_path_factory.mktemp("clip"), "A")


def follow(model: VideoLLM, sample: Sample, **settings: Any) -> Any:
    told = {"texts": {sample.id: TEXT}, "frames": N_FRAMES, "progress": False, **settings}
    flows, windows = told.pop("flows", FLOWS), told.pop("windows", "centred(1)")
    return wb.flows_while_writing(model, [sample], flows, windows, **told)


def fallen(table: Any) -> set[tuple[str, int, int]]:
    lost = table[table["change_percent"] < -50]
    return {(row["flow"], row["layer"], row["step"]) for row in lost.to_dict("records")}


@pytest.mark.parametrize("engine", ["incremental", "reference"])
@pytest.mark.parametrize(
    ("steps", "lost"),
    [("each", (1, 3, 5)), ("all", (1, 3, 5)), ((3,), (3,)), ("1, 5", (1, 5)), ((2, 4, 99), ())],
)
def test_tokens_fall_where_the_row_that_predicts_them_cannot_see(model, sample, engine, steps, lost) -> None:
    table = follow(model, sample, steps=steps, engine=engine, windows=["layers(3,3)", "layers(1,2)"]).table
    assert fallen(table) == {("video -> last", 0, step) for step in lost}
    still = table[~((table["first_layer"] == LAYER) & (table["flow"] == FLOWS[0]))]
    assert (still["change_percent"].abs() < 1e-2).all()


def test_the_table_is_what_is_promised(model, sample) -> None:
    table = follow(model, sample).table
    assert tuple(table.columns) == StepRow._fields
    assert list(table.columns[-5:]) == ["step", "token", "p_base", "p_knockout", "change_percent"]
    assert len(table) == len(FLOWS) * N_LAYERS * 5
    assert fallen(table) == {("video -> last", LAYER, step) for step in (1, 3, 5)}
    first = table.iloc[:5]
    assert first["token"].tolist() == TEXT.split()
    assert first["step"].tolist() == [1, 2, 3, 4, 5]
    assert set(first["layer"]) == {1}
    change = (table["p_knockout"] - table["p_base"]) / table["p_base"] * 100
    assert change.to_numpy() == pytest.approx(table["change_percent"].to_numpy())


def test_without_a_text_the_model_writes_its_own(model, sample) -> None:
    found = follow(model, sample, texts=None, max_new_tokens=2, windows="all_layers")
    own = model.generate(model.encode(sample, frames=N_FRAMES), 2)
    wide = found.wide()
    assert " ".join(wide["token"]) == own
    assert wide.columns.tolist() == ["step", "token", "p_base", *FLOWS[:2]]
    assert wide.loc[0, "video -> last"] < -50
    assert "generated -> last" in found.skipped["flow"].tolist(), "one row is written, and none before it"
    assert "1 samples, 2 tokens, 2 flows" in repr(found)
    assert type(found.figure()).__name__ == "Figure"


def test_token_ids_are_a_text_too(model, sample) -> None:
    ids = [int(token) for token in model.tokenizer(TEXT)["input_ids"]]
    assert_frame_equal(
        follow(model, sample, texts={sample.id: ids}).table, follow(model, sample).table, check_exact=True
    )


def test_a_summary_weighs_every_sample_the_same(model, sample) -> None:
    found = follow(model, sample, windows="all_layers")
    summary = found.summary().set_index("flow")
    assert summary.loc["video -> last", "n"] == 1
    mean = found.wide()["video -> last"].mean()
    assert summary.loc["video -> last", "mean"] == pytest.approx(mean)


def test_a_run_goes_on_and_refuses_other_settings(model, sample, tmp_path: Path) -> None:
    out = tmp_path / "run"
    first = follow(model, sample, out=out, steps=[1])
    again = follow(model, sample, out=out, steps="1")
    assert_frame_equal(first.table, again.table)
    assert first.manifest["settings"]["steps"] == [1]
    for changed in ({"steps": "all"}, {"steps": "1", "texts": {sample.id: "A"}}):
        with pytest.raises(RunError, match="holds"):
            follow(model, sample, out=out, **changed)


def test_what_cannot_be_is_refused(model, sample) -> None:
    for given, error, message in (
        ({"steps": "every"}, KnockoutError, "write each, all, or steps"),
        ({"steps": (0,)}, KnockoutError, "no step of writing"),
        ({"texts": {"nobody": "A"}}, RunError, "the id of no sample"),
        ({"max_new_tokens": 0}, PromptError, "leaves nothing to write"),
        ({"texts": {sample.id: "A <video> A"}}, RunError, "control token"),
        ({"texts": {sample.id: []}}, RunError, "no tokens"),
        ({"texts": {}}, RunError, "no text is given"),
        ({"steps": (9,)}, RunError, "has 5 tokens, and so no step 9"),
        ({"flows": "separator -> last"}, RunError, "cannot be cut in any"),
    ):
        with pytest.raises(error, match=message):
            follow(model, sample, **given)


def test_steps_are_read_from_text() -> None:
    assert read_steps("each") == "each"
    assert read_steps("4, 2") == (2, 4)
    assert read_steps([3]) == (3,)
    for wrong in ("", "1..4", "²", "9999999999"):
        with pytest.raises(KnockoutError, match="write each, all"):
            read_steps(wrong)


def test_a_table_of_several_samples_asks_for_one(model, sample) -> None:
    table = follow(model, sample, windows="all_layers").table
    both = pd.concat([table, table.assign(sample_id="other")])
    assert len(tokens_of(both, "other")) == 5
    with pytest.raises(RunError, match="Name one: this table has 'planted/A', 'other'"):
        tokens_of(both)
    with pytest.raises(RunError, match="There is no sample 'else'"):
        tokens_of(both, "else")
