"""Models of real sizes as a user has them: a checkpoint is loaded, a clip encoded, Map the Flow's set swept.

Weights are random, so no download is needed; tokenizers and templates are those of the tests' tiny models, so
this is run from the repository. See README.md.
"""

from __future__ import annotations

import json
import resource
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
import tyro
from transformers import AutoConfig

import workbench as wb
from benchmarks.knockouts import work_of
from benchmarks.saving import RESULTS, save
from benchmarks.timing import finish
from tests.tiny import tiny_folder, tiny_sample
from workbench.engine import ENGINES, Request
from workbench.models import FAMILIES
from workbench.video import Clip

_CLIP = {"image_size": 336, "patch_size": 14, "hidden_size": 1024, "intermediate_size": 4096}
_CLIP |= {"num_hidden_layers": 24, "num_attention_heads": 16, "projection_dim": 768}


class Size(NamedTuple):
    """A family, and what its config says at this size."""

    family: str
    text: dict[str, Any]
    vision: dict[str, Any]
    pixels: dict[str, Any]
    """Changes of video_preprocessor_config.json."""
    frames: int = 8


def _decoder(width: int, inner: int, layers: int, heads: int, kv: int, vocabulary: int) -> dict[str, Any]:
    return {
        "hidden_size": width,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv,
        "head_dim": width // heads,
        "vocab_size": vocabulary,
        "max_position_embeddings": 32768,
    }


