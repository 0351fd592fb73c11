"""What a cut of the softmax layers alone leaves of the video's influence, in decoders with linear layers.

A decoder of Qwen3.5 with random weights reads a prompt twice, with other tokens where the video is. How much
the logits of the rows behind differ is the video's influence: untouched, with video -> text cut in the layers
with softmax attention, and with it cut in all layers. `python -m benchmarks.hybrids`.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from benchmarks.saving import RESULTS, save
from workbench.engine.reference import logits
from workbench.interventions import Cut, Flow, Knockout
from workbench.models import Prompt, TokenLayout, VideoLLM
from workbench.models.attention import install
from workbench.models.checkpoints import CheckpointFolder
from workbench.models.families import FAMILIES

FRAMES, TOKENS, SYSTEM, TEXT = 8, 36, 8, 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
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
        "forwards": seconds(model, one, cut(range(layers))) / seconds(model, one, None),
    }


def seconds(model: VideoLLM, prompt: Prompt, knockout: Knockout | None) -> float:
    """Of one run of the reference engine: the fastest of five."""
    found = []
    for _ in range(5):
        begin = time.perf_counter()
        logits(model, prompt, knockout)
        found.append(time.perf_counter() - begin)
    return min(found)


def build(layers: int, width: int, seed: int) -> VideoLLM:
    """A decoder with three linear layers to one of softmax attention, weights of order 1 / sqrt(width)."""
    from nnsight import NNsight
    from transformers import Qwen3_5Config, Qwen3_5ForConditionalGeneration

    text = {
        "hidden_size": width,
        "intermediate_size": 3 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": width // 32,
        "num_key_value_heads": width // 64,
        "head_dim": 32,
        "vocab_size": 512,
        "linear_num_key_heads": width // 64,
        "linear_num_value_heads": width // 32,
        "linear_key_head_dim": 32,
        "linear_value_head_dim": 32,
        "rope_parameters": {
            "rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 1, 1],
            "partial_rotary_factor": 0.25,
        },
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
    hf = Qwen3_5ForConditionalGeneration(config).eval().requires_grad_(False)
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


def prompt(model: VideoLLM, seed: int) -> Prompt:
    """Random tokens; those that stand for the video depend on the seed alone."""
    ids = torch.randint(
        5, 500, (1, SYSTEM + FRAMES * TOKENS + TEXT), generator=torch.Generator().manual_seed(0)
    )
    video = np.arange(SYSTEM, SYSTEM + FRAMES * TOKENS)
    other = torch.randint(5, 500, (len(video),), generator=torch.Generator().manual_seed(seed))
    ids[0, video] = other
    question = np.arange(video[-1] + 1, ids.shape[1] - 1)
    layout = TokenLayout(
        length=ids.shape[1], spans={"video": video, "question": question}, frames=np.split(video, FRAMES)
    )
    return Prompt(
        inputs={"input_ids": ids},
        layout=layout,
        sample=None,
        clip=cast(Any, None),
        pixels=model.pixels,
        text="",
        answer_ids={},
    )


if __name__ == "__main__":
    main()
