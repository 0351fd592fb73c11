"""Models of real sizes with random weights, and prompts of real lengths: no checkpoint or clip is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from nnsight import NNsight
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlavaNextVideoConfig,
    LlavaNextVideoForConditionalGeneration,
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
    Qwen2Config,
    SiglipVisionConfig,
)

from workbench.models import Prompt, TokenLayout, VideoLLM
from workbench.models.attention import install
from workbench.models.checkpoints import CheckpointFolder
from workbench.models.families import FAMILIES


class Shape(NamedTuple):
    """A model's sizes and a prompt's."""

    frames: int
    tokens: int
    """Video tokens a frame."""
    system: int
    gap: int
    question: int
    tail: int
    """Rows after the question, the last one included."""
    layers: int


SHAPES = {
    # 53 system, 8 x 144 video, 62 text: n = 1267.
    "llava-next-7b": Shape(frames=8, tokens=144, system=53, gap=5, question=41, tail=16, layers=32),
    # 32 x 196 video and its newline, 99 text: n = 6372.
    "llava-video-7b": Shape(frames=32, tokens=196, system=14, gap=4, question=65, tail=16, layers=28),
    # Small enough for a test.
    "tiny": Shape(frames=4, tokens=9, system=5, gap=2, question=12, tail=5, layers=4),
}


def build(name: str, device: torch.device, dtype: torch.dtype, **changed: int) -> tuple[VideoLLM, Prompt]:
    """A model and a prompt for it. `changed` replaces entries of its Shape."""
    shape = SHAPES[name]._replace(**changed)
    config = _llava_video(shape) if name == "llava-video-7b" else _llava_next(shape, tiny=name == "tiny")
    kind: Any = (
        LlavaOnevisionForConditionalGeneration
        if name == "llava-video-7b"
        else LlavaNextVideoForConditionalGeneration
    )
    before = torch.get_default_dtype()
    torch.manual_seed(0)
    try:
        torch.set_default_dtype(dtype)
        with device:
            hf = kind(config).eval().requires_grad_(False)
    finally:
        torch.set_default_dtype(before)
    install(hf, "sdpa")
    model = VideoLLM(
        hf=hf,
        nn=NNsight(hf),
        family=FAMILIES[config.model_type],
        tokenizer=cast(Any, None),
        checkpoint=CheckpointFolder(f"{name}, random weights", Path()),
        attention="sdpa",
        pixels=FAMILIES[config.model_type].default_pixels,
        template=None,
    )
    return model, prompt(model, shape)


def prompt(model: VideoLLM, shape: Shape) -> Prompt:
    """A prompt of random tokens: four options, the second one true."""
    config: Any = model.config
    extra = config.model_type == "llava_onevision"  # one newline after the last frame
    video = shape.frames * shape.tokens + extra
    start, length = shape.system, shape.system + video + shape.gap + shape.question + shape.tail
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(5, model.vocab_size - 10, (1, length), generator=generator)
    ids[0, start : start + video] = config.video_token_id
    side = config.vision_config.image_size
    pixels = torch.randn(1, shape.frames, 3, side, side, generator=generator)
    question = start + video + shape.gap
    words = shape.question // 3
    option = (shape.question - words) // 4
    options = [
        np.arange(question + words + at * option, question + words + (at + 1) * option) for at in range(4)
    ]
    spans: dict[str, Any] = {
        "video": np.arange(start, start + video),
        "question": np.arange(question, question + shape.question),
        "nonoption": np.arange(question, question + words),
        "true_option": options[1],
        **{f"option[{letter}]": rows for letter, rows in zip("ABCD", options, strict=True)},
    }
    if extra:
        spans["separator"] = np.array([start + video - 1])
    frames = [start + t * shape.tokens + np.arange(shape.tokens) for t in range(shape.frames)]
    grid = round(shape.tokens**0.5)
    return Prompt(
        inputs={
            "input_ids": ids.to(model.device),
            "pixel_values_videos": pixels.to(model.device, model.dtype),
        },
        layout=TokenLayout(length=length, spans=spans, frames=frames, grid=(grid, grid)),
        sample=None,
        clip=cast(Any, None),
        pixels=model.pixels,
        text="",
        answer_ids={},
    )


def _llava_next(shape: Shape, *, tiny: bool) -> LlavaNextVideoConfig:
    if tiny:
        vision = CLIPVisionConfig(
            hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
            image_size=36, patch_size=6, projection_dim=32,
        )  # fmt: skip
        text = LlamaConfig(
            vocab_size=200, hidden_size=64, intermediate_size=128, num_hidden_layers=shape.layers,
            num_attention_heads=4, num_key_value_heads=2,
        )  # fmt: skip
    else:
        vision = CLIPVisionConfig(
            hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16,
            image_size=336, patch_size=14, projection_dim=768,
        )  # fmt: skip
        text = LlamaConfig(
            vocab_size=32064, hidden_size=4096, intermediate_size=11008, num_hidden_layers=shape.layers,
            num_attention_heads=32, num_key_value_heads=32, max_position_embeddings=8192,
        )  # fmt: skip
    return LlavaNextVideoConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=text.vocab_size - 1,
        video_token_index=text.vocab_size - 2,
    )


def _llava_video(shape: Shape) -> LlavaOnevisionConfig:
    vision = SiglipVisionConfig(
        hidden_size=1152, intermediate_size=4304, num_hidden_layers=26, num_attention_heads=16,
        image_size=384, patch_size=14, vision_use_head=False,
    )  # fmt: skip
    text = Qwen2Config(
        vocab_size=152064, hidden_size=3584, intermediate_size=18944, num_hidden_layers=shape.layers,
        num_attention_heads=28, num_key_value_heads=4, max_position_embeddings=32768,
    )  # fmt: skip
    return LlavaOnevisionConfig(
        vision_config=vision, text_config=text, image_token_index=152062, video_token_index=152063
    )
