"""The format of the LLaVA-NeXT repository: LongVA, LLaVA-Video, LLaVA-OneVision, LLaVA-NeXT-Video-32B.

A Qwen2 checkpoint with the tower and the projector inside. Its config names the tower instead of describing
it, so that the tower's sizes are read off its weights.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from workbench.errors import ModelError
from workbench.models.checkpoints.config import described
from workbench.models.checkpoints.folder import CheckpointFolder
from workbench.models.checkpoints.originals.original import (
    Becomes,
    Original,
    Shapes,
    refuse,
    renaming,
    settings_for,
)
from workbench.models.checkpoints.originals.templates import CHATML

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_TOWER = "model.vision_tower.vision_tower.vision_model."
_RULES = (
    (r"model\.vision_tower\.vision_tower\.vision_model\.", "model.vision_tower."),
    (r"model\.mm_projector\.0\.", "model.multi_modal_projector.linear_1."),
    (r"model\.mm_projector\.2\.", "model.multi_modal_projector.linear_2."),
    (r"model\.(embed_tokens|layers|norm)\.", r"model.language_model.\1."),
)
_MODES = ("average", "bilinear", "max")
_HEADS = 16  # of both towers, CLIP ViT-L/14 and SigLIP so400m, which their weights do not tell
_HALF = [0.5, 0.5, 0.5]


class Llava(Original):
    """`LlavaQwenForCausalLM`."""

    name = "llava"
    models = (
        "lmms-lab/LongVA-7B, lmms-lab/LLaVA-Video-7B-Qwen2, lmms-lab/LLaVA-NeXT-Video-32B-Qwen, "
        "lmms-lab/llava-onevision-qwen2-7b-ov"
    )
    architectures = frozenset({"LlavaQwenForCausalLM"})
    telling = "mm_projector_type"
    weight = r"model\.mm_projector\."

    def becomes(
        self, folder: CheckpointFolder, shapes: Shapes, tokenizer: PreTrainedTokenizerBase
    ) -> Becomes:
        from transformers import Qwen2Config

        said = folder.config
        _check(folder)
        clip, tower = _tower(folder, shapes)
        token = tokenizer.convert_tokens_to_ids(self.placeholder(folder))
        newlines = _newlines(folder)
        text = settings_for(Qwen2Config, described(said), rope_scaling=None)  # as LlavaQwenForCausalLM has it
        side = tower["image_size"]
        size: Any = {"shortest_edge": side} if clip else {"height": side, "width": side}
        config = {
            "model_type": "llava_pooled",
            "architectures": ["PooledLlavaForConditionalGeneration"],
            "text_config": text,
            "vision_config": tower,
            "video_token_index": token,
            "image_token_index": token,
            # The tower of SigLIP ends before its last layer, which its authors' code removes.
            "vision_feature_layer": said.get("mm_vision_select_layer", -2) if clip else -1,
            "vision_feature_select_strategy": "default" if clip else "full",
            "pool_mode": said.get("mm_spatial_pool_mode") or "bilinear",
            "pool_stride": said.get("mm_spatial_pool_stride") or 2,
            "newlines": newlines,
            "tie_word_embeddings": said.get("tie_word_embeddings", False),
            "paper_setting": _paper(clip, newlines, text["hidden_size"]),
        }
        unused = {} if "model.image_newline" in shapes else {"model.image_newline": (text["hidden_size"],)}
        return Becomes(
            config=config,
            rename=renaming(_RULES),
            pixels={
                "size": size,
                "do_center_crop": clip,
                "crop_size": {"height": side, "width": side},
                "resample": 3,
                **({} if clip else {"image_mean": _HALF, "image_std": _HALF}),
            },
            template=CHATML,
            zeros=unused if newlines == "no_token" else {},
        )


def _check(folder: CheckpointFolder) -> None:
    said = folder.config
    if said.get("add_faster_video"):
        raise refuse(
            folder,
            "add_faster_video puts coarser frames and tokens of their own between the frames, "
            "which is not built here. Use a checkpoint without it.",
        )
    if (kind := said.get("mm_projector_type")) != "mlp2x_gelu":
        raise refuse(folder, f"mm_projector_type = {kind!r:.60}; only 'mlp2x_gelu' can be converted.")
    if (mode := said.get("mm_spatial_pool_mode")) and mode not in _MODES:
        raise refuse(folder, f"mm_spatial_pool_mode = {mode!r:.60}; known are {', '.join(_MODES)}.")
    if (feature := said.get("mm_vision_select_feature", "patch")) != "patch":
        raise refuse(folder, f"mm_vision_select_feature = {feature!r:.60}; only 'patch' can be converted.")


def _newlines(folder: CheckpointFolder) -> str:
    """Where newlines stand: mm_newline_position, for a merge type that has newlines at all."""
    merge = str(folder.config.get("mm_patch_merge_type") or "flat")
    if merge in ("flat", "unires"):  # unires is LongVA's
        return "no_token"
    where = folder.config.get("mm_newline_position", "one_token")
    if not merge.startswith("spatial") or where not in ("grid", "frame", "one_token", "no_token"):
        raise refuse(
            folder,
            f"mm_patch_merge_type = {merge!r:.60} with mm_newline_position = {where!r:.60} is unknown. "
            "Known are flat, unires and spatial..; grid, frame, one_token and no_token.",
        )
    return "no_token" if where == "one_token" and "unpad" not in merge else where


def _tower(folder: CheckpointFolder, shapes: Shapes) -> tuple[bool, dict[str, Any]]:
    """Whether the tower is CLIP's, and its config. Raises ModelError for another than CLIP's and SigLIP's."""
    from transformers import CLIPVisionConfig, SiglipVisionConfig

    name = str(folder.config.get("mm_vision_tower") or "")
    own = {key.removeprefix(_TOWER): stored.shape for key, stored in shapes.items() if key.startswith(_TOWER)}
    if not own:
        raise ModelError(
            f"{folder.path} has no weights of the vision tower ({name!r:.80}): the checkpoint was saved "
            "without it. Save the tower's weights as a safetensors file there, under names that begin with "
            f"{_TOWER}, and list them in model.safetensors.index.json."
        )
    try:
        patch, positions = (
            own["embeddings.patch_embedding.weight"],
            own["embeddings.position_embedding.weight"],
        )
        wide = own["encoder.layers.0.mlp.fc1.weight"][0]
    except KeyError as lacking:
        raise ModelError(
            f"{folder.path}: the vision tower has no {lacking.args[0]}, so it is no CLIP and no SigLIP "
            f"({name!r:.80}), which are the towers that can be converted."
        ) from None
    clip = "embeddings.class_embedding" in own
    sizes: dict[str, Any] = {
        "hidden_size": patch[0],
        "patch_size": patch[-1],
        "intermediate_size": wide,
        "num_hidden_layers": 1
        + max(int(key.split(".")[2]) for key in own if key.startswith("encoder.layers.")),
        "num_attention_heads": _HEADS,
        # CLIP has a position for its class token.
        "image_size": math.isqrt(positions[0] - clip) * patch[-1],
    }
    if clip:
        return True, CLIPVisionConfig(**sizes, projection_dim=768, hidden_act="quick_gelu").to_dict()
    # 384 is no multiple of 14: the number of patches is what counts, and frames have 384 pixels.
    if sizes["patch_size"] == 14 and math.isqrt(positions[0]) == 27:
        sizes["image_size"] = 384
    return False, SiglipVisionConfig(**sizes, vision_use_head=False).to_dict()


def _paper(clip: bool, newlines: str, width: int) -> str:
    if clip:
        return "longva"
    if newlines == "grid":
        return "llava_next_video_32b" if width > 4096 else "llava_video"
    return "llava_onevision"
