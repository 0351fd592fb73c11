"""Tiny random Video-LLMs of every family: ordinary checkpoint folders, loaded as a user loads his own.

Weights are large enough for every step to show in the logits. Everything is seeded, and cached.
"""

from __future__ import annotations

import atexit
import json
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import transformers
from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import PreTrainedTokenizerFast
from transformers.utils import logging

from workbench.data import Sample
from workbench.models import Prompt, VideoLLM, load
from workbench.prompts.pixels import PixelSettings
from workbench.video import Clip

FamilyName = Literal["llava_next_video", "llava_onevision", "qwen2_5_vl"]
FAMILY_NAMES: tuple[FamilyName, ...] = ("llava_next_video", "llava_onevision", "qwen2_5_vl")

N_FRAMES, SIDE, PATCH = 4, 28, 7  # frames of 28 x 28 pixels, 4 x 4 patches, pooled or merged to 2 x 2 cells
HIDDEN, HEADS = 64, 4

CHATML = """\
{% for message in messages %}<|im_start|>{{ message['role'] }}{{ opening }}\
{% for part in message['content'] %}{% if part['type'] == 'video' %}VIDEO{% endif %}{% endfor %}\
{% for part in message['content'] %}{% if part['type'] == 'text' %}TEXT{% endif %}{% endfor %}\
<|im_end|>{{ '\n' }}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant{{ '\n' }}{% endif %}"""
ONEVISION_TEMPLATE = (
    CHATML.replace("{{ opening }}", " ")
    .replace("VIDEO", "<video>")
    .replace("TEXT", "{{ '\n' + part['text'] }}")
)
QWEN_TEMPLATE = (
    "<|im_start|>system{{ '\n' }}You are a helpful assistant.<|im_end|>{{ '\n' }}"
    + CHATML.replace("{{ opening }}", "{{ '\n' }}")
    .replace("VIDEO", "<|vision_start|><|video_pad|><|vision_end|>")
    .replace("TEXT", "{{ part['text'] }}")
)
VICUNA_TEMPLATE = """\
{% for message in messages %}USER: {% for part in message['content'] %}\
{% if part['type'] == 'video' %}<video>{{ '\n' }}{% endif %}{% endfor %}\
{% for part in message['content'] %}{% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}\
{% endfor %}{% if add_generation_prompt %} ASSISTANT:{% endif %}"""

_CORPUS = """\
Question: Which direction does the red circle move? Options: (A) left (B) right (C) up (D) down
Only give the best option. Best option:( A chat about a video. USER: What happens first? ASSISTANT: The ball
You are a helpful assistant. system user assistant A. B. C. D. Answer with the option's letter from the given
choices directly. How many squares are there? one two three four five six seven eight nine ten
"""


@cache
def tiny_model(
    family: FamilyName = "llava_next_video",
    *,
    attention: Literal["sdpa", "eager"] = "sdpa",
    n_kv_heads: int = 2,
    n_layers: int = 4,
) -> VideoLLM:
    """A tiny random model: 4 query heads of width 16; `n_kv_heads=4` is attention without groups."""
    return load(
        tiny_folder(family, n_kv_heads=n_kv_heads, n_layers=n_layers), attention=attention, device="cpu"
    )


@cache
def tiny_folder(family: FamilyName = "llava_next_video", *, n_kv_heads: int = 2, n_layers: int = 4) -> Path:
    """The checkpoint folder of such a model. Shared: copy it before changing it."""
    folder = _root() / f"{family}-{n_kv_heads}-{n_layers}"
    save_tokenizer(family, folder)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    config = _config(family, tokenizer, n_kv_heads, n_layers)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        hf = getattr(transformers, config.architectures[0])(config)
        _spread(hf)
    logging.disable_progress_bar()
    hf.save_pretrained(folder)
    logging.enable_progress_bar()
    (folder / "video_preprocessor_config.json").write_text(json.dumps(_pixels(family)))
    return folder


@cache
def tiny_clip(n_frames: int = N_FRAMES, *, height: int = 36, width: int = 48, seed: int = 0) -> Clip:
    """Smooth coloured noise, one frame every half second."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (n_frames, height // 6, width // 6, 3), dtype=np.uint8)
    frames = coarse.repeat(6, axis=1).repeat(6, axis=2)
    return Clip(frames=frames, timestamps=0.25 + 0.5 * np.arange(n_frames), path=None, duration=n_frames / 2)


def tiny_sample(*, n_options: int = 3, answer: int = 1) -> Sample:
    """A multiple-choice question. Its video does not exist: encode it with `clip=tiny_clip()`."""
    options = ("left", "right", "up", "down")[:n_options]
    return Sample(
        id=f"moving_direction/tiny_{n_options}_{answer}",
        task="moving_direction",
        video=Path("tiny.mp4"),
        question="Which direction does the red circle move?",
        options=options,
        answer=answer,
        stem="The red circle moves",
        open_answer=options[answer],
    )


def tiny_prompt(model: VideoLLM, *, n_frames: int = N_FRAMES, **options: Any) -> Prompt:
    """The tiny sample about the tiny clip; `options` go to `encode`."""
    return model.encode(tiny_sample(), clip=tiny_clip(n_frames), **options)


def whole_frames(model: VideoLLM) -> PixelSettings:
    """Settings that squeeze the whole frame into the picture, where LLaVA-NeXT-Video's cut its sides off."""
    return replace(model.pixels, size={"height": SIDE, "width": SIDE}, do_center_crop=False, crop_size=None)


