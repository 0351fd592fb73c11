"""A wiring becomes a real checkpoint folder: a small Video-LLM whose weights are written by hand.

LLaVA-NeXT-Video, or the LLaVA line (`llava_pooled`) where the model needs a system prompt of several words or
newlines between frames. The eyes turn colours of a cell into features; all but the written heads and neurons
write nothing.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from workbench.models import VideoLLM, load
from workbench.planted.vocabulary import IDS, ROLES, VOCABULARY
from workbench.planted.wiring import (
    ANSWER,
    BALLAST,
    BLUE,
    CONSTANT,
    D_HEAD,
    D_MODEL,
    FREE,
    MATCH_SCORE,
    N_LAYERS,
    NEWLINE,
    SEEN_A,
    SEEN_B,
    SINK,
    SINK_SCORE,
    STEEP,
    Features,
    Reader,
    Wiring,
)

if TYPE_CHECKING:
    from workbench.models.attention import AttentionKind

Body = Literal["llava_next_video", "llava_pooled", "llava_pooled with newlines"]
"""The architecture; "with newlines" has one behind every frame."""

PIXELS, PATCH, TOKENS_A_FRAME = 28, 7, 4
RMS = BALLAST / D_MODEL**0.5
CONFIDENCE = 8.0
_MATCHES, _SINK = (7, 15, 5, 13), 6
"""Channels of a head. Rotary turns channel i with i + 8, and these the slowest."""


def load_planted(
    wiring: Wiring, body: Body = "llava_next_video", attention: AttentionKind = "sdpa"
) -> VideoLLM:
    """The wiring as a checkpoint folder, loaded as a user loads one, on the CPU in float32."""
    with tempfile.TemporaryDirectory() as folder:
        write_checkpoint(wiring, Path(folder), body)
        with _silent():
            model = load(folder, device="cpu", attention=attention)
        assert model.weights_hash  # while the files are there
        return model


def write_checkpoint(wiring: Wiring, folder: Path, body: Body = "llava_next_video") -> Path:
    """Writes the checkpoint: config, weights, tokenizer and video processor."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import PreTrainedTokenizerFast

    with _silent():
        planted_hf(wiring, body).save_pretrained(folder)
    tokenizer = Tokenizer(WordLevel(IDS, unk_token="<unk>"))
    tokenizer.pre_tokenizer = WhitespaceSplit()  # pyright: ignore[reportAttributeAccessIssue]
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>")
    fast.add_special_tokens({"additional_special_tokens": ["<video>", "<image>"]})
    fast.save_pretrained(folder)
    side = {"height": PIXELS, "width": PIXELS}
    pixels = {"size": side, "do_center_crop": False, "image_mean": [0, 0, 0], "image_std": [1, 1, 1]}
    (folder / "video_preprocessor_config.json").write_text(json.dumps(pixels))
    return folder


