"""PLLaVA's format: LLaVA-NeXT-7B and -13B tuned on video, and the image models that they began as.

Map the Flow loads its image-only LLaVA-NeXT in PLLaVA too, so that both differ in nothing but their weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.errors import ModelError
from workbench.models.checkpoints.config import described
from workbench.models.checkpoints.folder import CheckpointFolder
from workbench.models.checkpoints.originals.original import Becomes, Original, Shapes, refuse, renaming
from workbench.models.checkpoints.originals.templates import chat

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_RULES = (
    (r"language_model\.lm_head\.", "lm_head."),
    (r"language_model\.model\.", "model.language_model."),
    (r"vision_tower\.vision_model\.", "model.vision_tower."),
    (r"multi_modal_projector\.", "model.multi_modal_projector."),
    (r"image_newline$", "model.image_newline"),
)
POOLING = (8, 12, 12)
"""Frames, rows and columns; what Map the Flow gives a checkpoint that does not say (scripts/analysis)."""
_TEMPLATE = chat("", "USER: ", " ", "ASSISTANT:", video="<image>\n USER: ")


class Pllava(Original):
    """`PllavaForConditionalGeneration`."""

    name = "PLLaVA"
    models = "byminji/LLaVA-NeXT-7B-Video-FT, byminji/LLaVA-NeXT-13B-Video-FT"
    architectures = frozenset({"PllavaForConditionalGeneration"})
    telling = "pooling_shape"
    weight = r"(model\.)?(language_model|multi_modal_projector)\."

    def placeholder(self, folder: CheckpointFolder) -> str:
        return "<image>"

    def becomes(
        self, folder: CheckpointFolder, shapes: Shapes, tokenizer: PreTrainedTokenizerBase
    ) -> Becomes:
        from transformers import CLIPVisionConfig, LlamaConfig

        said = described(folder.config)
        shape = said.get("pooling_shape", POOLING)
        if not (isinstance(shape, list | tuple) and len(shape) == 3 and all(type(n) is int for n in shape)):
            raise refuse(
                folder, f"pooling_shape = {shape!r:.60}; it has three numbers, frames, rows, columns."
            )
        if (method := said.get("pooling_method", "avg")) != "avg":
            raise refuse(folder, f"pooling_method = {method!r:.60}; only 'avg' can be converted.")
        if any("lora_" in name for name in shapes):
            raise ModelError(
                f"{folder.path} holds LoRA weights beside the model's. Merge them first (peft, "
                "merge_and_unload), save the model, and convert that."
            )
        text = _part(folder, said, "text_config", "llama", LlamaConfig)
        tower = _part(folder, said, "vision_config", "clip_vision_model", CLIPVisionConfig)
        token = tokenizer.convert_tokens_to_ids(self.placeholder(folder))
        wanted = said.get("image_token_index", token)
        if token != wanted:
            raise refuse(
                folder,
                f"image_token_index = {wanted}, and the tokenizer writes <image> as {token}. Copy the "
                "tokenizer's files from the original checkpoint.",
            )
        side = tower["image_size"]
        own = {"model.image_newline": (text["hidden_size"],)}
        return Becomes(
            config={
                "model_type": "llava_pooled",
                "architectures": ["PooledLlavaForConditionalGeneration"],
                "text_config": text,
                "vision_config": tower,
                "video_token_index": token,
                "image_token_index": token,
                "projector_hidden_act": said.get("projector_hidden_act", "gelu"),
                "vision_feature_layer": said.get("vision_feature_layer", -2),
                "vision_feature_select_strategy": said.get("vision_feature_select_strategy", "default"),
                "pool_mode": "adaptive",
                "pool_cells": list(shape[1:]),
                "newlines": "no_token",
                "paper_setting": "llava_next",
            },
            rename=renaming(_RULES),
            pixels={
                "size": {"shortest_edge": side},
                "do_center_crop": True,
                "crop_size": {"height": side, "width": side},
                "resample": 3,
            },
            template=_TEMPLATE,
            zeros={} if {"image_newline", "model.image_newline"} & set(shapes) else own,
        )


class LlavaNext(Pllava):
    """`LlavaNextForConditionalGeneration`: an image model, which becomes a PLLaVA."""

    name = "llava_next"
    models = "llava-hf/llava-v1.6-vicuna-7b-hf, llava-hf/llava-v1.6-vicuna-13b-hf"
    architectures = frozenset({"LlavaNextForConditionalGeneration"})
    telling = "llava_next"


def _part(
    folder: CheckpointFolder, said: dict[str, Any], key: str, kind: str, config_class: Any
) -> dict[str, Any]:
    """The config of the decoder or the tower, of which the file says what is not the class's default."""
    part = said.get(key)
    if not isinstance(part, dict) or part.get("model_type", kind) != kind:
        other = part.get("model_type") if isinstance(part, dict) else part
        raise refuse(folder, f"{key} is {other!r:.60}; only {kind!r} can be converted.")
    if key == "text_config" and "vocab_size" in said:
        part = {"vocab_size": said["vocab_size"], **part}
    return config_class(**{name: value for name, value in part.items() if name != "model_type"}).to_dict()
