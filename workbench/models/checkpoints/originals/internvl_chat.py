"""InternVL's own format: Mini-InternVL-4B and its Video-FT (Phi-3), InternVideo2.5-8B (InternLM2, HiCo)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workbench.errors import ModelError
from workbench.models.checkpoints.config import described
from workbench.models.checkpoints.folder import CheckpointFolder
from workbench.models.checkpoints.originals.original import (
    Becomes,
    Original,
    Rename,
    Shapes,
    refuse,
    renaming,
    settings_for,
)
from workbench.models.checkpoints.originals.templates import chat

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase

_VISION = "vision_model.encoder.layers."
_LAYER = r"vision_model\.encoder\.layers\.(\d+)\."
_LAYER_TO = r"model.vision_tower.encoder.layer.\1."
_LLM = r"language_model\.model\."
_LLM2 = r"language_model\.model\.layers\.(\d+)\."
_RULES = (
    (r"vision_model\.embeddings\.class_embedding$", "model.vision_tower.embeddings.cls_token"),
    (r"vision_model\.embeddings\.position_embedding$", "model.vision_tower.embeddings.position_embeddings"),
    (
        r"vision_model\.embeddings\.patch_embedding\.",
        "model.vision_tower.embeddings.patch_embeddings.projection.",
    ),
    (_LAYER + r"attn\.proj\.", _LAYER_TO + "attention.projection_layer."),
    (_LAYER + r"attn\.([qk]_norm)\.", _LAYER_TO + r"attention.\2."),
    (_LAYER + r"norm1\.", _LAYER_TO + "layernorm_before."),
    (_LAYER + r"norm2\.", _LAYER_TO + "layernorm_after."),
    (_LAYER + r"ls([12])$", _LAYER_TO + r"lambda_\2"),
    (_LAYER + r"mlp\.", _LAYER_TO + "mlp."),
    (r"mlp1\.0\.", "model.multi_modal_projector.layer_norm."),
    (r"mlp1\.1\.", "model.multi_modal_projector.linear_1."),
    (r"mlp1\.3\.", "model.multi_modal_projector.linear_2."),
)
_INTERNLM2 = (
    (_LLM + r"tok_embeddings\.", "model.language_model.embed_tokens."),
    (r"language_model\.output\.", "lm_head."),
    (_LLM2 + r"attention\.wo\.", r"model.language_model.layers.\1.self_attn.o_proj."),
    (_LLM2 + r"feed_forward\.w1\.", r"model.language_model.layers.\1.mlp.gate_proj."),
    (_LLM2 + r"feed_forward\.w3\.", r"model.language_model.layers.\1.mlp.up_proj."),
    (_LLM2 + r"feed_forward\.w2\.", r"model.language_model.layers.\1.mlp.down_proj."),
    (_LLM2 + r"attention_norm\.", r"model.language_model.layers.\1.input_layernorm."),
    (_LLM2 + r"ffn_norm\.", r"model.language_model.layers.\1.post_attention_layernorm."),
)
_NATIVE = ((r"language_model\.lm_head\.", "lm_head."), (_LLM, "model.language_model."))
_UNUSED = (
    r"(action_embed|temporal_embed|track_embed|track_embed_decoder|box_token|cg_criterion|cg_model|loc_encoder"
    r"|loc_decoder|sam|temporal_token|track_token)\b"
)
"""Parts of InternVideo2.5 for tracking and segmentation, which answers in words never use."""
_HICO, _FRAMES, _ROWS = "hico", 4, 64
"""modeling_internvl_chat_hico2.py: local_num_frames and num_tome_tokens, which no config says."""
_SYSTEM = (
    "你是书生·万象，英文名是InternVL，是由上海人工智能实验室、清华大学"
    "及多家合作单位联合开发的多模态大语言模型。"
)
_TEMPLATES = {
    "phi3-chat": chat("", "<|user|>\n", "<|end|>", "<|assistant|>\n", video="<img><IMG_CONTEXT></img>\n"),
    "internvl2_5": chat(
        f"<|im_start|>system\n{_SYSTEM}<|im_end|>\n",
        "<|im_start|>user\n",
        "<|im_end|>\n",
        "<|im_start|>assistant\n",
        video="<IMG_CONTEXT>\n",
    ),
}
"""Conversation templates of the InternVL repository by name, `template` in config.json."""


class InternVLChat(Original):
    """`InternVLChatModel`."""

    name = "InternVL"
    models = (
        "OpenGVLab/Mini-InternVL-Chat-4B-V1-5, byminji/Mini-InternVL-4B-Video-FT, "
        "OpenGVLab/InternVideo2_5_Chat_8B"
    )
    architectures = frozenset({"InternVLChatModel"})
    telling = "llm_config"
    weight = r"(vision_model|language_model|mlp1)\."

    def placeholder(self, folder: CheckpointFolder) -> str:
        return "<IMG_CONTEXT>"

    def becomes(
        self, folder: CheckpointFolder, shapes: Shapes, tokenizer: PreTrainedTokenizerBase
    ) -> Becomes:
        said = folder.config
        _check(folder, shapes)
        kind, text = _text(folder)
        merges = _merges(folder, kind, shapes)
        tower = _tower(folder)
        width, height = tower["image_size"]
        names = renaming(
            [*_RULES, *(_INTERNLM2 if kind == "InternLM2ForCausalLM" else ()), *_NATIVE], dropped=[_UNUSED]
        )
        return Becomes(
            config={
                "model_type": "internvl_video",
                "architectures": ["InternVLVideoForConditionalGeneration"],
                "text_config": text,
                "vision_config": tower,
                "image_token_id": tokenizer.convert_tokens_to_ids(self.placeholder(folder)),
                "downsample_ratio": said.get("downsample_ratio", 0.5),
                "vision_feature_layer": said.get("select_layer", -1),
                "tie_word_embeddings": False,
                "merge_frames": _FRAMES if merges else 1,
                "merge_tokens": _ROWS if merges else None,
                "image_marks": "frame" if merges else "video",
                "paper_setting": "internvideo2_5" if merges else "mini_internvl",
            },
            rename=_split(names, text),
            pixels={
                "size": {"height": height, "width": width},
                "image_mean": [0.485, 0.456, 0.406],
                "image_std": [0.229, 0.224, 0.225],
                "resample": 3,
            },
            template=_TEMPLATES["internvl2_5" if merges else "phi3-chat"],
        )


def _check(folder: CheckpointFolder, shapes: Shapes) -> None:
    said = folder.config
    if (version := said.get("ps_version", "v1")) != "v2":
        raise refuse(
            folder,
            f"ps_version is {version!r:.40}: its pixel shuffle turns every frame on its side. transformers' "
            "class computes v2, which all checkpoints that are known here say. Use one of those.",
        )
    if any("lora_" in name for name in shapes) or said.get("use_backbone_lora") or said.get("use_llm_lora"):
        raise ModelError(
            f"{folder.path} holds LoRA weights beside the model's. Merge them first (peft, "
            "merge_and_unload), save the model, and convert that."
        )


def _text(folder: CheckpointFolder) -> tuple[str, dict[str, Any]]:
    """The architecture of the language model, and its config as transformers' own class has it."""
    from transformers import LlamaConfig, Phi3Config, Qwen2Config

    llm = folder.config.get("llm_config")
    named = llm.get("architectures") if isinstance(llm, dict) else None
    kind = str(named[0]) if isinstance(named, list) and named else ""
    classes: dict[str, Any] = {
        "Phi3ForCausalLM": Phi3Config,
        "InternLM2ForCausalLM": LlamaConfig,
        "LlamaForCausalLM": LlamaConfig,
        "Qwen2ForCausalLM": Qwen2Config,
    }
    if kind not in classes or not isinstance(llm, dict):
        raise refuse(folder, f"llm_config.architectures = {named!r:.80}; known are {', '.join(classes)}.")
    llm = described(llm)
    scaling = llm.get("rope_scaling")
    if isinstance(scaling, dict) and scaling.get("type") == "su":
        llm["rope_scaling"] = {**scaling, "type": "longrope"}  # its name today
    own = {"attention_bias": llm.get("bias", True)} if kind == "InternLM2ForCausalLM" else {}
    return kind, settings_for(classes[kind], llm, **own)


