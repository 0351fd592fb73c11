"""Exit and window against the untouched model, in one run. See README.md.

The language model alone: the vision tower does the same in all cases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import tyro
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import DynamicCache

from benchmarks.saving import RESULTS, save
from benchmarks.shapes import build
from benchmarks.timing import finish, median, seconds
from workbench.engine.accelerated import accelerated
from workbench.engine.flops import Work, work_of
from workbench.interventions.exits import Acceleration, Exit
from workbench.interventions.pruning import FastV, RandomRows
from workbench.models import Prompt, VideoLLM


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
        "fastv(0.5) after 2": Acceleration(exits=(Exit(after=2, rows=FastV()),)),
        "random(0.5) after 2": Acceleration(exits=(Exit(after=2, rows=RandomRows()),)),
    }


@contextmanager
def running(model: VideoLLM, prompt: Prompt, what: Acceleration | None) -> Iterator[Callable[[], Work]]:
    """The model's forward passes are of this case meanwhile; gives what tells the work of the last one."""
    if what is None:
        with nullcontext():
            yield lambda: work_of(prompt.layout, model.n_layers)
        return
    with accelerated(model, what) as fast, fast.running([prompt]):
        yield lambda: work_of(prompt.layout, model.n_layers, what, fast.left_before()[0])


def measure(model: VideoLLM, prompt: Prompt, what: Acceleration | None, settings: Settings) -> dict[str, Any]:
    """Seconds, bytes and operations of one case."""
    device = model.device
    decoder: Any = model.hf.get_decoder()
    head: Any = model.hf.get_output_embeddings()
    with torch.no_grad():
        embedded = model.hf.get_input_embeddings()(prompt.input_ids.clamp(max=model.vocab_size - 1))

        def read(cache: DynamicCache | None = None) -> torch.Tensor:
            cache = DynamicCache() if cache is None else cache
            hidden = decoder(inputs_embeds=embedded, past_key_values=cache, use_cache=True)
            return head(hidden.last_hidden_state[:, -1:])

        with running(model, prompt, what) as work:
            prefill = seconds(read, device, settings.repeats)
            if device.type == "cuda":
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
                    hidden = decoder(
                        input_ids=token,
                        past_key_values=cache,
                        use_cache=True,
                        position_ids=torch.full((1, 1), len(prompt) + place, device=device),
                    )
                    token = head(hidden.last_hidden_state[:, -1:]).argmax(-1)
                cache.crop(-settings.tokens)

            # As workbench.engine.generation has it: not by cuDNN, which plans every length anew.
            kernels = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]

            with sdpa_kernel(kernels):
                writing = seconds(write, device, 5)
            done = work()
    return {
        "prefill_s": median(prefill),
        "prefill_all_s": prefill,
        "kv_bytes": kept,
        "peak_bytes": peak,
        "tokens_per_s": settings.tokens / median(writing),
        "attention_pairs": done.pairs,
        "rows": done.rows,
        "tflop": done.flops(model) / 1e12,
    }


def main(settings: Settings) -> None:
    device = torch.device(settings.device)
    model, prompt = build(settings.shape, device, getattr(torch, settings.dtype))
    found = {name: measure(model, prompt, what, settings) for name, what in cases(settings).items()}
    base = found["untouched"]
    ratios = ("prefill_s", "kv_bytes", "peak_bytes", "tokens_per_s", "attention_pairs", "tflop")
    for row in found.values():
        row |= {f"{name}_ratio": row[name] / base[name] for name in ratios if row[name]}
    result = {"shape": settings.shape, "length": len(prompt), "layers": model.n_layers, "cases": found}
    name = f"acceleration-{settings.shape}-{settings.device}-{settings.dtype}"
    path = save(settings.out, name, result, model)
    print(f"{'':24}{'prefill':>9}{'ratio':>7}{'FLOP':>7}{'pairs':>7}{'K/V':>7}{'peak':>7}{'tokens/s':>10}")
    for name, row in found.items():
        print(
            f"{name:24}{1000 * row['prefill_s']:8.1f}m"
            + "".join(
                f"{row.get(f'{key}_ratio', float('nan')):7.3f}"
                for key in ("prefill_s", "tflop", "attention_pairs", "kv_bytes", "peak_bytes")
            )
            + f"{row['tokens_per_s']:10.1f}"
        )
    print(path)


if __name__ == "__main__":
    main(tyro.cli(Settings))
