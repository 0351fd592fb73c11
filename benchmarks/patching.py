"""Twin patching: all layers and twelve spans of the residual stream, one clip's activations in its twin.

The twin is the same clip backwards. The reference, one SDPA trace a patch, is timed on a few patches and
multiplied by their number; the engine runs whole maps, in one direction and in both. See README.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import torch
import tyro

import workbench as wb
from benchmarks import cost
from benchmarks.knockouts import WIDER
from benchmarks.saving import RESULTS, save
from benchmarks.shapes import build
from benchmarks.timing import matmul_rate, median, seconds
from workbench.engine import ENGINES, IncrementalEngine, Request, last_logits
from workbench.engine.incremental.plan import Flows, make_plan
from workbench.engine.incremental.twins import twins_of
from workbench.interventions import Patch
from workbench.models import Prompt, VideoLLM


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is timed, on what."""

    shape: str = "mini"
    """llava-next-7b, llava-video-7b, tiny (random weights), or mini: the embedded model and a clip of it."""
    site: str = "resid_post"
    device: str = "cuda"
    dtype: str = "bfloat16"
    repeats: int = 5
    """Whole maps that are timed; the median counts."""
    samples: int = 4
    """Patches that the reference is timed on, and that are compared."""
    out: Path = RESULTS
    tag: str = ""
    """Put into the file's name."""


def twelve_spans(prompt: Prompt) -> list[str]:
    """Frames, eight stretches of them where there are more, and four spans of the text."""
    count = prompt.layout.n_frames
    ends = [round(at * count / min(count, 8)) for at in range(min(count, 8) + 1)]
    frames = [f"frame[{start}:{end}]" for start, end in pairwise(ends)]
    return [*frames, "nonoption", "true_option + false_options", "tail", "last"]


def patches_of(model: VideoLLM, prompt: Prompt, source: Prompt, site: str) -> list[Patch]:
    """One patch of each layer and span."""
    return [
        Patch(site=site, layer=layer, span=span, source=source)
        for layer in range(1, model.n_layers + 1)
        for span in twelve_spans(prompt)
    ]


def backwards(prompt: Prompt) -> Prompt:
    """The twin of a prompt: its frames in reverse, (1, t, 3, y, x)."""
    return replace(
        prompt,
        inputs={
            name: value.flip(1) if name.startswith("pixel_values") else value
            for name, value in prompt.inputs.items()
        },
    )


def errors(model: VideoLLM, prompt: Prompt, asked: Sequence[Patch]) -> dict[str, float]:
    """The largest relative error of a followed probability, an engine each, as in `benchmarks.knockouts`: the
    truth is the reference in the next wider type, to which the model is converted."""
    with torch.no_grad():
        tokens = last_logits(model, prompt).topk(2).indices.tolist()

    def followed(engine: str, prompt: Prompt, asked: Sequence[Patch]) -> list[float]:
        return [
            outcome.p
            for token in tokens
            for outcome in ENGINES[engine].outcomes(model, prompt, asked, token_id=token).changed
        ]

    found = {engine: followed(engine, prompt, asked) for engine in ("reference", "incremental")}
    wider = WIDER[model.dtype]
    model.hf.to(wider)  # pyright: ignore[reportArgumentType]

    def widened(prompt: Prompt) -> Prompt:
        inputs = prompt.inputs.items()
        return replace(
            prompt, inputs={name: one.to(wider) if one.is_floating_point() else one for name, one in inputs}
        )

    source = widened(asked[0].source)
    truth = followed("reference", widened(prompt), [replace(one, source=source) for one in asked])

    def apart(one: Sequence[float], other: Sequence[float]) -> float:
        return max(abs(a - b) / b for a, b in zip(one, other, strict=True))

    return {
        **{engine: apart(values, truth) for engine, values in found.items()},
        "between": apart(found["incremental"], found["reference"]),
    }


def needed_tflop(model: VideoLLM, prompt: Prompt, asked: Sequence[Patch]) -> float:
    """What one direction computes: two untouched forwards, and the packed rows."""
    jobs = twins_of(model, [(prompt, asked)]).patched(0, prompt, asked).jobs
    packed = 0
    if jobs:
        plan = make_plan(jobs, [len(prompt)], model.n_layers)
        packed = cost.packed(model, plan, [Flows(prompt.layout)])
    forward = cost.vision(model, prompt) + cost.decoder(model, len(prompt), rows_of_logits=1)
    return (2 * forward + packed) / 1e12


def main(settings: Settings) -> None:
    device, dtype = torch.device(settings.device), getattr(torch, settings.dtype)
    torch.backends.cudnn.allow_tf32 = False
    if settings.shape == "mini":
        model = wb.load("mini/video-ft", device=settings.device, dtype=settings.dtype)
        prompt = model.encode(wb.samples("mini", limit=1)[0])
    else:
        model, prompt = build(settings.shape, device, dtype)
    twin = backwards(prompt)
    there, back = (
        patches_of(model, prompt, twin, settings.site),
        patches_of(model, twin, prompt, settings.site),
    )
    few = there[:: max(1, len(there) // settings.samples)]
    rate = matmul_rate(device, dtype)
    print(f"{model}\n{len(prompt)} rows, {len(there)} patches; a matrix product runs at {rate:.3g} TFLOP/s")

    reference, engine = ENGINES["reference"], IncrementalEngine()
    traces = seconds(lambda: reference.outcomes(model, prompt, few), device, 1)
    one_request = [Request(prompt=prompt, interventions=there)]
    peak = engine.run(model, one_request)[0].peak_bytes
    one = seconds(lambda: engine.run(model, one_request), device, settings.repeats)
    requests = [*one_request, Request(prompt=twin, interventions=back)]
    both = seconds(lambda: engine.run(model, requests), device, settings.repeats)

    needed = needed_tflop(model, prompt, there)
    result = {
        "shape": settings.shape,
        "site": settings.site,
        "rows": len(prompt),
        "layers": model.n_layers,
        "spans": twelve_spans(prompt),
        "patches": len(there),
        "dtype": settings.dtype,
        "traces_s": median(traces) / len(few) * len(there),
        "incremental_s": median(one),
        "incremental_all_s": one,
        "both_directions_s": median(both),
        "both_directions_all_s": both,
        "ratio_traces": median(traces) / len(few) * len(there) / median(one),
        "needed_tflop": needed,
        "matmul_tflops": rate,
        "share_of_limit": needed / rate / median(one),
        "peak_gb": None if peak is None else peak / 1e9,
        "largest_relative_error": errors(model, prompt, few),
        "compared_patches": len(few),
    }
    parts = ("patching", settings.shape, settings.site, settings.device, settings.dtype, settings.tag)
    path = save(settings.out, "-".join(filter(None, parts)), result, model)
    print(
        f"traces {result['traces_s']:.3g} s, incremental {median(one):.3g} s "
        f"({result['ratio_traces']:.1f}x), both directions {median(both):.3g} s\n"
        f"needed {needed:.4g} TFLOP, {result['share_of_limit']:.0%} of the limit; "
        f"peak {result['peak_gb']} GB\n"
        f"largest relative errors {result['largest_relative_error']}\n{path}"
    )


if __name__ == "__main__":
    main(tyro.cli(Settings))