def _merges(folder: CheckpointFolder, kind: str, shapes: Shapes) -> bool:
    """Whether this is InternVideo2.5, which merges tokens: nothing but the name of its code says so.

    Raises ModelError where it may be, and does not say.
    """
    code = folder.config.get("auto_map")
    if isinstance(code, dict):
        return any(_HICO in str(place) for place in code.values())
    if kind == "InternLM2ForCausalLM" or any(re.match(_UNUSED, name) for name in shapes):
        raise refuse(
            folder,
            "auto_map is missing, and nothing else tells InternVideo2.5, which merges the tokens of four "
            "frames, from InternVL2 with the same language model. Copy config.json again from the original "
            "checkpoint.",
        )
    return False


def _tower(folder: CheckpointFolder) -> dict[str, Any]:
    from transformers.models.internvl import InternVLVisionConfig

    said = folder.config.get("vision_config")
    said = described(said) if isinstance(said, dict) else {}
    if said.get("qk_normalization") and said.get("layer_norm_eps", 1e-6) != 1e-6:
        raise refuse(folder, "vision_config normalises queries with another layer_norm_eps than 1e-06.")
    side = folder.config.get("force_image_size") or said.get("image_size", 448)
    return settings_for(
        InternVLVisionConfig,
        said,
        image_size=[side, side],
        patch_size=[said.get("patch_size", 14)] * 2,
        attention_bias=said.get("qkv_bias", False),
        use_qk_norm=said.get("qk_normalization", True),
        norm_type=said.get("norm_type", "rms_norm"),
        use_mean_pooling=True,  # no norm behind the last layer
    )


def _split(names: Rename, text: Mapping[str, Any]) -> Rename:
    """`names`, and the joint weights of attention taken apart."""
    heads, kv = text["num_attention_heads"], text["num_key_value_heads"] or text["num_attention_heads"]

    def rename(name: str, weight: Tensor) -> Mapping[str, Tensor]:
        if name.startswith(_VISION) and ".attn.qkv." in name:
            layer, _, end = name.removeprefix(_VISION).partition(".attn.qkv.")
            place = f"model.vision_tower.encoder.layer.{layer}.attention."
            return {f"{place}{part}_proj.{end}": w for part, w in zip("qkv", weight.chunk(3), strict=True)}
        if name.startswith("language_model.model.layers.") and ".attention.wqkv." in name:
            layer, _, end = name.removeprefix("language_model.model.layers.").partition(".attention.wqkv.")
            place = f"model.language_model.layers.{layer}.self_attn."
            # By key head: its query heads, its key, its value.
            groups = weight.unflatten(0, (kv, heads // kv + 2, -1))
            parts = {
                "q": groups[:, :-2].flatten(0, 2),
                "k": groups[:, -2].flatten(0, 1),
                "v": groups[:, -1].flatten(0, 1),
            }
            return {f"{place}{part}_proj.{end}": w for part, w in parts.items()}
        return names(name, weight)

    return rename
