"""What it costs to look into a model: the logit lens on all video rows, and one row's attention maps. See
README.md."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import tyro

from benchmarks.saving import RESULTS, save
from benchmarks.shapes import build
from benchmarks.timing import median, seconds
from workbench.analyses.attention.maps import attention_maps
from workbench.analyses.lens.layers import read_layers
from workbench.engine.incremental.memory import peak_memory


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is read, on what."""

    shape: str = "llava-video-7b"
    """llava-next-7b, llava-video-7b or tiny."""
    device: str = "cuda"
    dtype: str = "bfloat16"
    top_k: int = 5
    """Likeliest words that the lens keeps."""
    repeats: int = 3
    out: Path = RESULTS


def main(settings: Settings) -> None:
    device, dtype = torch.device(settings.device), getattr(torch, settings.dtype)
    model, prompt = build(settings.shape, device, dtype)
    rows, layers = prompt.layout["video"], list(range(1, model.n_layers + 1))
    weights = sum(weight.nbytes for weight in model.hf.parameters())
    cut = f"frames -> later frames in layers 1..{model.n_layers}"
    works: dict[str, Callable[[], object]] = {
        "logit_lens": lambda: list(read_layers(model, prompt, rows, layers, top_k=settings.top_k)),
        "attention_maps": lambda: attention_maps(model, prompt, "last"),
        "attention_maps_cut": lambda: attention_maps(model, prompt, "last", knockout=cut),
    }
    found = {}
    for name, work in works.items():
        with peak_memory(model) as peak:
            took = median(seconds(work, device, settings.repeats))
        beside = None if peak.bytes is None else (peak.bytes - weights) / 1e9
        found[name] = {"seconds": took, "gb_beside_weights": beside}
        print(name, found[name], flush=True)
    result = {
        "shape": settings.shape,
        "dtype": settings.dtype,
        "rows": len(rows),
        "layers": model.n_layers,
        "vocabulary": model.vocab_size,
        **found,
    }
    print(save(settings.out, f"reading-{settings.shape}-{settings.device}-{settings.dtype}", result, model))


if __name__ == "__main__":
    main(tyro.cli(Settings))
