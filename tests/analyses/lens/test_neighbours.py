"""Nearest neighbours: a planted bank gives the planted word, and a bank of text the states of its words."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch.nn import functional as F

import workbench as wb
from tests.analyses.lens.made_lenses import tiny_samples
from tests.tiny import tiny_model, tiny_prompt
from workbench.analyses.lens.keywords import KeywordList
from workbench.analyses.lens.lenses import model_identity
from workbench.analyses.lens.neighbours import BankLayers, NeighbourLens
from workbench.errors import ModelError, RunError
from workbench.models import VideoLLM


def planted_bank(model: VideoLLM, layers: BankLayers = "same") -> tuple[NeighbourLens, list[int]]:
    """After layer 2, "left" is as row 4 of the prompt, and "up" as its last row; elsewhere all is noise."""
    prompt = tiny_prompt(model)
    rows = [4, prompt.layout.length - 1]
    draw = torch.Generator().manual_seed(0)
    states = torch.randn(model.n_layers + 1, 5, model.d_model, generator=draw)
    _, cache = model.run_with_cache(prompt, "blocks.1.hook_resid_post")
    states[2, 1], states[2, 3] = (
        3 * cache["resid_post", 1][0, rows[0]],
        cache["resid_post", 1][0, rows[1]] / 9,
    )
    lens = NeighbourLens(
        words=("down", "left", "up"),
        word=torch.tensor([0, 1, 1, 2, 0]),
        states=F.normalize(states, dim=-1),
        layers=layers,
        made={"model": model_identity(model)},
    )
    return lens, rows


def test_a_planted_bank_gives_the_planted_word_in_its_layer() -> None:
    model = tiny_model("llava_onevision")
    lens, rows = planted_bank(model)
    told: Any = {"rows": rows, "top_k": 3, "words": ["Up"], "progress": False}
    read: Any = wb.logit_lens(model, tiny_prompt(model), lens=lens, keywords=["left"], **told)
    assert "p" not in read.table
    second = read.table[(read.table["layer"] == 2) & (read.table["rank"] == 1)]
    assert second["token"].tolist() == ["left", "up"]
    assert second["cosine"].to_numpy() == pytest.approx(1, abs=1e-5)
    assert second["keyword"].tolist() == ["left", ""]
    elsewhere = read.table[read.table["layer"] != 2]
    assert elsewhere["cosine"].max() < 0.9
    assert (read.table.groupby(["layer", "row"])["token"].nunique() == 3).all(), "each word once"
    up = read.words[read.words["layer"] == 2]
    assert up["rank"].tolist()[1] == 1
    assert up["cosine"].tolist()[1] == pytest.approx(1, abs=1e-5)
    assert read.lens == "neighbour lens"


def test_all_layers_of_the_bank_count_where_asked_for() -> None:
    model = tiny_model("llava_onevision")
    (same, _), (every, _) = planted_bank(model), planted_bank(model, "all")
    residual = torch.randn(7, model.d_model, generator=torch.Generator().manual_seed(1))
    by_layer = torch.stack([same.likeness(residual, layer) for layer in range(model.n_layers + 1)])
    for layer in (0, 3):
        torch.testing.assert_close(every.likeness(residual, layer), by_layer.amax(0))
        torch.testing.assert_close(every.likeness(residual, layer, chunk=2), by_layer.amax(0))
    whole, tiled = (every.read(model, residual, 1, top_k=2, row_chunk=size) for size in (1024, 3))
    assert torch.equal(whole.top_ids, tiled.top_ids)


def test_a_bank_of_samples_holds_the_states_of_their_words(tmp_path) -> None:
    model = tiny_model("llava_onevision")
    samples = tiny_samples(tmp_path, 2)
    lens = wb.neighbour_lens(model, samples, layers="same", progress=False)
    prompt = model.encode(samples[1])
    read: Any = wb.logit_lens(model, prompt, rows="question", lens=lens, layers=2, top_k=1, progress=False)
    said = dict(zip(read.table["row"], read.table["token"], strict=True))
    texts = {row: prompt.layout.tokens[row].strip().lower() for row in said}
    words = {row: word for row, word in texts.items() if word in lens.words}
    assert len(words) > 2
    for row, word in words.items():
        assert said[row] == word
    assert read.table["cosine"].max() == pytest.approx(1, abs=1e-5)
    few = wb.neighbour_lens(model, samples, states_per_word=1, progress=False)
    assert len(few.word) == len(few.words) == len(lens.words) < len(lens.word)


def test_a_bank_of_texts_is_read_without_a_video() -> None:
    model = tiny_model("llava_onevision")
    texts = ["the dot moves left", "a dot moves right"]
    lens = wb.neighbour_lens(model, texts, progress=False)
    assert {"left", "right", "moves"} <= set(lens.words)
    assert lens.states.shape[0] == model.n_layers + 1
    assert lens.made["texts"] == 2
    only = wb.neighbour_lens(model, texts, words=["Left", "right"], progress=False)
    assert only.words == ("left", "right")
    place = only.words.index("left")
    ids = model.tokenizer("the dot moves left", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        hidden = model.hf(input_ids=ids, output_hidden_states=True, use_cache=False).hidden_states
    torch.testing.assert_close(only.states[1, place], F.normalize(hidden[1][0, -1], dim=-1))
    assert "2 words" in repr(only)


def test_another_models_bank_and_words_that_it_lacks_are_refused() -> None:
    model = tiny_model("llava_onevision")
    lens, rows = planted_bank(model)
    prompt = tiny_prompt(model)
    with pytest.raises(RunError, match="does not know 'zebra'"):
        wb.logit_lens(model, prompt, lens=lens, words=["left", "zebra"], progress=False)
    marked = wb.logit_lens(
        model,
        prompt,
        rows=rows,
        lens=lens,
        keywords=[KeywordList(name="k", words=("zebra",))],
        progress=False,
        top_k=1,
    )
    assert set(marked.table["keyword"]) == {""}
    with pytest.raises(RunError, match="this lens knows 3 words"):
        wb.logit_lens(model, prompt, lens=lens, progress=False)
    other = dataclasses.replace(lens, made={"model": lens.made["model"] | {"weights_sha256": "0"}})
    with pytest.raises(ModelError, match=r"neighbour lens was made for .* other weights"):
        wb.logit_lens(model, prompt, lens=other, progress=False)
    assert lens.sha256 == planted_bank(model)[0].sha256


def test_settings_that_cannot_work_are_refused(tmp_path) -> None:
    model = tiny_model("llava_onevision")
    for source, wrong, message in (
        (["left"], {"layers": "al"}, "layers='al' is not offered.*Did you mean 'all'"),
        (["left"], {"states_per_word": 0}, "states_per_word=0"),
        (["left"], {"words": ["zebra"]}, "none of the words"),
        (["left"], {"frames": 4}, "read without a video"),
        (["?!"], {}, "hold no word"),
        ("left", {}, "a list of texts"),
        (["left", *tiny_samples(tmp_path, 1)], {}, "Give one of the two"),
    ):
        with pytest.raises(RunError, match=message):
            wb.neighbour_lens(model, source, progress=False, **wrong)  # type: ignore[arg-type]
