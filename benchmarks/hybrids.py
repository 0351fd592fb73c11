"""Decoders with linear layers: what a cut of their softmax layers alone leaves, and what a sweep costs.

A decoder of Qwen3.5 with random weights reads a prompt twice, with other tokens where the video is. How much
the logits of the rows behind differ is the video's influence: untouched, with video -> text cut in the layers
with softmax attention, and with it cut in all layers. `python -m benchmarks.hybrids`.

`python -m benchmarks.hybrids cost` times the sweep of Map the Flow, and each of its flows alone, beside the
same decoder with softmax attention in every layer. `cost --device cuda --dtype bfloat16 --layers 32
--width 4096 --head 128 --frames 8 --tokens 144` has the sizes of Qwen3.5-9B, but for the vocabulary.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from benchmarks.saving import RESULTS, save
from workbench.engine import IncrementalEngine
from workbench.engine.reference import last_logits, logits
from workbench.interventions import MTF_FLOWS, Cut, Flow, Knockout, centred, knockouts
from workbench.models import Prompt, TokenLayout, VideoLLM
from workbench.models.attention import install
from workbench.models.checkpoints import CheckpointFolder
from workbench.models.families import FAMILIES

FRAMES, TOKENS, SYSTEM, TEXT = 8, 36, 8, 40


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="?", choices=("left", "cost"), default="left")
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--head", type=int, default=32, help="width of a head, of both kinds of attention")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--tokens", type=int, default=TOKENS, help="of a frame")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--repeats", type=int, default=3, help="the fastest counts")
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    left(asked) if asked.what == "left" else cost(asked)


def left(asked: argparse.Namespace) -> None:
    """What cuts leave of the video's influence."""
    found = [measure(asked.layers, asked.width, seed) for seed in range(asked.seeds)]
    model = build(asked.layers, asked.width, 0)
    result = {
        "layers": asked.layers,
        "softmax_layers": [number + 1 for number in model.family.attentions(model.hf)],
        "rows": SYSTEM + FRAMES * TOKENS + TEXT,
        "left": {
            name: [one[name] for one in found] for name in ("last", "softmax layers alone", "all layers")
        },
        "median_left": {
            name: statistics.median(one[name] for one in found)
            for name in ("softmax layers alone", "all layers")
        },
        "forwards_a_cut": statistics.median(one["forwards"] for one in found),
    }
    print({name: result[name] for name in ("median_left", "forwards_a_cut")})
    print(save(asked.out, "hybrids", result, model))


def cost(asked: argparse.Namespace) -> None:
    """A sweep of the hybrid beside that of a softmax model of the same shape, by the incremental engine."""
    device, dtype = torch.device(asked.device), getattr(torch, asked.dtype)
    models = {
        kind: build(
            asked.layers,
            asked.width,
            0,
            head=asked.head,
            device=device,
            dtype=dtype,
            softmax=kind == "softmax",
        )
        for kind in ("hybrid", "softmax")
    }
    video = prompt(models["hybrid"], 0, asked.frames, asked.tokens)
    flows = [flow for flow in map(Flow.parse, MTF_FLOWS) if flow.keep_self]  # no row can be without itself
    window = centred(9 if asked.layers >= 24 else 3)
    work = {"all flows": flows, **{str(flow): [flow] for flow in flows}}
    found: dict[str, dict[str, float]] = {}
    for name, some in work.items():
        knocked = knockouts(some, [window], asked.layers)
        took = {
            kind: seconds(partial(IncrementalEngine().outcomes, model, video, knocked), asked.repeats)
            for kind, model in models.items()
        }
        found[name] = {**took, "ratio": took["hybrid"] / took["softmax"]}
        print(f"{name}: {found[name]}")
    forward = {
        kind: seconds(partial(_forward, model, video), asked.repeats) for kind, model in models.items()
    }
    result = {
        **{name: vars(asked)[name] for name in ("layers", "width", "head", "frames", "tokens", "dtype")},
        "rows": len(video),
        "window": str(window),
        "knockouts": len(knockouts(flows, [window], asked.layers)),
        "forward": {**forward, "ratio": forward["hybrid"] / forward["softmax"]},
        "sweep": found,
    }
    print(save(asked.out, f"hybrids-cost-{device.type}-{asked.dtype}", result, models["hybrid"]))


