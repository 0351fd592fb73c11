"""Exit and window against the untouched model, in one run. See README.md.

The language model alone: the vision tower does the same in all cases. Cases take turns.

Times are given twice. With random weights the attention over thousands of rows is nearly zero, that inside a
frame is not; and a GPU at its power limit slows its clock with the numbers that it multiplies (an H100 by 9%
here). So the same is timed once more with attention that adds nothing to the residual stream ("alike"): every
other product is then of the same numbers in all cases, as far as the same rows are there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import tyro
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import DynamicCache

from benchmarks.saving import RESULTS, save
from benchmarks.shapes import SHAPES, build
from benchmarks.timing import finish, median, seconds
from workbench.analyses.study import pathways_alone
from workbench.analyses.study.costs import running
from workbench.interventions.catalogue import CROSS_FRAME, QUESTION_LAST, VIDEO_QUESTION
from workbench.interventions.exits import Acceleration, Exit
from workbench.interventions.pruning import FastV, RandomRows
from workbench.models import Prompt, VideoLLM

_SETTLE_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is timed, on what."""

    shape: str = "llava-video-7b"
    """A shape of benchmarks/shapes.py, with random weights."""
    exit_after: int = 18
    """The video leaves after this layer (An Empirical Study: 18 of 28)."""
    frame_local: int = 8
    """Frames are apart in layers 1 to this one."""
    device: str = "cuda"
    dtype: str = "bfloat16"
    repeats: int = 9
    tokens: int = 32
    """Tokens that are written after the prompt."""
    out: Path = RESULTS


def cases(settings: Settings) -> dict[str, Acceleration | None]:
    """What is compared, by name."""
    leaves, apart = (Exit(after=settings.exit_after),), (1, settings.frame_local)
    return {
        "untouched": None,
        "exit": Acceleration(exits=leaves),
        "frame-local": Acceleration(frame_local=apart),
        "exit + frame-local": Acceleration(exits=leaves, frame_local=apart),
        "pathways alone": pathways(settings),
        "fastv(0.5) after 2": Acceleration(exits=(Exit(after=2, rows=FastV()),)),
        "random(0.5) after 2": Acceleration(exits=(Exit(after=2, rows=RandomRows()),)),
    }


def pathways(settings: Settings) -> Acceleration:
    """The effective pathways of LLaVA-NeXT-7B-Video-FT (Map the Flow, Table E), as
    shares of the depth."""
    layers = SHAPES[settings.shape].layers

    def scaled(first: int, last: int) -> tuple[int, int]:
        return round((first - 1) * layers / 32) + 1, max(1, round(last * layers / 32))

    ranges = {CROSS_FRAME: scaled(6, 15), VIDEO_QUESTION: scaled(6, 20), QUESTION_LAST: scaled(16, 25)}
    what = pathways_alone(ranges, layers).intervention
    assert isinstance(what, Acceleration)
    return what


def prefills(
    model: VideoLLM, prompt: Prompt, what: dict[str, Acceleration | None], repeats: int
) -> dict[str, list[float]]:
    """Seconds of reading the prompt in every case, the cases taking turns.

    On a GPU each is read for a second first, so that the clock is that of its own load.
    """
    found: dict[str, list[float]] = {name: [] for name in what}
    read = reader(model, prompt)
    for _ in range(repeats):
        for name, case in what.items():
            with running(model, prompt, case):
                begun = time.perf_counter()
                while model.device.type == "cuda" and time.perf_counter() - begun < _SETTLE_S:
                    read()
                    finish(model.device)
                found[name] += seconds(read, model.device, 3)
    return found


def reader(model: VideoLLM, prompt: Prompt) -> Callable[..., torch.Tensor]:
    """Reads the prompt into a cache; gives the logits of the last row."""
    decoder: Any = model.hf.get_decoder()
    head: Any = model.hf.get_output_embeddings()
    embedded = model.hf.get_input_embeddings()(prompt.input_ids.clamp(max=model.vocab_size - 1))

    def read(cache: DynamicCache | None = None) -> torch.Tensor:
        cache = DynamicCache() if cache is None else cache
        hidden = decoder(inputs_embeds=embedded, past_key_values=cache, use_cache=True)
        return head(hidden.last_hidden_state[:, -1:])

    return read