_SQUARE = {"size": {"shortest_edge": 336}, "crop_size": {"height": 336, "width": 336}}
SIZES = {
    "tiny": Size("llava_next_video", {}, {}, {}, frames=4),
    "llava-next-7b": Size("llava_next_video", _decoder(4096, 11008, 32, 32, 32, 32064), _CLIP, _SQUARE),
    "qwen3-vl-8b": Size(
        "qwen3_vl",
        {
            **_decoder(4096, 12288, 36, 32, 8, 151936),
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 5e6,
                "mrope_section": [24, 20, 20],
                "mrope_interleaved": True,
            },
        },
        {
            "depth": 27, "hidden_size": 1152, "intermediate_size": 4304, "num_heads": 16,
            "out_hidden_size": 4096, "patch_size": 16, "num_position_embeddings": 2304,
            "deepstack_visual_indexes": [8, 16, 24],
        },
        # 16 frames of 384 x 384: 8 units of 144 rows.
        {"patch_size": 16, "size": {"shortest_edge": 16 * 384**2, "longest_edge": 16 * 384**2}},
        frames=16,
    ),
    "llava-next-13b": Size("llava_next_video", _decoder(5120, 13824, 40, 40, 40, 32064), _CLIP, _SQUARE),
    # LLaVA-NeXT-Video-32B has Qwen1.5's decoder; 32 frames of 144 rows.
    "llava-next-32b": Size(
        "llava_next_video", _decoder(5120, 27392, 64, 40, 8, 152064), _CLIP, _SQUARE, frames=32
    ),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Which size, and where it lies."""

    size: Literal["tiny", "llava-next-7b", "qwen3-vl-8b", "llava-next-13b", "llava-next-32b"] = (
        "llava-next-7b"
    )
    device: str = "cuda"
    device_map: Literal["auto"] | None = None
    load_in: Literal["4bit", "8bit"] | None = None
    repeats: int = 2
    """Whole sweeps that are timed, after one that is not; the last one counts."""
    scratch: Path | None = None
    """Where the checkpoint is written for a while: twice the parameters in bytes."""
    checkpoint: Path | None = None
    """One that an earlier call left (`keep`)."""
    keep: bool = False
    """Leave the checkpoint in `scratch`."""
    out: Path = RESULTS


def write(size: Size, folder: Path, device: torch.device) -> None:
    """A checkpoint with random weights, in bfloat16, or float32 on a CPU."""
    shutil.copytree(tiny_folder(size.family), folder, ignore=shutil.ignore_patterns("*.safetensors*"))
    read = json.loads((folder / "config.json").read_text())
    read["text_config"] |= size.text
    read["vision_config"] |= size.vision
    if size.text:
        read["text_config"].pop("layer_types", None)
    (folder / "config.json").write_text(json.dumps(read))
    at = folder / "video_preprocessor_config.json"
    at.write_text(json.dumps(json.loads(at.read_text()) | size.pixels))
    config = AutoConfig.from_pretrained(folder)
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.bfloat16 if device.type == "cuda" else torch.float32)
        with device:
            hf: Any = FAMILIES[size.family].load_class()(config)
    finally:
        torch.set_default_dtype(before)
    hf.save_pretrained(folder, max_shard_size="5GB")


def clip_of(frames: int) -> Clip:
    """Coloured noise, 384 x 384, two frames a second."""
    coarse = np.random.default_rng(0).integers(0, 256, (frames, 24, 24, 3), dtype=np.uint8)
    return Clip(
        frames=coarse.repeat(16, axis=1).repeat(16, axis=2),
        timestamps=0.25 + 0.5 * np.arange(frames),
        path=None,
        duration=frames / 2,
    )


def main(settings: Settings) -> None:
    size, device = SIZES[settings.size], torch.device(settings.device)
    scratch = Path(tempfile.mkdtemp(dir=settings.scratch)) if settings.checkpoint is None else None
    folder = settings.checkpoint if scratch is None else scratch / settings.size
    assert folder is not None
    try:
        if scratch is not None:
            write(size, folder, device)
            print(
                f"written: {sum(file.stat().st_size for file in folder.iterdir()) / 1e9:.1f} GB", flush=True
            )
        measure(settings, size, folder, device)
    finally:
        if scratch is not None and not settings.keep:
            shutil.rmtree(scratch)


def measure(settings: Settings, size: Size, folder: Path, device: torch.device) -> None:
    """Loading, memory, and whole sweeps."""
    cards = range(torch.cuda.device_count()) if device.type == "cuda" else range(0)
    if cards:
        torch.cuda.init()
        torch.cuda.empty_cache()
    for card in cards:
        torch.cuda.reset_peak_memory_stats(card)
    begun = time.perf_counter()
    where: dict[str, Any] = {"device_map": settings.device_map} if settings.device_map else {"device": device}
    model = wb.load(folder, load_in=settings.load_in, **where)
    finish(device)
    loading = time.perf_counter() - begun
    loaded = [torch.cuda.max_memory_allocated(card) for card in cards]
    print(f"{model}: loaded in {loading:.1f} s", flush=True)
    prompt = model.encode(tiny_sample(n_options=4), clip=clip_of(size.frames))
    asked = work_of("mtf", model.n_layers)
    times = []
    for _ in range(1 + settings.repeats):
        finish(device)
        begun = time.perf_counter()
        (found,) = ENGINES["incremental"].run(model, [Request(prompt=prompt, interventions=asked)])
        finish(device)
        times.append(time.perf_counter() - begun)
        assert len(found.changed) == len(asked)
    few = asked[:: max(1, len(asked) // 3)][:3]
    ENGINES["reference"].outcomes(model, prompt, few[:1])  # not timed: what is made once
    begun = time.perf_counter()
    ENGINES["reference"].outcomes(model, prompt, few)
    finish(device)
    traces = (time.perf_counter() - begun) / (len(few) + 1) * len(asked)
    result = {
        "size": settings.size,
        "parameters": _parameters(size.family, model.config),
        "load_in": settings.load_in,
        "devices": sorted({str(weight.device) for weight in model.hf.parameters()}),
        "rows": len(prompt),
        "knockouts": len(asked),
        "load_s": loading,
        "weights_bytes_by_card": loaded,
        "peak_bytes_by_card": [torch.cuda.max_memory_allocated(card) for card in cards],
        "peak_bytes_of_the_process": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        * (1 if sys.platform == "darwin" else 1024),
        "sweep_s": times[-1],
        "all_sweeps_s": times,
        "traces_s_estimated": traces,
    }
    how = "".join(f"-{word}" for word in (settings.device_map, settings.load_in) if word)
    path = save(settings.out, f"size-{settings.size}{how}-{device.type}", result, model)
    print(json.dumps({key: value for key, value in result.items() if key != "all_sweeps_s"}, indent=1))
    print(f"Written: {path}")


def _parameters(family: str, config: Any) -> int:
    """How many there are, however many bits each takes."""
    with torch.device("meta"):
        return sum(weight.numel() for weight in FAMILIES[family].load_class()(config).parameters())


if __name__ == "__main__":
    main(tyro.cli(Settings))
