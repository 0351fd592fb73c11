"""Honest timings: everything asked for is finished before the clock stops."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch


def finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(work: Callable[[], object], device: torch.device, repeats: int) -> list[float]:
    """Wall seconds of each of `repeats` calls, after one that is not counted."""
    work()
    times = []
    for _ in range(repeats):
        finish(device)
        begun = time.perf_counter()
        work()
        finish(device)
        times.append(time.perf_counter() - begun)
    return times


def median(times: list[float]) -> float:
    return statistics.median(times)


def matmul_rate(device: torch.device, dtype: torch.dtype) -> float:
    """TFLOP/s of one large matrix product: the limit that everything else is held against."""
    size = 8192 if device.type == "cuda" else 1024
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    many = 20 if device.type == "cuda" else 5

    def work() -> None:
        for _ in range(many):
            torch.mm(a, b)

    return many * 2 * size**3 / median(seconds(work, device, 5)) / 1e12
