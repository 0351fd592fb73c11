"""The letters' probabilities and written answers of one sample, against the logits themselves."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from workbench.analyses.answers.accuracy import accuracy
from workbench.analyses.answers.asking import SILENT, last_logits
from workbench.engine import get_engine
from workbench.measures.correctness import NO_OPTIONS
from workbench.measures.scoring import SCORINGS
from workbench.planted import N_FRAMES, planted_model, planted_sample, staged


@pytest.fixture(scope="module")
def model():
    return planted_model(staged(1, 3, 5))


@pytest.fixture
def sample(tmp_path):
    return planted_sample(tmp_path, "B")


def test_a_letters_probability_is_among_the_options_alone(model, sample) -> None:
    prompt = model.encode(sample, frames=N_FRAMES)
    logits = last_logits(model, [prompt])[0].double()
    (a,), (b,) = prompt.answer_ids["A"], prompt.answer_ids["B"]
    row = accuracy(model, [sample], ask="likelihood", frames=N_FRAMES).answers.iloc[0]
    assert (row["predicted"], row["text"], bool(row["correct"])) == ("B", "", True)
    assert row["p"] == pytest.approx(float(1 / (1 + (logits[a] - logits[b]).exp())), rel=1e-9)
    reference = get_engine("reference").outcomes(model, prompt, []).baseline
    assert reference.token_id == b
    assert float(row["p"]) >= reference.p


def test_written_answers_are_what_generate_writes(model, sample) -> None:
    prompt = model.encode(sample, frames=N_FRAMES)
    row = accuracy(model, [sample], ask="generation", max_new_tokens=3, frames=N_FRAMES).answers.iloc[0]
    assert row["text"] == model.generate(prompt, max_new_tokens=3)
    assert row["predicted"] == "B"


def test_open_ended_samples_are_asked_in_words_only(model, sample) -> None:
    opened = dataclasses.replace(sample, id="x/1", options=(), answer=None, stem="It", open_answer="left")
    found = accuracy(model, [sample, opened], ask="likelihood", frames=N_FRAMES)
    assert found.skipped[["sample_id", "reason"]].values.tolist() == [["x/1", NO_OPTIONS]]
    found = accuracy(model, [sample, opened], ask="generation", frames=N_FRAMES)
    assert found.answers["sample_id"].tolist() == [sample.id, "x/1"]
    assert found.answers["predicted"].tolist()[1] == found.answers["text"].tolist()[1]


def test_an_empty_answer_is_wrong_or_left_out_as_the_rule_says(model, sample, monkeypatch) -> None:
    import workbench.engine.generation as generation

    def silent(model, prompts, *, max_new_tokens):
        return [generation.Generation("", (0,), torch.zeros(64)) for _ in prompts]

    monkeypatch.setattr(generation, "generate_batch", silent)
    told = {"ask": "generation", "frames": N_FRAMES}
    found = accuracy(model, [sample], scoring="lmms_tvbench", **told)
    assert found.table["accuracy_percent"].tolist() == [0.0]
    assert not SCORINGS["lmms_mvbench"].counts_silence
    with pytest.raises(Exception, match=SILENT):
        accuracy(model, [sample], scoring="lmms_mvbench", **told)
