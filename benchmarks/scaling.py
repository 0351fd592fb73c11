"""What a sweep costs as samples, layers and video tokens grow, beside its FLOPs. See README.md."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from pathlib import Path

import torch
import tyro

from benchmarks import cost
from benchmarks.knockouts import work_of
from benchmarks.saving import RESULTS, save
from benchmarks.shapes import SHAPES, build
from benchmarks.timing import matmul_rate, median, seconds
from workbench.engine import IncrementalEngine, Request
from workbench.engine.incremental.plan import Flows, make_jobs, make_plan
from workbench.interventions import Flow, Knockout, centred, knockouts
from workbench.models import Prompt, VideoLLM


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What grows, and in which steps."""

    shape: str = "llava-next-7b"
    """llava-next-7b, llava-video-7b or tiny."""
    device: str = "cuda"
    dtype: str = "bfloat16"
    repeats: int = 3
    samples: tuple[int, ...] = (1, 2, 4, 8, 16)
    """Prompts that run together; thin knockouts only (video -> last, question -> last)."""
    layers: tuple[int, ...] = (8, 16, 24, 32)
    frames: tuple[int, ...] = (2, 4, 8, 16)
    out: Path = RESULTS


def measure(model: VideoLLM, prompts: list[Prompt], asked: list[Knockout], repeats: int) -> dict[str, float]:
    """Median seconds of the work, and the TFLOP that it needs."""
    engine = IncrementalEngine()
    requests = [Request(prompt=prompt, interventions=asked) for prompt in prompts]
    times = seconds(lambda: engine.run(model, requests), model.device, repeats)
    flows = [Flows(prompt.layout) for prompt in prompts]
    jobs = [job for at in range(len(prompts)) for job in make_jobs(at, asked, flows[at], model.n_layers)]
    plan = make_plan(jobs, [len(prompt) for prompt in prompts], model.n_layers)
    once = sum(
        cost.vision(model, prompt) + cost.decoder(model, len(prompt), rows_of_logits=1) for prompt in prompts
    )
    return {"seconds": median(times), "tflop": (once + cost.packed(model, plan, flows)) / 1e12}


def main(settings: Settings) -> None:
    device, dtype = torch.device(settings.device), getattr(torch, settings.dtype)
    rate = matmul_rate(device, dtype)
    found: dict[str, list[dict[str, float]]] = {"samples": [], "layers": [], "video_tokens": []}

    model, prompt = build(settings.shape, device, dtype)
    thin = knockouts(
        [Flow.parse("video -> last"), Flow.parse("question -> last")], [centred(9)], model.n_layers
    )
    for n in settings.samples:
        found["samples"].append({"n": n, **measure(model, [prompt] * n, thin, settings.repeats)})
        print(found["samples"][-1], flush=True)
    for name, steps in (("layers", settings.layers), ("frames", settings.frames)):
        for step in steps:
            del model, prompt
            gc.collect()
            if device.type == "cuda":
                torch.cuda.empty_cache()
            model, prompt = build(settings.shape, device, dtype, **{name: step})
            row = measure(model, [prompt], work_of("mtf", model.n_layers), settings.repeats)
            tokens = step * SHAPES[settings.shape].tokens
            key, n = ("layers", step) if name == "layers" else ("video_tokens", tokens)
            found[key].append({"n": n, **row})
            print(key, found[key][-1], flush=True)
    result = {
        "shape": settings.shape,
        "dtype": settings.dtype,
        "matmul_tflops": rate,
        **found,
    }
    print(save(settings.out, f"scaling-{settings.shape}-{settings.device}-{settings.dtype}", result, model))


if __name__ == "__main__":
    main(tyro.cli(Settings))
