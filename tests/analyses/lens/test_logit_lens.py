"""The logit lens: the model's own logits at the end, a planted answer in its layer, rows and labels."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

import workbench as wb
from tests.tiny import tiny_model, tiny_prompt
from workbench.analyses.lens.keywords import KeywordList
from workbench.data import Samples
from workbench.errors import PromptError, RunError, SpanError
from workbench.planted import IDS, N_FRAMES, planted_model, planted_sample, staged


@pytest.mark.parametrize("answer", ["A", "B"])
def test_a_planted_answer_appears_in_its_layer_and_nowhere_else(tmp_path, answer) -> None:
    """The head reads one feature, which the last row has from layer 5 on; before, all 64 words are equal."""
    model = planted_model(staged(2, 4, 5))
    sample = planted_sample(tmp_path, answer)
    lens: Any = wb.logit_lens(model, sample, rows="video + last", top_k=1, frames=N_FRAMES, progress=False)
    says = lens.table[lens.table["p"] > 0.5]
    assert set(says["token_id"]) == {IDS[answer]}
    assert says["span"].tolist() == ["last", "last"]
    assert says["layer"].tolist() == [5, 6]
    assert says["p"].min() > 0.9
    others = lens.table.drop(says.index)
    assert others["p"].to_numpy() == pytest.approx(1 / model.vocab_size, rel=1e-4)


def test_rows_are_named_by_their_cell_or_span() -> None:
    model = tiny_model("llava_onevision")
    prompt = tiny_prompt(model)
    lens: Any = wb.logit_lens(model, prompt, rows="video + last", layers=1, top_k=2, progress=False)
    each = lens.table[lens.table["rank"] == 1].set_index("row")
    for t, i, j in [(0, 0, 0), (1, 0, 1), (3, 1, 0)]:
        row = int(prompt.layout[f"cell[{t},{i},{j}]"][0])
        assert each.loc[row, "span"] == f"cell[{t},{i},{j}]"
        assert each.loc[row, ["frame", "cell_row", "cell_column"]].tolist() == [t, i, j]
    separator = int(prompt.layout["separator"][0])
    assert each.loc[separator, "span"] == "separator"
    assert each.loc[separator, ["frame", "cell_row"]].isna().all()
    assert each.iloc[-1]["span"] == "last"
    assert each.iloc[-1]["prompt_token"] == prompt.layout.tokens[-1]


def test_chosen_words_and_marked_keywords() -> None:
    model = tiny_model("llava_onevision")
    prompt = tiny_prompt(model)
    own = model.logits(prompt)[-1].float().softmax(-1)
    lens: Any = wb.logit_lens(
        model,
        prompt,
        rows="last",
        layers=4,
        top_k=model.vocab_size,
        words=["Right", "zebra"],
        keywords=[
            KeywordList(name="moves", words=("option", "right")),
            KeywordList(name="it", words=("how",)),
        ],
        progress=False,
    )
    right, zebra = lens.words.to_dict("records")
    ids = [id for id in range(len(model.tokenizer)) if model.token_text(id).strip().lower() == "right"]
    assert (right["word"], right["matched"], zebra["matched"]) == ("right", "whole word", "first sub-token")
    assert right["p"] == pytest.approx(float(own[ids].sum()), rel=1e-4)
    assert right["rank"] == int((own > own[ids].max()).sum()) + 1
    marked = lens.table[lens.table["keyword_list"] != ""]
    assert {(name, word) for name, word in zip(marked["keyword_list"], marked["keyword"], strict=True)} == {
        *(("moves", "option"), ("moves", "right"), ("it", "how"))
    }
    assert {text.strip().lower() for text in marked["token"]} == {"option", "right", "how"}
    assert lens.table["p"].sum() == pytest.approx(1, rel=1e-4)
    assert lens.keyword_lists == ("moves", "it")


def test_several_samples_and_one_that_cannot_be_read(tmp_path) -> None:
    model = planted_model(staged(2, 4, 5))
    good = [planted_sample(tmp_path, letter) for letter in "AB"]
    broken = dataclasses.replace(good[0], id="planted/x", video=tmp_path / "none.mp4")
    lens: Any = wb.logit_lens(
        model, Samples([good[0], broken, good[1]], name="s"), rows="last", frames=N_FRAMES, progress=False
    )
    assert list(dict.fromkeys(lens.table["sample_id"])) == ["planted/A", "planted/B"]
    assert lens.skipped["sample_id"].tolist() == ["planted/x"]
    assert "2 samples" in repr(lens)
    with pytest.raises(RunError, match=r"2 samples\. Name one: planted/A, planted/B"):
        lens.overlay()
    with pytest.raises(RunError, match="no sample 'planted/x'"):
        lens.overlay("planted/x")
    with pytest.raises(RunError, match="None of the 1 samples can be used"):
        wb.logit_lens(model, [broken], progress=False)


def test_bad_requests_are_refused() -> None:
    model = tiny_model()
    prompt = tiny_prompt(model)
    for layers in (0, 5, [1, 9], [], [True], [1.5]):
        with pytest.raises(RunError, match="has layers 1 to 4"):
            wb.logit_lens(model, prompt, layers=layers, progress=False)  # type: ignore[arg-type]
    with pytest.raises(SpanError, match="no span"):
        wb.logit_lens(model, prompt, rows="vidoe", progress=False)
    with pytest.raises(PromptError, match="already encoded"):
        wb.logit_lens(model, prompt, frames=4, progress=False)
