"""Tiny random checkpoints in the formats of their authors: config, names and shapes as theirs are.

Written from their code and published configs, not with the conversion's own tables of names.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from tests.tiny.tokenizers import chatml, sentencepiece

WIDTH, WIDE, LAYERS, HEADS, KV = 64, 96, 2, 4, 2
TOWER_WIDTH, TOWER_WIDE, TOWER_LAYERS, PATCH, SIDE = 32, 48, 2, 7, 28
Weights = dict[str, torch.Tensor]
UNUSED = ("track_embed.", "sam.")
"""Parts of InternVideo2.5 that do not answer in words."""


def random_weights(shapes: Mapping[str, tuple[int, ...]], seed: int = 0) -> Weights:
    """Weights of order 1 / sqrt(width), and norms and biases away from their defaults."""
    generator = torch.Generator().manual_seed(seed)

    def draw(shape: tuple[int, ...]) -> torch.Tensor:
        noise = torch.randn(shape, generator=generator)
        return noise * torch.Size(shape[1:]).numel() ** -0.5 if len(shape) > 1 else 1 + 0.2 * noise

    return {name: draw(shape) for name, shape in shapes.items()}


def _linear(name: str, out: int, into: int, bias: bool = True) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (out, into), **({f"{name}.bias": (out,)} if bias else {})}


def _norm(name: str, width: int, bias: bool = True) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (width,), **({f"{name}.bias": (width,)} if bias else {})}


def decoder(prefix: str, *, kv: int = KV, bias: bool = False) -> dict[str, tuple[int, ...]]:
    """A Llama or (`bias`) Qwen2 decoder, without embedding and head."""
    head = WIDTH // HEADS
    shapes: dict[str, tuple[int, ...]] = {f"{prefix}norm.weight": (WIDTH,)}
    for number in range(LAYERS):
        layer = f"{prefix}layers.{number}."
        shapes |= {
            **_linear(f"{layer}self_attn.q_proj", WIDTH, WIDTH, bias),
            **_linear(f"{layer}self_attn.k_proj", kv * head, WIDTH, bias),
            **_linear(f"{layer}self_attn.v_proj", kv * head, WIDTH, bias),
            **_linear(f"{layer}self_attn.o_proj", WIDTH, WIDTH, False),
            **_linear(f"{layer}mlp.gate_proj", WIDE, WIDTH, False),
            **_linear(f"{layer}mlp.up_proj", WIDE, WIDTH, False),
            **_linear(f"{layer}mlp.down_proj", WIDTH, WIDE, False),
            f"{layer}input_layernorm.weight": (WIDTH,),
            f"{layer}post_attention_layernorm.weight": (WIDTH,),
        }
    return shapes


def tower(prefix: str, *, clip: bool, side: int = SIDE) -> dict[str, tuple[int, ...]]:
    """A CLIP or SigLIP vision model."""
    shapes: dict[str, tuple[int, ...]] = {
        f"{prefix}embeddings.patch_embedding.weight": (TOWER_WIDTH, 3, PATCH, PATCH),
        f"{prefix}embeddings.position_embedding.weight": ((side // PATCH) ** 2 + clip, TOWER_WIDTH),
        **_norm(f"{prefix}post_layernorm", TOWER_WIDTH),
    }
    if clip:
        shapes |= {
            f"{prefix}embeddings.class_embedding": (TOWER_WIDTH,),
            **_norm(f"{prefix}pre_layrnorm", TOWER_WIDTH),
        }
    else:
        shapes[f"{prefix}embeddings.patch_embedding.bias"] = (TOWER_WIDTH,)
    for number in range(TOWER_LAYERS):
        layer = f"{prefix}encoder.layers.{number}."
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            shapes |= _linear(f"{layer}self_attn.{part}", TOWER_WIDTH, TOWER_WIDTH)
        shapes |= {
            **_linear(f"{layer}mlp.fc1", TOWER_WIDE, TOWER_WIDTH),
            **_linear(f"{layer}mlp.fc2", TOWER_WIDTH, TOWER_WIDE),
            **_norm(f"{layer}layer_norm1", TOWER_WIDTH),
            **_norm(f"{layer}layer_norm2", TOWER_WIDTH),
        }
    return shapes


def llava_config(*, clip: bool, vocabulary: int, **said: Any) -> dict[str, Any]:
    """config.json of the LLaVA-NeXT repository: a Qwen2 config with settings of its own."""
    return {
        "architectures": ["LlavaQwenForCausalLM"],
        "model_type": "llava_qwen",
        "hidden_size": WIDTH,
        "intermediate_size": WIDE,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-6,
        "rope_theta": 1000000.0,
        "max_position_embeddings": 4096,
        "sliding_window": 131072,
        "use_sliding_window": False,
        "tie_word_embeddings": False,
        "vocab_size": vocabulary,
        "use_mm_proj": True,
        "mm_hidden_size": TOWER_WIDTH,
        "mm_projector_type": "mlp2x_gelu",
        "mm_vision_select_feature": "patch",
        "mm_vision_select_layer": -2,
        "mm_vision_tower": "openai/clip-tiny" if clip else "google/siglip-tiny",
        "mm_spatial_pool_stride": 2,
        "eos_token_id": 2,
        "attention_dropout": 0.0,
        "use_cache": True,
        "torch_dtype": "bfloat16",
        **said,
    }


LLAVA: dict[str, dict[str, Any]] = {
    "longva": {"clip": True, "mm_patch_merge_type": "unires", "mm_spatial_pool_mode": "average"},
    "llava_video": {
        "clip": False,
        "mm_patch_merge_type": "spatial_unpad",
        "mm_newline_position": "grid",
        "mm_spatial_pool_mode": "bilinear",
        "add_faster_video": False,
        "add_time_instruction": True,
    },
    "llava_onevision": {
        "clip": False,
        "model_type": "llava",
        "mm_patch_merge_type": "spatial_unpad",
        "mm_spatial_pool_mode": "bilinear",
        "mm_spatial_pool_stride": None,
    },
    "llava_next_video_32b": {
        "clip": False,
        "mm_patch_merge_type": "spatial_unpad",
        "mm_newline_position": "grid",
        "mm_spatial_pool_mode": "average",
    },
    "llava_frame": {
        "clip": False,
        "mm_patch_merge_type": "spatial_unpad",
        "mm_newline_position": "frame",
        "mm_spatial_pool_mode": "average",
    },
}
"""What the checkpoints of the LLaVA line say, by name; the last one stands for no checkpoint."""


def llava_shapes(vocabulary: int, *, clip: bool, newline: bool, side: int) -> dict[str, tuple[int, ...]]:
    return {
        "model.embed_tokens.weight": (vocabulary, WIDTH),
        "lm_head.weight": (vocabulary, WIDTH),
        **decoder("model.", bias=True),
        **tower("model.vision_tower.vision_tower.vision_model.", clip=clip, side=side),
        **_linear("model.mm_projector.0", WIDTH, TOWER_WIDTH),
        **_linear("model.mm_projector.2", WIDTH, WIDTH),
        **({"model.image_newline": (WIDTH,)} if newline else {}),
    }


def write_llava(folder: Path, name: str = "llava_video", *, side: int = SIDE, **changes: Any) -> Weights:
    """A folder of the llava format; gives its weights."""
    said = {**LLAVA[name], **changes}
    tokenizer = chatml([], "")
    tokenizer.chat_template = None
    tokenizer.save_pretrained(folder)
    vocabulary = -(-len(tokenizer) // 8) * 8 + 8
    newline = "unpad" in said["mm_patch_merge_type"]
    weights = random_weights(llava_shapes(vocabulary, clip=said["clip"], newline=newline, side=side))
    _save(folder, llava_config(vocabulary=vocabulary, **said), weights)
    return weights


def write_pllava(folder: Path, *, base: bool = False, **changes: Any) -> Weights:
    """A folder of PLLaVA's format, or (`base`) the LLaVA-NeXT that it began as; gives its weights."""
    tokenizer = sentencepiece("")
    tokenizer.chat_template = None
    tokenizer.save_pretrained(folder)
    vocabulary = -(-len(tokenizer) // 8) * 8
    shapes = {
        "language_model.model.embed_tokens.weight": (vocabulary, WIDTH),
        "language_model.lm_head.weight": (vocabulary, WIDTH),
        **decoder("language_model.model.", kv=HEADS),
        **tower("vision_tower.vision_model.", clip=True),
        **_linear("multi_modal_projector.linear_1", WIDTH, TOWER_WIDTH),
        **_linear("multi_modal_projector.linear_2", WIDTH, WIDTH),
        **({"image_newline": (WIDTH,)} if base else {}),
    }
    weights = random_weights(shapes)
    own = {} if base else {"pooling_method": "avg", "pooling_shape": [4, 2, 2], "num_frames": 4}
    config = {
        "architectures": [f"{'LlavaNext' if base else 'Pllava'}ForConditionalGeneration"],
        "model_type": "llava_next" if base else "llava",
        "image_token_index": tokenizer.convert_tokens_to_ids("<image>"),
        "projector_hidden_act": "gelu",
        "vision_feature_layer": -2,
        "vision_feature_select_strategy": "default",
        "pad_token_id": 0,
        "text_config": {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_size": WIDTH,
            "intermediate_size": WIDE,
            "num_hidden_layers": LAYERS,
            "num_attention_heads": HEADS,
            "num_key_value_heads": HEADS,
            "max_position_embeddings": 4096,
            "rms_norm_eps": 1e-5,
            "vocab_size": vocabulary,
        },
        "vision_config": {
            "model_type": "clip_vision_model",
            "hidden_size": TOWER_WIDTH,
            "intermediate_size": TOWER_WIDE,
            "num_hidden_layers": TOWER_LAYERS,
            "num_attention_heads": 2,
            "image_size": SIDE,
            "patch_size": PATCH,
            "projection_dim": 32,
        },
        **own,
        **changes,
    }
    _save(folder, config, weights)
    return weights


def _intern_vit(prefix: str, side: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        f"{prefix}embeddings.class_embedding": (1, 1, TOWER_WIDTH),
        f"{prefix}embeddings.position_embedding": (1, (side // PATCH) ** 2 + 1, TOWER_WIDTH),
        f"{prefix}embeddings.patch_embedding.weight": (TOWER_WIDTH, 3, PATCH, PATCH),
        f"{prefix}embeddings.patch_embedding.bias": (TOWER_WIDTH,),
    }
    for number in range(TOWER_LAYERS):
        layer = f"{prefix}encoder.layers.{number}."
        shapes |= {
            **_linear(f"{layer}attn.qkv", 3 * TOWER_WIDTH, TOWER_WIDTH),
            **_linear(f"{layer}attn.proj", TOWER_WIDTH, TOWER_WIDTH),
            **_linear(f"{layer}mlp.fc1", TOWER_WIDE, TOWER_WIDTH),
            **_linear(f"{layer}mlp.fc2", TOWER_WIDTH, TOWER_WIDE),
            **_norm(f"{layer}norm1", TOWER_WIDTH),
            **_norm(f"{layer}norm2", TOWER_WIDTH),
            f"{layer}ls1": (TOWER_WIDTH,),
            f"{layer}ls2": (TOWER_WIDTH,),
        }
    return shapes


def _phi3(vocabulary: int) -> dict[str, tuple[int, ...]]:
    prefix, head = "language_model.model.", WIDTH // HEADS
    shapes: dict[str, tuple[int, ...]] = {
        f"{prefix}embed_tokens.weight": (vocabulary, WIDTH),
        f"{prefix}norm.weight": (WIDTH,),
        "language_model.lm_head.weight": (vocabulary, WIDTH),
    }
    for number in range(LAYERS):
        layer = f"{prefix}layers.{number}."
        shapes |= {
            f"{layer}self_attn.qkv_proj.weight": ((HEADS + 2 * KV) * head, WIDTH),
            f"{layer}self_attn.o_proj.weight": (WIDTH, WIDTH),
            f"{layer}mlp.gate_up_proj.weight": (2 * WIDE, WIDTH),
            f"{layer}mlp.down_proj.weight": (WIDTH, WIDE),
            f"{layer}input_layernorm.weight": (WIDTH,),
            f"{layer}post_attention_layernorm.weight": (WIDTH,),
        }
    return shapes


def _internlm2(vocabulary: int) -> dict[str, tuple[int, ...]]:
    prefix, head = "language_model.model.", WIDTH // HEADS
    shapes: dict[str, tuple[int, ...]] = {
        f"{prefix}tok_embeddings.weight": (vocabulary, WIDTH),
        f"{prefix}norm.weight": (WIDTH,),
        "language_model.output.weight": (vocabulary, WIDTH),
        # Of what InternVideo2.5 has for tracking.
        "track_embed.weight": (4, 4),
        "sam.image_encoder.neck.0.weight": (2, 2),
    }
    for number in range(LAYERS):
        layer = f"{prefix}layers.{number}."
        shapes |= {
            f"{layer}attention.wqkv.weight": ((HEADS + 2 * KV) * head, WIDTH),
            f"{layer}attention.wo.weight": (WIDTH, WIDTH),
            f"{layer}feed_forward.w1.weight": (WIDE, WIDTH),
            f"{layer}feed_forward.w3.weight": (WIDE, WIDTH),
            f"{layer}feed_forward.w2.weight": (WIDTH, WIDE),
            f"{layer}attention_norm.weight": (WIDTH,),
            f"{layer}ffn_norm.weight": (WIDTH,),
        }
    return shapes


def write_internvl(folder: Path, *, hico: bool = False, **changes: Any) -> Weights:
    """A folder of InternVL's format: Mini-InternVL with Phi-3, or (`hico`) InternVideo2.5 with InternLM2."""
    tokenizer = chatml(["<img>", "</img>", "<IMG_CONTEXT>"], "")
    tokenizer.chat_template = None
    tokenizer.save_pretrained(folder)
    vocabulary = -(-len(tokenizer) // 8) * 8
    side = 16 * PATCH if hico else SIDE  # four frames have more rows than the 64 that they become
    shapes = {
        **_intern_vit("vision_model.", side),
        **_norm("mlp1.0", 4 * TOWER_WIDTH),
        **_linear("mlp1.1", WIDTH, 4 * TOWER_WIDTH),
        **_linear("mlp1.3", WIDTH, WIDTH),
        **(_internlm2 if hico else _phi3)(vocabulary),
    }
    weights = random_weights(shapes)
    llm: dict[str, Any] = {
        "hidden_size": WIDTH,
        "intermediate_size": WIDE,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV,
        "vocab_size": vocabulary,
        "rms_norm_eps": 1e-5,
        "hidden_act": "silu",
        "pad_token_id": 0,
        "eos_token_id": 2,
        "tie_word_embeddings": False,
    }
    if hico:
        llm |= {
            "architectures": ["InternLM2ForCausalLM"],
            "model_type": "internlm2",
            "bias": False,
            "rope_theta": 1000000,
            "rope_scaling": {"type": "dynamic", "factor": 2.0},
            "max_position_embeddings": 2048,
        }
    else:
        quarter = WIDTH // HEADS // 2
        llm |= {
            "architectures": ["Phi3ForCausalLM"],
            "model_type": "phi3",
            "rope_theta": 10000.0,
            "original_max_position_embeddings": 256,
            "max_position_embeddings": 1024,
            "rope_scaling": {
                "type": "su",
                "short_factor": [1.0 + 0.05 * n for n in range(quarter)],
                "long_factor": [1.0 + 0.5 * n for n in range(quarter)],
            },
        }
    code = "modeling_internvl_chat_hico2" if hico else "modeling_internvl_chat"
    config = {
        "architectures": ["InternVLChatModel"],
        "model_type": "internvl_chat",
        "auto_map": {"AutoModel": f"{code}.InternVLChatModel"},
        "llm_config": llm,
        "vision_config": {
            "architectures": ["InternVisionModel"],
            "model_type": "intern_vit_6b",
            "hidden_size": TOWER_WIDTH,
            "intermediate_size": TOWER_WIDE,
            "num_hidden_layers": TOWER_LAYERS,
            "num_attention_heads": 2,
            "image_size": side,
            "patch_size": PATCH,
            "qkv_bias": True,
            "qk_normalization": False,
            "norm_type": "layer_norm",
            "layer_norm_eps": 1e-6,
            "hidden_act": "gelu",
            "use_flash_attn": True,
        },
        "select_layer": -1,
        "force_image_size": side,
        "downsample_ratio": 0.5,
        "ps_version": "v2",
        "template": "internvl2_5" if hico else "phi3-chat",
        "use_llm_lora": 0,
        "use_backbone_lora": 0,
        **changes,
    }
    _save(folder, config, weights)
    return weights


def write_videollama3(folder: Path, *, twice: bool = False, **changes: Any) -> Weights:
    """A folder of VideoLLaMA3's format; `twice`: the tower's name as their training code saves it."""
    tokenizer = chatml(["<|image_pad|>", "<|video_pad|>", "<image>"], "")
    tokenizer.chat_template = None
    tokenizer.save_pretrained(folder)
    vocabulary = -(-len(tokenizer) // 8) * 8
    vision = "model.vision_encoder." + ("vision_encoder." if twice else "")
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (vocabulary, WIDTH),
        "lm_head.weight": (vocabulary, WIDTH),
        **decoder("model.", bias=True),
        f"{vision}embeddings.patch_embedding.weight": (TOWER_WIDTH, 3, PATCH, PATCH),
        f"{vision}embeddings.patch_embedding.bias": (TOWER_WIDTH,),
        **_norm(f"{vision}post_layernorm", TOWER_WIDTH),
        **_linear("model.mm_projector.readout.0", WIDTH, TOWER_WIDTH),
        **_linear("model.mm_projector.readout.2", WIDTH, WIDTH),
    }
    for number in range(TOWER_LAYERS):
        layer = f"{vision}encoder.layers.{number}."
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            shapes |= _linear(f"{layer}self_attn.{part}", TOWER_WIDTH, TOWER_WIDTH)
        shapes |= {
            **_linear(f"{layer}mlp.fc1", TOWER_WIDE, TOWER_WIDTH),
            **_linear(f"{layer}mlp.fc2", TOWER_WIDTH, TOWER_WIDE),
            **_norm(f"{layer}layer_norm1", TOWER_WIDTH),
            **_norm(f"{layer}layer_norm2", TOWER_WIDTH),
        }
    weights = random_weights(shapes)
    config = {
        "architectures": ["Videollama3Qwen2ForCausalLM"],
        "model_type": "videollama3_qwen2",
        "auto_map": {"AutoModelForCausalLM": "modeling_videollama3.Videollama3Qwen2ForCausalLM"},
        "hidden_size": WIDTH,
        "intermediate_size": WIDE,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV,
        "rms_norm_eps": 1e-6,
        "rope_theta": 1000000.0,
        "rope_scaling": None,
        "max_position_embeddings": 4096,
        "tie_word_embeddings": False,
        "vocab_size": vocabulary,
        "eos_token_id": 2,
        "image_token_index": tokenizer.convert_tokens_to_ids("<image>"),
        "mm_projector_type": "mlp2x_gelu",
        "use_token_compression": True,
        "vision_encoder": None,
        "vision_encoder_config": {
            "model_type": "videollama3_vision_encoder",
            "hidden_size": TOWER_WIDTH,
            "intermediate_size": TOWER_WIDE,
            "num_hidden_layers": TOWER_LAYERS,
            "num_attention_heads": 2,
            "patch_size": PATCH,
            "hidden_act": "gelu_pytorch_tanh",
            "layer_norm_eps": 1e-6,
        },
        **changes,
    }
    _save(folder, config, weights)
    # At most 16 cells of 14 x 14 pixels, of all frames together.
    (folder / "preprocessor_config.json").write_text(json.dumps({"min_tokens": 1, "max_tokens": 16}))
    return weights


def _save(folder: Path, config: dict[str, Any], weights: Weights, *, shards: int = 2) -> None:
    """Weights in several files with an index, as large checkpoints have them."""
    config.pop("clip", None)
    (folder / "config.json").write_text(json.dumps(config))
    names = sorted(weights)
    weight_map: dict[str, str] = {}
    for number in range(shards):
        file = f"model-{number + 1:05}-of-{shards:05}.safetensors"
        chosen = names[number::shards]
        save_file({name: weights[name] for name in chosen}, folder / file, {"format": "pt"})
        weight_map |= dict.fromkeys(chosen, file)
    index = {"metadata": {}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


WRITERS: dict[str, Callable[[Path], Weights]] = {
    **{name: (lambda folder, name=name: write_llava(folder, name)) for name in LLAVA},
    "pllava": write_pllava,
    "llava_next": lambda folder: write_pllava(folder, base=True),
    "mini_internvl": write_internvl,
    "internvideo2_5": lambda folder: write_internvl(folder, hico=True),
    "videollama3": write_videollama3,
}
"""Every kind of original checkpoint by name."""
