"""Runs authors' own code on a tiny checkpoint, in a Python that has the transformers that it was written for.

    python theirs.py KIND CODE FOLDER INPUTS OUT

CODE is a folder with clones of their repositories, FOLDER the checkpoint, OUT where the logits (s, vocab) go.
INPUTS is a safetensors file with `full_ids` (1 s), `input_ids` (IMAGE in place of the video), the id `token`
of the video token, and what the forward takes: `pixels`. Nothing of the workbench is imported.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import nn

IMAGE = -200
"""Where the inputs have the video: once, for all its rows."""
NOT_NEEDED = ("av", "decord", "open_clip", "deepspeed", "cv2")
"""What their modules import for readers of videos, training and GPUs."""


# A torchvision that was built for CUDA lacks the names of its operators beside a torch without it.
_LIBRARY = torch.library.Library("torchvision", "DEF")
_LIBRARY.define("nms(Tensor boxes, Tensor scores, float threshold) -> Tensor")
_LIBRARY.define("qnms(Tensor boxes, Tensor scores, float threshold) -> Tensor")


def weights_in(folder: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = {}
    for path in sorted(folder.glob("*.safetensors")):
        found |= load_file(path)
    return found


def put(model: nn.Module, weights: dict[str, torch.Tensor]) -> Any:
    """The model with these weights: every one has a place, and every place one."""
    lacking, left = model.load_state_dict(weights, strict=False)
    lacking = [name for name in lacking if not name.endswith((".position_ids", "inv_freq"))]
    assert not lacking, lacking
    assert not left, left
    return model.eval()


def bare(place: Path, *packages: str) -> None:
    """Lets modules of these packages be imported without what their __init__ imports."""
    sys.path.insert(0, str(place))
    for name in packages:
        package = ModuleType(name)
        package.__path__ = [str(place.joinpath(*name.split(".")))]
        sys.modules[name] = package
    for name in NOT_NEEDED:
        sys.modules[name] = MagicMock(__spec__=ModuleSpec(name, None))


def llava(code: Path, folder: Path, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """LLaVA-NeXT's and LongVA's LlavaQwenForCausalLM, with a tower of the checkpoint's size."""
    config = json.loads((folder / "config.json").read_text())
    weights = weights_in(folder)
    clip = "clip" in config.pop("mm_vision_tower")
    repository, package = ("LongVA/longva", "longva") if clip else ("LLaVA-NeXT", "llava")
    bare(code / repository, package, f"{package}.model")

    qwen = import_module(f"{package}.model.language_model.llava_qwen")
    projector = import_module(f"{package}.model.multimodal_projector.builder")
    resampler = import_module(f"{package}.model.multimodal_resampler.builder")
    said = qwen.LlavaQwenConfig(**config, attn_implementation="eager")
    model = qwen.LlavaQwenForCausalLM(said)
    prefix = "model.vision_tower.vision_tower.vision_model."
    tower = _tower(
        package, clip, {n.removeprefix(prefix): w for n, w in weights.items() if n.startswith(prefix)}
    )
    model.model.vision_tower = tower
    model.model.mm_projector = projector.build_vision_projector(said, vision_cfg=tower.config)
    model.model.vision_resampler = resampler.build_vision_resampler(said, vision_tower=tower)
    if "unpad" in said.mm_patch_merge_type:
        model.model.image_newline = nn.Parameter(torch.zeros(said.hidden_size))
    put(model, weights)
    return model(
        input_ids=inputs["input_ids"],
        images=[inputs["pixels"]],
        image_sizes=[(0, 0)],
        modalities=["video"],
        use_cache=False,
    ).logits[0]


def _tower(package: str, clip: bool, weights: dict[str, torch.Tensor]) -> Any:
    """Their tower class around a vision model of the weights' sizes, which they build at one size only."""
    patch = weights["embeddings.patch_embedding.weight"].shape[-1]
    width, wide = (
        weights["embeddings.patch_embedding.weight"].shape[0],
        len(weights["encoder.layers.0.mlp.fc1.bias"]),
    )
    side = int((len(weights["embeddings.position_embedding.weight"]) - clip) ** 0.5) * patch
    layers = 1 + max(int(name.split(".")[2]) for name in weights if name.startswith("encoder.layers."))
    sizes: dict[str, Any] = {
        "hidden_size": width,
        "intermediate_size": wide,
        "patch_size": patch,
        "image_size": side,
        "num_attention_heads": 16,
    }
    if clip:
        theirs = import_module(f"{package}.model.multimodal_encoder.clip_encoder").CLIPVisionTower
        config: Any = transformers.CLIPVisionConfig(
            **sizes, num_hidden_layers=layers, hidden_act="quick_gelu"
        )
        model: Any = transformers.CLIPVisionModel(config)
    else:
        module = import_module(f"{package}.model.multimodal_encoder.siglip_encoder")
        theirs = module.SigLipVisionTower
        config = module.SigLipVisionConfig(**sizes, num_hidden_layers=layers + 1)
        model = module.SigLipVisionModel(config)
        del model.vision_model.encoder.layers[-1:]
        model.vision_model.head = nn.Identity()
    tower = theirs.__new__(theirs)
    nn.Module.__init__(tower)
    tower.is_loaded = True
    tower.vision_tower = model
    tower.select_layer, tower.select_feature = -2, "patch"
    if not clip:  # whose config is the model's
        tower.config = config
    return tower


