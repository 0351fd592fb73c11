"""Whole sweeps of knockouts, three ways, in one run. See README.md."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import tyro

import workbench as wb
from benchmarks import cost
from benchmarks.saving import RESULTS, save
from benchmarks.shapes import build
from benchmarks.timing import matmul_rate, median, seconds
from workbench.engine import ENGINES, IncrementalEngine, Request, last_logits, layer_masks
from workbench.engine.incremental.plan import Flows, make_jobs, make_plan
from workbench.interventions import MTF_FLOWS, Flow, Knockout, after, centred, knockouts, trailing
from workbench.models import Prompt, VideoLLM
from workbench.models.attention import install

ES = ("frames -> later frames", "within frames", "video -> text")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is timed, on what."""

    shape: str = "mini"
    """llava-next-7b, llava-video-7b, tiny (random weights), or mini: the embedded model and a clip of it."""
    work: str = "mtf"
    """mtf: 11 flows in centred(9) (centred(3) in shallow models); text: ten of them, frames not cut;
    es: 14 depths of Global 1, Global 2, and trailing(4) of three flows; lv-k: video -> text of es."""
    device: str = "cuda"
    dtype: str = "bfloat16"
    repeats: int = 3
    """Whole sweeps that are timed; the median counts."""
    samples: int = 4
    """Knockouts that the two slow ways are timed on, and that are compared."""
    together: int | None = None
    """Prompts that the engine is given at once; as many as a sweep gives it if not given."""
    out: Path = RESULTS
    tag: str = ""
    """Put into the file's name."""


def work_of(name: str, n_layers: int) -> list[Knockout]:
    """The knockouts of one sample."""
    if name in ("mtf", "text"):
        window = centred(9 if n_layers >= 24 else 3)
        flows = [flow for flow in MTF_FLOWS if name == "mtf" or flow != "frames -> later frames"]
        return knockouts([Flow.parse(flow) for flow in flows], [window], n_layers)
    if name in ("es", "lv-k"):
        flows = [Flow.parse(flow) for flow in (ES if name == "es" else ES[2:])]
        # Global 1: i in 0, 1, 3, 5, ..; without L, which is the untouched model.
        depths = [after(i) for i in (0, *range(1, n_layers - 1, 2))]
        every = knockouts([Flow.parse("video -> text")], depths, n_layers)
        every += knockouts(flows, [after(0)], n_layers)
        return list(dict.fromkeys(every + knockouts(flows, [trailing(4)], n_layers)))
    raise SystemExit(f"work {name!r} is unknown: mtf, text, es or lv-k")


def published(model: VideoLLM, prompt: Prompt, asked: Sequence[Knockout]) -> None:
    """One full eager forward a knockout, every layer's mask put in by a hook; logits of all rows."""
    layers = list(model.family.decoder_layers(model.hf))
    length, lowest = len(prompt), torch.finfo(model.dtype).min
    open_ = torch.ones(length, length, dtype=torch.bool, device=model.device).tril()[None, None]
    for knockout in asked:
        keep = layer_masks(model, prompt, knockout)
        with ExitStack() as hooks, torch.no_grad():
            for number, layer in enumerate(layers):
                mask = torch.zeros(1, 1, length, length, dtype=model.dtype, device=model.device)
                mask.masked_fill_(~(open_ & keep[number] if number in keep else open_), lowest)

                def put(module: Any, args: Any, kwargs: Any, mask: Any = mask) -> Any:
                    return args, {**kwargs, "attention_mask": mask}

                hooks.callback(layer.self_attn.register_forward_pre_hook(put, with_kwargs=True).remove)
            logits = model.hf(**prompt.inputs, use_cache=False).logits[0, -1]
            float(logits.float().softmax(-1).max())


WIDER = {torch.bfloat16: torch.float32, torch.float16: torch.float32, torch.float32: torch.float64}


def errors(model: VideoLLM, prompt: Prompt, asked: Sequence[Knockout]) -> dict[str, float]:
    """The largest relative error of a followed probability, an engine each, and between the first two.

    The truth is the reference engine on the same weights in the next wider type: the model is converted, and
    is of no more use for timings. Followed are the token that is first and the one that is second: where a
    model is sure, the first one's probability is 1 whatever happens.
    """
    with torch.no_grad():
        tokens = last_logits(model, prompt).topk(2).indices.tolist()
    engines = ["reference", "incremental"]
    if model.dtype != torch.float32:
        engines.append("incremental-float32")
    found = {engine: _followed(engine, model, prompt, asked, tokens) for engine in engines}
    wider = WIDER[model.dtype]
    model.hf.to(wider)  # pyright: ignore[reportArgumentType]
    inputs = {
        name: value.to(wider) if value.is_floating_point() else value for name, value in prompt.inputs.items()
    }
    truth = _followed("reference", model, replace(prompt, inputs=inputs), asked, tokens)
    largest = {engine: _apart(values, truth) for engine, values in found.items()}
    return {**largest, "between": _apart(found["incremental"], found["reference"])}