@cache
def _root() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="tiny-models-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


def save_tokenizer(family: FamilyName, folder: Path) -> None:
    """A tokenizer of the family's kind: SentencePiece-like, falling back on bytes, or byte-level ChatML."""
    fast = _vicuna() if family == "llava_next_video" else _chatml(family)
    fast.save_pretrained(folder)


def _vicuna() -> PreTrainedTokenizerFast:
    special = ["<unk>", "<s>", "</s>"]
    raw_bytes = [f"<0x{byte:02X}>" for byte in range(256)]
    learned = Tokenizer(models.BPE())
    learned.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=True)
    learned.train_from_iterator(
        _CORPUS.splitlines(), trainers.BpeTrainer(vocab_size=260, show_progress=False)
    )
    model = json.loads(learned.to_str())["model"]
    words = sorted(model["vocab"], key=model["vocab"].get)
    vocabulary = {token: number for number, token in enumerate([*special, *raw_bytes, *words])}
    merges = [tuple(merge) for merge in model["merges"]]
    tokenizer = Tokenizer(
        models.BPE(vocabulary, merges, byte_fallback=True, unk_token="<unk>", fuse_unk=True)
    )
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    added = [*special, "<video>", "<image>"]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in added])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<unk>"
    )
    fast.chat_template = VICUNA_TEMPLATE
    return fast


def _chatml(family: FamilyName) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(_CORPUS.splitlines(), trainer)
    added = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    if family == "qwen2_5_vl":
        added += ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
    else:
        added += ["<image>", "<video>"]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in added])
    # A word that steers the model without being marked as special, as Qwen's are.
    tokenizer.add_tokens([AddedToken("<tool_call>", special=False, normalized=False)])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    fast.chat_template = QWEN_TEMPLATE if family == "qwen2_5_vl" else ONEVISION_TEMPLATE
    return fast


def _config(family: FamilyName, tokenizer: PreTrainedTokenizerFast, n_kv_heads: int, n_layers: int) -> Any:
    text: dict[str, Any] = {
        "hidden_size": HIDDEN,
        "intermediate_size": 96,
        "num_hidden_layers": n_layers,
        "num_attention_heads": HEADS,
        "num_key_value_heads": n_kv_heads,
        "vocab_size": -(-len(tokenizer) // 8) * 8,  # padded, as real ones are
        "max_position_embeddings": 512,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    ids: Any = tokenizer.convert_tokens_to_ids
    if family == "qwen2_5_vl":
        return transformers.Qwen2_5_VLConfig(
            architectures=["Qwen2_5_VLForConditionalGeneration"],
            vision_config={
                "depth": 2,
                "hidden_size": 32,
                "intermediate_size": 48,
                "num_heads": 2,
                "out_hidden_size": HIDDEN,
                "patch_size": PATCH,
                "spatial_merge_size": 2,
                "temporal_patch_size": 2,
                "window_size": 28,
                "fullatt_block_indexes": [1],
                "tokens_per_second": 2,
            },
            text_config={
                **text,
                "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 3, 3]},
            },
            video_token_id=ids("<|video_pad|>"),
            image_token_id=ids("<|image_pad|>"),
            vision_start_token_id=ids("<|vision_start|>"),
            vision_end_token_id=ids("<|vision_end|>"),
        )
    tower: dict[str, Any] = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": SIDE,
        "patch_size": PATCH,
    }
    tokens: dict[str, Any] = {"video_token_index": ids("<video>"), "image_token_index": ids("<image>")}
    if family == "llava_onevision":
        return transformers.LlavaOnevisionConfig(
            architectures=["LlavaOnevisionForConditionalGeneration"],
            vision_config=transformers.SiglipVisionConfig(**tower, vision_use_head=False),
            text_config=transformers.Qwen2Config(**text),
            image_grid_pinpoints=[[SIDE, SIDE]],
            **tokens,
        )
    return transformers.LlavaNextVideoConfig(
        architectures=["LlavaNextVideoForConditionalGeneration"],
        vision_config=transformers.CLIPVisionConfig(**tower, projection_dim=32),
        text_config=transformers.LlamaConfig(**text),
        image_grid_pinpoints=[[SIDE, SIDE]],
        **tokens,
    )


def _pixels(family: FamilyName) -> dict[str, Any]:
    square = {"height": SIDE, "width": SIDE}
    if family == "llava_next_video":
        return {"size": {"shortest_edge": SIDE}, "crop_size": square, "do_center_crop": True, "resample": 3}
    half = [0.5, 0.5, 0.5]
    if family == "llava_onevision":
        return {"size": square, "image_mean": half, "image_std": half, "resample": 3}
    # The tiny clip becomes 28 x 28 pixels, so that every family has 2 x 2 cells.
    bounds = {"shortest_edge": SIDE**2, "longest_edge": SIDE * 42}
    return {"size": bounds, "patch_size": PATCH, "temporal_patch_size": 2, "merge_size": 2, "resample": 3}


def _spread(hf: torch.nn.Module) -> None:
    """Weights of order 1 / sqrt(width), and norms and biases away from their defaults."""
    with torch.no_grad():
        for weight in hf.parameters():
            if weight.ndim > 1:
                weight.normal_(0, weight[0].numel() ** -0.5)
            else:
                weight.add_(0.2 * torch.randn_like(weight))