def pllava(code: Path, folder: Path, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Map the Flow's PLLaVA, which it loads LLaVA-NeXT in too."""
    bare(code / "map-the-flow", "models", "models.pllava", "utils")
    settings = import_module("models.pllava.configuration_pllava").PllavaConfig
    theirs = import_module("models.pllava.modeling_pllava").PllavaForConditionalGeneration
    said = json.loads((folder / "config.json").read_text())
    frames = len(inputs["pixels"])
    tower = said["vision_config"]
    side = tower["image_size"] // tower["patch_size"]
    own = {"pooling_shape": (frames, *said.get("pooling_shape", (8, 12, 12))[1:]), "num_frames": frames}
    config = settings(**{**said, **own, "frame_shape": (side, side), "force_eager": True})
    model = put(theirs(config), {n: w for n, w in weights_in(folder).items() if n != "image_newline"})
    ids = inputs["input_ids"].masked_fill(inputs["input_ids"] == IMAGE, said["image_token_index"])
    return model(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        pixel_values=inputs["pixels"],
        media_type="video",
        use_cache=False,
    ).logits[0]


def internvl(code: Path, folder: Path, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Map the Flow's InternVLChatModel. InternVideo2.5 is wired as its hub code is (extract_feature of
    modeling_internvl_chat_hico2.py), with VideoChat-Flash's token merging, of which it has a copy."""
    packages = ("models", "models.internvl", "models.internlm2", "models.phi3", "utils")
    bare(code / "map-the-flow", *packages)
    sys.modules["peft"] = MagicMock(__spec__=ModuleSpec("peft", None))
    settings = import_module("models.internvl.configuration_internvl_chat").InternVLChatConfig
    theirs = import_module("models.internvl.modeling_internvl_chat").InternVLChatModel
    said = json.loads((folder / "config.json").read_text())
    hico = "hico" in said["auto_map"]["AutoModel"]
    pixels = inputs["pixels"]
    ids = inputs["input_ids"]
    config = settings(**{**said, "num_frames": len(pixels), "force_eager": True})
    config.img_context_token_id = context = int(inputs["token"])
    unused = ("track_embed", "sam.")
    model = put(theirs(config), {n: w for n, w in weights_in(folder).items() if not n.startswith(unused)})
    if not hico:
        ids = ids.masked_fill(ids == IMAGE, context)
        mask = torch.ones_like(ids)
        return model(input_ids=ids, attention_mask=mask, pixel_values=pixels, use_cache=False).logits[0]
    sys.path.insert(0, str(code / "VideoChat-Flash/llava-train_videochat/llava/model/multimodal_projector"))
    merging: Any = import_module("tome16_mlp_hd64").ToMe16_mlp_hd64
    rows = model.vision_model(pixel_values=pixels, return_dict=True).last_hidden_state[:, 1:]
    side = int(rows.shape[1] ** 0.5)
    rows = model.pixel_shuffle(rows.reshape(len(rows), side, side, -1), scale_factor=model.downsample_ratio)
    groups = rows.reshape(len(pixels) // 4, -1, rows.shape[-1])
    heads = MagicMock(num_attention_heads=config.llm_config.num_attention_heads)
    shown = model.mlp1(merging.merge_tokens(heads, groups, target_num_token=64)).flatten(0, 1)
    ids = inputs["full_ids"]
    embedded = model.language_model.get_input_embeddings()(ids)
    embedded[ids == context] = shown
    mask = torch.ones_like(ids)
    return model.language_model(inputs_embeds=embedded, attention_mask=mask, use_cache=False).logits[0]


def videollama3(code: Path, folder: Path, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """VideoLLaMA3's code for the hub, without compression of tokens, as Map the Flow runs it."""
    place = code / "VideoLLaMA3/inference"
    bare(place, "transformers_api")
    settings = import_module("transformers_api.configuration_videollama3").Videollama3Qwen2Config
    theirs = import_module("transformers_api.modeling_videollama3").Videollama3Qwen2ForCausalLM
    said = json.loads((folder / "config.json").read_text())
    # Flash attention is what they run. Without a GPU that leaves sdpa, which misnames its last projection;
    # their eager attention adds its boolean mask to the scores, so that frames see one another.
    tower: Any = import_module("transformers_api.modeling_videollama3_encoder").VisionSdpaAttention
    tower.proj = property(lambda attention: attention.out_proj)
    config = settings(**{**said, "use_token_compression": False}, attn_implementation="sdpa")
    model = put(theirs(config), weights_in(folder))
    ids = inputs["full_ids"]
    return model(
        input_ids=ids.masked_fill(ids == inputs["token"], said["image_token_index"]),
        pixel_values=inputs["pixels"],
        grid_sizes=inputs["video_grid_thw"],
        merge_sizes=inputs["video_merge_sizes"],
        modals=["video"],
        use_cache=False,
    ).logits[0]


KINDS: dict[str, Callable[[Path, Path, dict[str, torch.Tensor]], torch.Tensor]] = {
    "llava": llava,
    "pllava": pllava,
    "internvl": internvl,
    "videollama3": videollama3,
}

if __name__ == "__main__":
    kind, code, folder, given, out = sys.argv[1:]
    with torch.no_grad():
        logits = KINDS[kind](Path(code), Path(folder), load_file(given))
    save_file({"logits": logits.float().contiguous()}, out)
