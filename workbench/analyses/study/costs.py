"""What exits save: attention pairs, operations, and the measured time and memory of the language model.

The vision tower does the same in every case and is left out. Attention pairs are the accounting of An
Empirical Study, Table 1; all else is measured here, in one run, the cases taking turns.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from workbench.analyses.study.cases import UNTOUCHED, Case
from workbench.errors import RunError
from workbench.interventions.exits import Acceleration

if TYPE_CHECKING:
    import torch

    from workbench.engine.flops import Work
    from workbench.models import VideoLLM
    from workbench.prompts.prompt import Prompt


class Cost(NamedTuple):
    """One case: a row. Percents are of the untouched model on the same prompts; the rest are medians."""

    case: str
    prompts: int
    pairs_percent: float
    """(query, key) pairs that attention computes, over all layers."""
    flops_percent: float
    """Operations of the decoder for a prompt, its last row's logits included."""
    prefill_ms: float
    """Wall time of reading a prompt, milliseconds."""
    prefill_percent: float
    kv_percent: float
    """Bytes of keys and values that are kept for writing."""
    peak_gb: float
    """Most GPU memory that reading a prompt takes beside the weights; missing on a CPU."""
    tokens_per_s: float
    """Written after the prompt, one sequence."""


COST_COLUMNS = list(Cost._fields)


class _Taken(NamedTuple):
    work: Work
    seconds: list[float]
    kv_bytes: int
    peak_bytes: float
    writing: float
    """Seconds a token."""


def costs(
    model: VideoLLM, prompts: Sequence[Prompt], cases: Sequence[Case], *, repeats: int = 5, tokens: int = 8
) -> pd.DataFrame:
    """Every case on every prompt, the untouched model first; a row a case. Columns: `Cost`.

    Each prompt is read `repeats` times in each case, after one that does not count, and `tokens` are written.
    Raises RunError for no prompt, no repeat or no token, and for a case that is not an Acceleration.
    """
    if not prompts or repeats < 1 or tokens < 1:
        raise RunError(
            f"{len(prompts)} prompts, repeats={repeats!r}, tokens={tokens!r}: give at least one of each."
        )
    what: dict[str, Acceleration | None] = {UNTOUCHED: None}
    for case in cases:
        if not isinstance(case.intervention, Acceleration):
            raise RunError(f"The case {case.name!r} saves nothing: it is a {case.intervention.kind}.")
        what[case.name] = case.intervention
    taken: dict[str, list[_Taken]] = {name: [] for name in what}
    for prompt in prompts:
        for name, found in _measured(model, prompt, what, repeats, tokens).items():
            taken[name].append(found)
    return pd.DataFrame(
        [_row(model, name, found, taken[UNTOUCHED]) for name, found in taken.items()],
        columns=pd.Index(COST_COLUMNS),
    )


def costs_in_short(cost: pd.DataFrame) -> dict[str, str]:
    """For each case of `costs`: attention pairs / operations / time to read, percent of the untouched."""
    said = ("pairs_percent", "flops_percent", "prefill_percent")
    return {row["case"]: " / ".join(f"{row[name]:.0f}" for name in said) for row in cost.to_dict("records")}


def _row(model: VideoLLM, case: str, found: list[_Taken], base: list[_Taken]) -> Cost:
    def percent(number: Any) -> float:
        return 100 * sum(map(number, found)) / sum(map(number, base))

    return Cost(
        case=case,
        prompts=len(found),
        pairs_percent=percent(lambda one: one.work.pairs),
        flops_percent=percent(lambda one: one.work.flops(model)),
        prefill_ms=1000 * median(second for one in found for second in one.seconds),
        prefill_percent=percent(lambda one: median(one.seconds)),
        kv_percent=percent(lambda one: one.kv_bytes),
        peak_gb=max(one.peak_bytes for one in found) / 1e9,
        tokens_per_s=1 / median(one.writing for one in found),
    )


def _measured(
    model: VideoLLM, prompt: Prompt, what: dict[str, Acceleration | None], repeats: int, tokens: int
) -> dict[str, _Taken]:
    import torch

    decoder: Any = model.hf.get_decoder()
    head: Any = model.hf.get_output_embeddings()
    seconds: dict[str, list[float]] = {name: [] for name in what}
    taken: dict[str, _Taken] = {}
    with torch.no_grad():
        embedded = model.hf.get_input_embeddings()(prompt.input_ids.clamp(max=model.vocab_size - 1))
        for turn in range(1 + repeats):
            for name, one in what.items():
                with running(model, prompt, one) as work:
                    spent, cache, logits, peak = _read(decoder, head, embedded, model.device)
                    if turn:
                        seconds[name].append(spent)
                    if turn == repeats:
                        kept = sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)
                        done = work()
                        writing = _write(decoder, head, cache, logits, len(prompt), tokens)
                        taken[name] = _Taken(done, seconds[name], kept, peak, writing)
    return taken


def _read(
    decoder: Any, head: Any, embedded: torch.Tensor, device: torch.device
) -> tuple[float, Any, torch.Tensor, float]:
    """Seconds, cache, logits of the last row, and peak bytes (NaN on a CPU) of reading a prompt."""
    import torch
    from transformers import DynamicCache

    on_gpu = device.type == "cuda"
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device) if on_gpu else 0
    cache = DynamicCache()
    _finish(device)
    begun = time.perf_counter()
    hidden = decoder(inputs_embeds=embedded, past_key_values=cache, use_cache=True)
    logits = head(hidden.last_hidden_state[:, -1:])
    _finish(device)
    spent = time.perf_counter() - begun
    peak = float(torch.cuda.max_memory_allocated(device) - before) if on_gpu else float("nan")
    return spent, cache, logits, peak


def _write(decoder: Any, head: Any, cache: Any, logits: torch.Tensor, length: int, tokens: int) -> float:
    """Seconds a token."""
    import torch

    begun = time.perf_counter()
    token = logits.argmax(-1)
    for place in range(tokens):
        at = torch.full((1, 1), length + place, device=token.device)
        hidden = decoder(input_ids=token, past_key_values=cache, use_cache=True, position_ids=at)
        token = head(hidden.last_hidden_state[:, -1:]).argmax(-1)
    _finish(token.device)
    return (time.perf_counter() - begun) / tokens


def _finish(device: torch.device) -> None:
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)


@contextmanager
def running(model: VideoLLM, prompt: Prompt, what: Acceleration | None) -> Iterator[Callable[[], Work]]:
    """Forward passes are of this prompt in this case (None: untouched) while the context is open; gives what
    tells the work of the last one."""
    from workbench.engine.accelerated import accelerated
    from workbench.engine.flops import work_of

    if what is None:
        yield lambda: work_of(prompt.layout, model.n_layers)
        return
    with accelerated(model, what) as fast, fast.running([prompt]):
        yield lambda: work_of(prompt.layout, model.n_layers, what, fast.left_before()[0])