def measure(model: VideoLLM, prompt: Prompt, what: Acceleration | None, settings: Settings) -> dict[str, Any]:
    """Bytes, operations, and the speed of writing, of one case."""
    device = model.device
    decoder: Any = model.hf.get_decoder()
    head: Any = model.hf.get_output_embeddings()
    read = reader(model, prompt)
    with running(model, prompt, what) as work:
        read()
        if device.type == "cuda":
            finish(device)
            torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device) if device.type == "cuda" else 0
        cache = DynamicCache()
        logits = read(cache)
        finish(device)
        peak = torch.cuda.max_memory_allocated(device) - before if device.type == "cuda" else None
        kept = sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)  # type: ignore[union-attr]

        def write() -> None:
            token = logits.argmax(-1)
            for place in range(settings.tokens):
                at = torch.full((1, 1), len(prompt) + place, device=device)
                hidden = decoder(input_ids=token, past_key_values=cache, use_cache=True, position_ids=at)
                token = head(hidden.last_hidden_state[:, -1:]).argmax(-1)
            cache.crop(-settings.tokens)

        # As workbench.engine.generation has it: not by cuDNN, which plans every length anew.
        kernels = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
        with sdpa_kernel(kernels):
            writing = seconds(write, device, 5)
        done = work()
    return {
        "kv_bytes": kept,
        "peak_bytes": peak,
        "tokens_per_s": settings.tokens / median(writing),
        "attention_pairs": done.pairs,
        "rows": done.rows,
        "tflop": done.flops(model) / 1e12,
    }


def silence(model: VideoLLM) -> None:
    """Attention adds nothing to the residual stream, and costs what it did."""
    for layer in model.family.decoder_layers(model.hf):
        layer.self_attn.o_proj.weight.zero_()


@torch.no_grad()
def main(settings: Settings) -> None:
    device = torch.device(settings.device)
    model, prompt = build(settings.shape, device, getattr(torch, settings.dtype))
    what = cases(settings)
    found = {name: measure(model, prompt, case, settings) for name, case in what.items()}
    for name, spent in prefills(model, prompt, what, settings.repeats).items():
        found[name] |= {"prefill_s": median(spent), "prefill_all_s": spent}
    silence(model)
    for name, spent in prefills(model, prompt, what, settings.repeats).items():
        found[name] |= {"alike_s": median(spent), "alike_all_s": spent}
    base = found["untouched"]
    ratios = ("alike_s", "prefill_s", "tflop", "attention_pairs", "kv_bytes", "peak_bytes", "tokens_per_s")
    for row in found.values():
        row |= {f"{name}_ratio": row[name] / base[name] for name in ratios if row[name]}
    result = {"shape": settings.shape, "length": len(prompt), "layers": model.n_layers, "cases": found}
    name = f"acceleration-{settings.shape}-{settings.device}-{settings.dtype}"
    path = save(settings.out, name, result, model)
    head = ("alike", "ratio", "random", "ratio", "FLOP", "pairs", "K/V", "peak", "tokens/s")
    print(f"{'':24}" + "".join(f"{word:>9}" for word in head))
    for name, row in found.items():
        times = (f"{1000 * row[key]:7.1f}ms{row[f'{key}_ratio']:9.3f}" for key in ("alike_s", "prefill_s"))
        rest = (f"{row.get(f'{key}_ratio', float('nan')):9.3f}" for key in ratios[2:-1])
        print(f"{name:24}", *times, *rest, f"{row['tokens_per_s']:9.1f}", sep="")
    print(path)


if __name__ == "__main__":
    main(tyro.cli(Settings))
