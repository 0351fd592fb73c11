"""Decoders whose weights are written by hand, so that the answer can travel along one known path only.

A real LlavaNextVideo checkpoint, with a tokenizer of whole words. Its clip is a folder of four pictures:
frame 0 alone shows the answer (red for A, green for B), the last is blue, the others are black. In a `staged`
model this path, and nothing else, carries the answer:

    layer a, head 1:  rows of the last frame read frame 0           (frames -> later frames)
    layer b, head 2:  one word of the question reads the last frame (video -> nonoption)
    layer c, head 3:  the last row reads that word                  (nonoption -> last)

In a `direct` model the last row reads frame 0 by itself in one layer, head 0 (video -> last).

How a head reads: its query and key are one-hot features of the residual stream. A matching pair scores 60,
and every row scores 30 on the first token, a sink whose value is zero; anything else scores 0. A reader puts
all but e^-30 of its attention on the key it looks for, on the sink where that key is cut, and no other row
reads anything. Both features sit in the slowest rotary channels, where position turns them by less than 1e-6.
MLPs and all other heads write nothing.

Residual features (of 64):  0 constant, keeps the norm the same in every row | 1 sink | 2, 3 answer as seen in
frame 0 | 4 blue frame | 5 the reading word | 6 last row | 8, 9, 10 answer after layer a, b, c (+1 A, -1 B)
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlavaNextVideoConfig,
    LlavaNextVideoForConditionalGeneration,
    PreTrainedTokenizerFast,
)

from workbench.data import Sample
from workbench.models import VideoLLM, load
from workbench.models.attention import AttentionKind

N_LAYERS, N_HEADS, N_KV_HEADS, D_MODEL, D_HEAD = 6, 4, 2, 64, 16
N_FRAMES, PIXELS, PATCH, TOKENS_A_FRAME = 4, 28, 7, 4
CONSTANT, SINK, SEEN_A, SEEN_B, BLUE, WORD, LAST = range(7)
AFTER = (8, 9, 10)
BALLAST = 32.0
RMS = BALLAST / D_MODEL**0.5
MATCH_SCORE, SINK_SCORE = 60.0, 30.0
CONFIDENCE = 8.0

QUESTION = "Which way does the dot move?"
OPTIONS = ("left", "right")
FIRST_WORD, READING_WORD, LAST_WORD = "USER:", "move?", "option:("
WORDS = (
    *(
        "<unk>",
        "<video>",
        "<image>",
        "A",
        "B",
        "USER:",
        "Question:",
        *QUESTION.split(),
        "Options:",
        "(A)",
        "(B)",
    ),
    *(*OPTIONS, "Only", "give", "best", "option.", "ASSISTANT:", "Best", LAST_WORD),
)
IDS = {word: number for number, word in enumerate(WORDS)}
VOCABULARY = 64


class Stage(NamedTuple):
    """One reading head: rows with feature `query` read rows with one of `keys`; +/- features become one."""

    head: int
    query: int
    keys: tuple[int, ...]
    plus: int
    minus: int | None
    out: int


def staged(a: int, b: int, c: int) -> dict[int, Stage]:
    """The answer travels frame 0 -> last frame -> question -> last row in layers a < b < c, from 1."""
    assert 1 <= a < b < c <= N_LAYERS
    return {
        a: Stage(head=1, query=BLUE, keys=(SEEN_A, SEEN_B), plus=SEEN_A, minus=SEEN_B, out=AFTER[0]),
        b: Stage(head=2, query=WORD, keys=(BLUE,), plus=AFTER[0], minus=None, out=AFTER[1]),
        c: Stage(head=3, query=LAST, keys=(WORD,), plus=AFTER[1], minus=None, out=AFTER[2]),
    }


def direct(layer: int) -> dict[int, Stage]:
    """The last row reads frame 0 by itself in this layer, from 1."""
    return {layer: Stage(head=0, query=LAST, keys=(SEEN_A, SEEN_B), plus=SEEN_A, minus=SEEN_B, out=AFTER[2])}


def planted_hf(stages: Mapping[int, Stage]) -> LlavaNextVideoForConditionalGeneration:
    """The model with these reading heads, by layer counted from 1, and no others."""
    config = LlavaNextVideoConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=8,
            intermediate_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=PIXELS,
            patch_size=PATCH,
            projection_dim=8,
        ),
        text_config=LlamaConfig(
            hidden_size=D_MODEL,
            intermediate_size=32,
            num_hidden_layers=N_LAYERS,
            num_attention_heads=N_HEADS,
            num_key_value_heads=N_KV_HEADS,
            head_dim=D_HEAD,
            vocab_size=VOCABULARY,
            rope_parameters={"rope_type": "default", "rope_theta": 1e12},
        ),
        video_token_index=IDS["<video>"],
        image_token_index=IDS["<image>"],
        tie_word_embeddings=False,
    )
    torch.manual_seed(0)
    hf = LlavaNextVideoForConditionalGeneration(config).eval().requires_grad_(False)
    _write_eyes(hf)
    _write_words(hf)
    for number, layer in enumerate(hf.model.language_model.layers, start=1):
        layer.input_layernorm.weight.fill_(RMS)
        layer.mlp.down_proj.weight.zero_()
        layer.self_attn.o_proj.weight.zero_()
        if number in stages:
            _write_head(layer.self_attn, stages[number])
    return hf


def _write_eyes(hf: LlavaNextVideoForConditionalGeneration) -> None:
    """Red, green and blue patches become the features SEEN_A, SEEN_B and BLUE, black ones nothing."""
    vision = hf.model.vision_tower
    embeddings = vision.embeddings
    embeddings.class_embedding.zero_()
    embeddings.position_embedding.weight.zero_()
    embeddings.patch_embedding.weight.zero_()
    for colour in range(3):
        # A pair of opposite signs survives layer norm: it becomes +2 and -2 however bright the colour.
        embeddings.patch_embedding.weight[colour, colour] = 1 / PATCH**2
        embeddings.patch_embedding.weight[colour + 4, colour] = -1 / PATCH**2
    for layer in vision.encoder.layers:
        layer.self_attn.out_proj.weight.zero_()
        layer.mlp.fc2.weight.zero_()
    projector = hf.model.multi_modal_projector
    for linear in (projector.linear_1, projector.linear_2):
        linear.weight.zero_()
        linear.bias.zero_()
    for colour, feature in enumerate((SEEN_A, SEEN_B, BLUE)):
        projector.linear_1.weight[colour, colour] = 3.0
        projector.linear_2.weight[feature, colour] = 1 / 6
    projector.linear_2.bias[CONSTANT] = BALLAST


def _write_words(hf: LlavaNextVideoForConditionalGeneration) -> None:
    """Every token has the constant and some noise of its own; three have a role. The head reads AFTER[2]."""
    words = hf.model.language_model.embed_tokens.weight
    words.zero_()
    words[:, 16:] = 0.2 * torch.randn(VOCABULARY, D_MODEL - 16)
    words[:, CONSTANT] = BALLAST
    for word, feature in ((FIRST_WORD, SINK), (READING_WORD, WORD), (LAST_WORD, LAST)):
        words[IDS[word], feature] = 1.0
    hf.model.language_model.norm.weight.fill_(RMS)
    hf.lm_head.weight.zero_()
    hf.lm_head.weight[IDS["A"], AFTER[2]] = CONFIDENCE
    hf.lm_head.weight[IDS["B"], AFTER[2]] = -CONFIDENCE


def _write_head(attention: Any, stage: Stage) -> None:
    """Writes one reading head; the other heads of the layer have no query, and no output."""
    head, group = stage.head, stage.head // (N_HEADS // N_KV_HEADS)
    match, sink = D_HEAD // 2 - 1, D_HEAD // 2 - 2  # the two slowest rotary channels
    q, k, v = (part.weight for part in (attention.q_proj, attention.k_proj, attention.v_proj))
    for weight in (q, k, v):
        weight.zero_()
    scale = D_HEAD**0.5
    q[head * D_HEAD + match, stage.query] = (MATCH_SCORE * scale) ** 0.5
    k[group * D_HEAD + match, list(stage.keys)] = (MATCH_SCORE * scale) ** 0.5
    q[head * D_HEAD + sink, CONSTANT] = (SINK_SCORE * scale) ** 0.5 / BALLAST
    k[group * D_HEAD + sink, SINK] = (SINK_SCORE * scale) ** 0.5
    v[group * D_HEAD, stage.plus] = 1.0
    if stage.minus is not None:
        v[group * D_HEAD, stage.minus] = -1.0
    attention.o_proj.weight[stage.out, head * D_HEAD] = 1.0


def planted_model(stages: Mapping[int, Stage], attention: AttentionKind = "sdpa") -> VideoLLM:
    """`planted_hf` as a checkpoint folder, loaded as a user loads one."""
    with tempfile.TemporaryDirectory() as folder:
        save_planted(stages, Path(folder))
        model = load(folder, device="cpu", attention=attention)
        assert model.weights_hash  # while the files are there
        return model


def save_planted(stages: Mapping[int, Stage], folder: Path) -> Path:
    """Writes the checkpoint: config, weights, tokenizer and video processor."""
    planted_hf(stages).save_pretrained(folder)
    tokenizer = Tokenizer(WordLevel(IDS, unk_token="<unk>"))
    tokenizer.pre_tokenizer = WhitespaceSplit()  # pyright: ignore[reportAttributeAccessIssue]
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>")
    fast.add_special_tokens({"additional_special_tokens": ["<video>", "<image>"]})
    fast.save_pretrained(folder)
    side = {"height": PIXELS, "width": PIXELS}
    pixels = {"size": side, "do_center_crop": False, "image_mean": [0, 0, 0], "image_std": [1, 1, 1]}
    (folder / "video_preprocessor_config.json").write_text(json.dumps(pixels))
    return folder


def planted_sample(folder: Path, answer: str) -> Sample:
    """A question whose clip, a folder of pictures made in `folder`, shows this answer: "A" or "B"."""
    pictures = folder / f"shows_{answer}"
    pictures.mkdir(exist_ok=True)
    frames = np.zeros((N_FRAMES, PIXELS, PIXELS, 3), dtype=np.uint8)
    frames[0, ..., "AB".index(answer)] = 255
    frames[-1, ..., 2] = 255
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(pictures / f"{number}.png")
    return Sample(
        id=f"planted/{answer}",
        task="planted",
        video=pictures,
        question=QUESTION,
        options=OPTIONS,
        answer="AB".index(answer),
    )