def measure(layers: int, width: int, seed: int) -> dict[str, float]:
    """Shares of the untouched influence that are left, and the time of a cut in forwards."""
    model = build(layers, width, seed)
    one, other = prompt(model, seed), prompt(model, seed + 1000)
    softmax = tuple(model.family.attentions(model.hf))
    flow = Flow(source="video", target="text")

    def cut(numbers: Any) -> Knockout:
        return Knockout(cuts=tuple(Cut(flow=flow, first_layer=n + 1, last_layer=n + 1) for n in numbers))

    def influence(knockout: Knockout | None, rows: slice) -> float:
        return float((logits(model, one, knockout) - logits(model, other, knockout))[rows].norm())

    behind, last = slice(-TEXT, None), slice(-1, None)
    untouched = influence(None, behind)
    return {
        "softmax layers alone": influence(cut(softmax), behind) / untouched,
        "all layers": influence(cut(range(layers)), behind) / untouched,
        "last": influence(cut(softmax), last) / influence(None, last),
        # Behind the others, which have warmed up.
        "forwards": seconds(partial(logits, model, one, cut(range(layers))), 5)
        / seconds(partial(logits, model, one, None), 5),
    }


def _forward(model: VideoLLM, video: Prompt) -> None:
    float(last_logits(model, video).max())  # which waits for it


def seconds(work: Callable[[], object], repeats: int) -> float:
    """The fastest of so many runs, behind one that is not counted."""
    work()
    found = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        found.append(time.perf_counter() - begin)
    return min(found)


def build(
    layers: int,
    width: int,
    seed: int,
    *,
    head: int = 32,
    device: torch.device | None = None,
    dtype: torch.dtype = torch.float32,
    softmax: bool = False,
) -> VideoLLM:
    """A decoder with three linear layers to one of softmax attention, or none, weights of order
    1 / sqrt(width)."""
    from nnsight import NNsight
    from transformers import Qwen3_5Config, Qwen3_5ForConditionalGeneration

    text = {
        "hidden_size": width,
        "intermediate_size": 3 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": width // head,
        "num_key_value_heads": width // (2 * head),
        "head_dim": head,
        "vocab_size": 512,
        "linear_num_key_heads": width // (2 * head),
        "linear_num_value_heads": width // head,
        "linear_key_head_dim": head,
        "linear_value_head_dim": head,
        "rope_parameters": {
            "rope_type": "default", "rope_theta": 1e4,
            "mrope_section": [head // 16, head // 32, head // 32], "partial_rotary_factor": 0.25,
        },
        **({"layer_types": ["full_attention"] * layers} if softmax else {}),
    }  # fmt: skip
    vision = {
        "depth": 1,
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_heads": 2,
        "out_hidden_size": width,
    }
    config = Qwen3_5Config(text_config=text, vision_config=vision, video_token_id=1, image_token_id=2)
    torch.manual_seed(seed)
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(dtype)
        with device or torch.device("cpu"):
            hf = Qwen3_5ForConditionalGeneration(config).eval().requires_grad_(False)
    finally:
        torch.set_default_dtype(before)
    with torch.no_grad():
        for weight in hf.model.language_model.parameters():
            if weight.ndim == 2:
                weight.normal_(0, weight.shape[1] ** -0.5)
    family = FAMILIES["qwen3_5"]
    install(hf, "sdpa", recurrent=family.recurrent)
    return VideoLLM(
        hf=hf,
        nn=NNsight(hf),
        family=family,
        tokenizer=cast(Any, None),
        checkpoint=CheckpointFolder("a Qwen3.5 with random weights", Path()),
        attention="sdpa",
        pixels=family.default_pixels,
        template=None,
    )


def prompt(model: VideoLLM, seed: int, frames: int = FRAMES, tokens: int = TOKENS) -> Prompt:
    """Random tokens; those that stand for the video depend on the seed alone. Two options."""
    ids = torch.randint(
        5, 500, (1, SYSTEM + frames * tokens + TEXT), generator=torch.Generator().manual_seed(0)
    )
    video = np.arange(SYSTEM, SYSTEM + frames * tokens)
    other = torch.randint(5, 500, (len(video),), generator=torch.Generator().manual_seed(seed))
    ids[0, video] = other
    question = np.arange(video[-1] + 1, ids.shape[1] - 1)
    nonoption, first, second = np.split(question, [len(question) // 2, 3 * len(question) // 4])
    spans = {
        "video": video, "question": question, "nonoption": nonoption, "true_option": first,
        "option[A]": first, "option[B]": second,
    }  # fmt: skip
    return Prompt(
        inputs={"input_ids": ids.to(model.device)},
        layout=TokenLayout(length=ids.shape[1], spans=spans, frames=np.split(video, frames)),
        sample=None,
        clip=cast(Any, None),
        pixels=model.pixels,
        text="",
        answer_ids={},
    )


if __name__ == "__main__":
    main()