@contextmanager
def _silent() -> Iterator[None]:
    """Without transformers' bars, which are gone before they are read."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def planted_hf(wiring: Wiring, body: Body = "llava_next_video") -> Any:
    """The Hugging Face model with these heads and neurons, and no others."""
    hf = _empty(wiring, body).eval().requires_grad_(False)
    _write_eyes(hf, pooled=body != "llava_next_video")
    _write_words(hf)
    layers = hf.model.language_model.layers
    for layer in layers:
        layer.input_layernorm.weight.fill_(RMS)
        layer.post_attention_layernorm.weight.fill_(RMS)
        layer.self_attn.o_proj.weight.zero_()
        layer.mlp.down_proj.weight.zero_()
    for number, layer in enumerate(layers, start=1):
        own = [one for one in wiring.readers if one.layer == number]
        if own:
            _write_heads(layer.self_attn, own)
        if wiring.noise:
            _write_noise(layer.self_attn, wiring, {one.head for one in own}, seed=number)
    for number in {one.layer for one in wiring.neurons}:
        mlp = layers[number - 1].mlp
        for place, neuron in enumerate(one for one in wiring.neurons if one.layer == number):
            _write_form(mlp.gate_proj.weight[place].zero_(), neuron.gate, STEEP)
            _write_form(mlp.up_proj.weight[place].zero_(), neuron.up, 1 / STEEP)
            mlp.down_proj.weight[neuron.out, place] = 1.0
    return hf


def _empty(wiring: Wiring, body: Body) -> Any:
    import transformers

    text = transformers.LlamaConfig(
        hidden_size=D_MODEL,
        intermediate_size=32,
        num_hidden_layers=N_LAYERS,
        num_attention_heads=wiring.heads,
        num_key_value_heads=_kv_heads(wiring),
        head_dim=D_HEAD,
        vocab_size=VOCABULARY,
        rope_parameters={"rope_type": "default", "rope_theta": 1e12},
    )
    tower: dict[str, Any] = {
        "hidden_size": 8,
        "intermediate_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": PIXELS,
        "patch_size": PATCH,
    }
    tokens: dict[str, Any] = {"video_token_index": IDS["<video>"], "image_token_index": IDS["<image>"]}
    torch.manual_seed(0)
    if body == "llava_next_video":
        return transformers.LlavaNextVideoForConditionalGeneration(
            transformers.LlavaNextVideoConfig(
                vision_config=transformers.CLIPVisionConfig(**tower, projection_dim=8),
                text_config=text,
                tie_word_embeddings=False,
                **tokens,
            )
        )
    from workbench.models.families.frame_pooling import (
        PooledLlavaConfig,
        PooledLlavaForConditionalGeneration,
    )

    return PooledLlavaForConditionalGeneration(
        PooledLlavaConfig(
            architectures=["PooledLlavaForConditionalGeneration"],
            vision_config=transformers.SiglipVisionConfig(**tower, vision_use_head=False),
            text_config=text,
            tie_word_embeddings=False,
            pool_mode="average",
            newlines="frame" if body.endswith("newlines") else "no_token",
            **tokens,
        )
    )


def _kv_heads(wiring: Wiring) -> int:
    """Two heads share keys and values, unless both read in one layer."""
    places = [(one.layer, one.head // 2) for one in wiring.readers]
    return wiring.heads // 2 if len(set(places)) == len(places) else wiring.heads


def _write_eyes(hf: Any, *, pooled: bool) -> None:
    """Red, green and blue cells become the features SEEN_A, SEEN_B and BLUE, black ones nothing.

    Of two colours in a cell each counts 0.71 and of three 0.58, as CLIP's layer norm sees them; in the pooled
    body each counts 1.
    """
    vision = hf.model.vision_tower
    vision = getattr(vision, "vision_model", vision)
    embeddings = vision.embeddings
    embeddings.position_embedding.weight.zero_()
    embeddings.patch_embedding.weight.zero_()
    if pooled:
        embeddings.patch_embedding.bias.zero_()
    else:
        embeddings.class_embedding.zero_()
    for colour in range(3):
        # A pair of opposite signs survives layer norm: it becomes +2 and -2 however bright the colour.
        embeddings.patch_embedding.weight[colour, colour] = 1 / PATCH**2
        embeddings.patch_embedding.weight[colour + 4, colour] = -1 / PATCH**2
    for layer in vision.encoder.layers:
        for part in (layer.self_attn.out_proj, layer.mlp.fc2):
            part.weight.zero_()
            part.bias.zero_()
    projector = hf.model.multi_modal_projector
    for linear in (projector.linear_1, projector.linear_2):
        linear.weight.zero_()
        linear.bias.zero_()
    for colour, feature in enumerate((SEEN_A, SEEN_B, BLUE)):
        projector.linear_1.weight[colour, colour] = 6.0 if pooled else 3.0
        projector.linear_2.weight[feature, colour] = 1 / 6
    projector.linear_2.bias[CONSTANT] = BALLAST
    if hasattr(hf.model, "image_newline"):
        hf.model.image_newline.zero_()
        hf.model.image_newline[CONSTANT] = BALLAST
        hf.model.image_newline[NEWLINE] = 1.0


def _write_words(hf: Any) -> None:
    """Every token has the constant and some noise of its own; some have a role. The head reads ANSWER."""
    words = hf.model.language_model.embed_tokens.weight
    words.zero_()
    words[:, FREE:] = 0.2 * torch.randn(VOCABULARY, D_MODEL - FREE)
    words[:, CONSTANT] = BALLAST
    for word, feature in ROLES.items():
        words[IDS[word], feature] = 1.0
    hf.model.language_model.norm.weight.fill_(RMS)
    hf.lm_head.weight.zero_()
    hf.lm_head.weight[IDS["A"], ANSWER] = CONFIDENCE
    hf.lm_head.weight[IDS["B"], ANSWER] = -CONFIDENCE


def _write_heads(attention: Any, readers: list[Reader]) -> None:
    """Writes the reading heads of a layer; its other heads have no query, and no output."""
    q, k, v, o = (
        part.weight for part in (attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj)
    )
    for weight in (q, k, v):
        weight.zero_()
    shared = len(q) // len(k)
    scale = D_HEAD**0.5
    match, sink = ((score * scale) ** 0.5 for score in (MATCH_SCORE, SINK_SCORE))
    for one in readers:
        query, key = one.head * D_HEAD, one.head // shared * D_HEAD
        for channel, (wanted, shown) in zip(_MATCHES, one.matches, strict=False):
            _write_form(q[query + channel], wanted, match)
            _write_form(k[key + channel], shown, match)
        q[query + _SINK, CONSTANT] = sink / BALLAST
        k[key + _SINK, SINK] = sink
        for place, move in enumerate(one.moves):
            _write_form(v[key + place], move.source, 1.0)
            o[move.out, query + place] = move.gain


def _write_noise(attention: Any, wiring: Wiring, reading: set[int], *, seed: int) -> None:
    """Heads that share nothing with a reading one look at all rows alike, and add a little to the answer."""
    q, k, v, o = (
        part.weight for part in (attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj)
    )
    drawn = torch.Generator().manual_seed(seed)
    shared = len(q) // len(k)
    taken = {head // shared for head in reading}
    for head in range(wiring.heads):
        if head // shared in taken:
            continue
        of_query, of_key = slice(head * D_HEAD, (head + 1) * D_HEAD), head // shared * D_HEAD
        q[of_query] = 0
        # Noise of a word has 0.2 in each of its features, so that values are about 1.
        width = D_MODEL - FREE
        v[of_key].zero_()[FREE:] = torch.randn(width, generator=drawn) * 5 / width**0.5
        v[of_key, [SEEN_A, SEEN_B, BLUE]] = torch.randn(3, generator=drawn)
        o[ANSWER, of_query.start] = wiring.noise * torch.randn((), generator=drawn)


def _write_form(row: torch.Tensor, features: Features, scale: float) -> None:
    for feature, weight in features.items():
        row[feature] = weight * scale