def _other(prompt: Prompt, number: int) -> Prompt:
    """The prompt of another clip: the same rows, other pixels."""
    drawn = torch.Generator().manual_seed(number)

    def changed(value: torch.Tensor) -> torch.Tensor:
        noise = torch.randn(value.shape, generator=drawn).to(value)
        return value + noise if value.is_floating_point() else value

    return replace(prompt, inputs={name: changed(value) for name, value in prompt.inputs.items()})


def _followed(
    engine: str, model: VideoLLM, prompt: Prompt, asked: Sequence[Knockout], tokens: Sequence[int]
) -> list[float]:
    return [
        outcome.p
        for token in tokens
        for outcome in ENGINES[engine].outcomes(model, prompt, asked, token_id=token).changed
    ]


def _apart(found: Sequence[float], truth: Sequence[float]) -> float:
    return max(abs(a - b) / b for a, b in zip(found, truth, strict=True))


def main(settings: Settings) -> None:
    device = torch.device(settings.device)
    dtype = getattr(torch, settings.dtype)
    if settings.shape == "mini":
        model = wb.load("mini/video-ft", device=settings.device, dtype=settings.dtype)
        prompt = model.encode(wb.samples("mini", limit=1)[0])
    else:
        model, prompt = build(settings.shape, device, dtype)
    # Convolutions of the vision tower would round to 10 bits: float32 is to mean float32.
    torch.backends.cudnn.allow_tf32 = False
    asked = work_of(settings.work, model.n_layers)
    few = asked[:: max(1, len(asked) // settings.samples)]
    rate = matmul_rate(device, dtype)
    weights = sum(weight.nbytes for weight in model.hf.parameters())
    print(f"{model}\n{len(prompt)} rows, {len(asked)} knockouts; a matrix product runs at {rate:.3g} TFLOP/s")

    decoder: Any = model.hf.get_decoder()
    decoder.set_attn_implementation("eager")
    eager = [t / len(few) for t in seconds(lambda: published(model, prompt, few), device, settings.repeats)]
    install(model.hf, "sdpa")

    def trace() -> None:
        for knockout in few:
            float(last_logits(model, prompt, knockout).float().softmax(-1).max())

    traces = [t / len(few) for t in seconds(trace, device, settings.repeats)]
    engine = IncrementalEngine()
    request = Request(prompt=prompt, interventions=asked, noise="float32" not in settings.dtype)
    found = engine.run(model, [request])[0]
    together = engine.at_once(model, request) if settings.together is None else settings.together
    requests = [Request(prompt=_other(prompt, number), interventions=asked) for number in range(together)]
    whole = [t / together for t in seconds(lambda: engine.run(model, requests), device, settings.repeats)]

    flows = Flows(prompt.layout)
    plan = make_plan(make_jobs(0, asked, flows, model.n_layers), [len(prompt)], model.n_layers)
    vision = cost.vision(model, prompt)
    full = vision + cost.decoder(model, len(prompt), rows_of_logits=len(prompt))
    needed = vision + cost.decoder(model, len(prompt), rows_of_logits=1) + cost.packed(model, plan, [flows])
    apart = errors(model, prompt, few)
    ours_s, eager_s, trace_s = median(whole), median(eager) * len(asked), median(traces) * len(asked)
    result = {
        "shape": settings.shape,
        "work": settings.work,
        "rows": len(prompt),
        "layers": model.n_layers,
        "knockouts": len(asked),
        "dtype": settings.dtype,
        "published_s": eager_s,
        "published_one_forward_s": eager,
        "traces_s": trace_s,
        "traces_one_s": traces,
        "prompts_at_once": together,
        "incremental_s": ours_s,
        "incremental_all_s": whole,
        "ratio_published": eager_s / ours_s,
        "ratio_traces": trace_s / ours_s,
        "published_tflop": len(asked) * full / 1e12,
        "needed_tflop": needed / 1e12,
        "matmul_tflops": rate,
        "achieved_tflops": needed / 1e12 / ours_s,
        "share_of_limit": needed / 1e12 / rate / ours_s,
        "weights_gb": weights / 1e9,
        "peak_gb": None if found.peak_bytes is None else found.peak_bytes / 1e9,
        "largest_relative_error": apart,
        "compared_knockouts": len(few),
        "noise_percent": found.noise_percent,
    }
    name = "-".join(
        filter(None, (settings.shape, settings.work, settings.device, settings.dtype, settings.tag))
    )
    path = save(settings.out, name, result, model)
    measured = ", ".join(f"{name} {error:.2g}" for name, error in apart.items())
    print(
        f"published style {eager_s:.3g} s, SDPA traces {trace_s:.3g} s, "
        f"incremental {ours_s:.3g} s ({together} prompts at once): "
        f"{eager_s / ours_s:.1f}x and {trace_s / ours_s:.1f}x\n"
        f"needed {needed / 1e12:.4g} TFLOP of {len(asked) * full / 1e12:.4g}; "
        f"{result['share_of_limit']:.0%} of the limit; peak {result['peak_gb']} GB, "
        f"weights {weights / 1e9:.3g} GB\n"
        f"largest relative errors: {measured}; noise floor {found.noise_percent} %\n{path}"
    )


if __name__ == "__main__":
    main(tyro.cli(Settings))
