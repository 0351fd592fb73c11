"""Which flows each token of a long text needs: every knockout of every token, by reuse and by recomputation.
See README.md."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro

from benchmarks.knockouts import WIDER, work_of
from benchmarks.saving import RESULTS, save
from benchmarks.shapes import build
from benchmarks.timing import median, seconds
from workbench.engine import ENGINES, IncrementalEngine, Request, TextRequest, with_text
from workbench.engine.incremental.memory import peak_memory
from workbench.engine.reference import logits
from workbench.interventions import Knockout
from workbench.models import Prompt, VideoLLM


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is timed, on what."""

    shape: str = "llava-next-7b"
    """llava-next-7b, llava-video-7b or tiny (random weights)."""
    work: str = "mtf"
    """mtf: 11 flows in centred(9) (centred(3) in shallow models), or another of `benchmarks.knockouts`."""
    tokens: int = 200
    """Tokens of the text, drawn at random."""
    device: str = "cuda"
    dtype: str = "bfloat16"
    repeats: int = 3
    """Whole texts that are timed; the median counts."""
    samples: int = 4
    """Knockouts that are compared with the reference engine, in the next wider type."""
    compared_tokens: int = 12
    """Tokens of the text on which they are compared: at each token's own step, each is a trace."""
    out: Path = RESULTS
    tag: str = ""
    """Put into the file's name."""


def text_of(model: VideoLLM, tokens: int) -> tuple[int, ...]:
    """Tokens that mean nothing, none of them special."""
    drawn = torch.randint(5, model.vocab_size - 10, (tokens,), generator=torch.Generator().manual_seed(1))
    return tuple(drawn.tolist())


def apart(model: VideoLLM, prompt: Prompt, text: tuple[int, ...], few: list[Knockout]) -> dict[str, float]:
    """The largest relative error of a token's probability, by engine and by when the cuts act.

    The truth is the reference engine on the same weights in the next wider type: the model is converted, and
    is of no more use for timings.
    """
    asked = {
        own: TextRequest(prompt=with_text(model, prompt, text), token_ids=text, knockouts=few, own_step=own)
        for own in (False, True)
    }
    found = {
        (engine, own): ENGINES[engine].follow(model, request).changed
        for engine in ("incremental", "reference")
        for own, request in asked.items()
    }
    wider = WIDER[model.dtype]
    model.hf.to(wider)  # pyright: ignore[reportArgumentType]
    errors = {}
    for own, request in asked.items():
        inputs = {
            name: value.to(wider) if value.is_floating_point() else value
            for name, value in request.prompt.inputs.items()
        }
        wide = replace(request, prompt=replace(request.prompt, inputs=inputs))
        truth = ENGINES["reference"].follow(model, wide).changed
        for engine in ("incremental", "reference"):
            when = "at each token's own step" if own else "throughout"
            errors[f"{engine}, {when}"] = float(np.max(np.abs(found[engine, own] / truth - 1)))
    return errors


def main(settings: Settings) -> None:
    device, dtype = torch.device(settings.device), getattr(torch, settings.dtype)
    model, prompt = build(settings.shape, device, dtype)
    torch.backends.cudnn.allow_tf32 = False  # float32 is to mean float32
    asked = work_of(settings.work, model.n_layers)
    text = text_of(model, settings.tokens)
    behind = with_text(model, prompt, text)
    print(f"{model}\n{len(prompt)} rows and {len(text)} tokens, {len(asked)} knockouts")
    engine = IncrementalEngine()
    times: dict[str, list[float]] = {}
    with peak_memory(model) as peak:
        for name, own in (("throughout", False), ("own_step", True)):
            request = TextRequest(prompt=behind, token_ids=text, knockouts=asked, own_step=own)
            times[name] = seconds(
                lambda request=request: engine.follow(model, request), device, settings.repeats
            )
    # The same cuts measured at one token, as a sweep does.
    sweep = Request(prompt=prompt, interventions=asked)
    times["one_token"] = seconds(lambda: engine.run(model, [sweep]), device, settings.repeats)
    one = asked[len(asked) // 2]
    times["one_trace"] = seconds(
        lambda: float(logits(model, behind, one)[-1].float().softmax(-1).max()), device, settings.repeats
    )
    traces = median(times["one_trace"]) * len(asked)
    errors = apart(
        model,
        prompt,
        text[: settings.compared_tokens],
        asked[:: max(1, len(asked) // settings.samples)],
    )
    result: dict[str, Any] = {
        "shape": settings.shape,
        "work": settings.work,
        "rows": len(prompt),
        "tokens": len(text),
        "layers": model.n_layers,
        "knockouts": len(asked),
        "dtype": settings.dtype,
        "throughout_s": median(times["throughout"]),
        "own_step_s": median(times["own_step"]),
        "one_token_s": median(times["one_token"]),
        "traces_throughout_s": traces,
        "traces_own_step_s": traces * len(text),
        "all_s": times,
        "peak_gb": None if peak.bytes is None else peak.bytes / 1e9,
        "largest_relative_error": errors,
        "compared_tokens": settings.compared_tokens,
    }
    parts = ("writing", settings.shape, settings.work, settings.device, settings.dtype, settings.tag)
    path = save(settings.out, "-".join(filter(None, parts)), result, model)
    measured = "; ".join(f"{name} {error:.2g}" for name, error in errors.items())
    print(
        f"cut throughout {result['throughout_s']:.3g} s, at each token's own step "
        f"{result['own_step_s']:.3g} s; one token alone {result['one_token_s']:.3g} s; "
        f"traces would take {traces:.4g} s, and "
        f"{traces * len(text):.4g} s (one trace timed); peak {result['peak_gb']} GB\n"
        f"largest relative errors: {measured}\n{path}"
    )


if __name__ == "__main__":
    main(tyro.cli(Settings))
