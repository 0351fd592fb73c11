"""The embedded model's shape, and how its checkpoint folder is written: a standard LlavaNextVideo folder."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from workbench.mini.tokenizer import BOS, EOS, IMAGE, PAD, VIDEO, build_tokenizer, save_tokenizer

if TYPE_CHECKING:
    from transformers import LlavaNextVideoForConditionalGeneration

SIZE, PATCH, LAYERS, WIDTH = 96, 8, 12, 256


def build_model(start: Path | None = None) -> LlavaNextVideoForConditionalGeneration:
    """A fresh model with random weights, or the one in the folder `start`; in float32."""
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaNextVideoConfig
    from transformers import LlavaNextVideoForConditionalGeneration as Model

    if start is not None:
        return Model.from_pretrained(start, dtype=torch.float32)
    tokenizer = build_tokenizer()
    vocabulary = tokenizer.get_vocab()
    vision = CLIPVisionConfig(
        hidden_size=192,
        intermediate_size=768,
        num_hidden_layers=5,
        num_attention_heads=6,
        image_size=SIZE,
        patch_size=PATCH,
        projection_dim=192,
    )
    text = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=WIDTH,
        intermediate_size=640,
        num_hidden_layers=LAYERS,
        num_attention_heads=8,
        num_key_value_heads=4,
        max_position_embeddings=2048,
        pad_token_id=vocabulary[PAD],
        bos_token_id=vocabulary[BOS],
        eos_token_id=vocabulary[EOS],
        tie_word_embeddings=True,
    )
    config = LlavaNextVideoConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=vocabulary[IMAGE],
        video_token_index=vocabulary[VIDEO],
        vision_feature_layer=-1,
        image_grid_pinpoints=[[SIZE, SIZE]],
        tie_word_embeddings=True,
    )
    return Model(config)


_PIXELS = {
    "do_resize": True,
    "size": {"shortest_edge": SIZE},
    "do_center_crop": True,
    "crop_size": {"height": SIZE, "width": SIZE},
    "resample": 3,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "do_convert_rgb": True,
}


def save_checkpoint(model: LlavaNextVideoForConditionalGeneration, folder: Path) -> None:
    """Writes weights (float16 safetensors, 12 MB shards), config, tokenizer and processor settings."""
    folder.mkdir(parents=True, exist_ok=True)
    half = copy.deepcopy(model).half()
    half.save_pretrained(folder, max_shard_size="12MB")
    save_tokenizer(folder)
    image = {
        **_PIXELS,
        "image_processor_type": "LlavaNextImageProcessor",
        "image_grid_pinpoints": [[SIZE, SIZE]],
    }
    video = {**_PIXELS, "video_processor_type": "LlavaNextVideoVideoProcessor"}
    processor = {
        "processor_class": "LlavaNextVideoProcessor",
        "patch_size": PATCH,
        "vision_feature_select_strategy": "default",
        "num_additional_image_tokens": 1,
        "video_token": VIDEO,
        "image_token": IMAGE,
    }
    for name, settings in (
        ("preprocessor_config.json", image),
        ("video_preprocessor_config.json", video),
        ("processor_config.json", processor),
    ):
        (folder / name).write_text(json.dumps(settings, indent=2) + "\n")
