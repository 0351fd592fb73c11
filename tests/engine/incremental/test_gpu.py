"""The incremental engine on a GPU: its kernels, its memory plan, its way out of memory that runs out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from tests.engine.incremental.test_engine import all_knockouts, same
from tests.tiny import FAMILY_NAMES, tiny_folder, tiny_model, tiny_prompt
from workbench.engine import IncrementalEngine, get_engine
from workbench.engine.incremental import memory
from workbench.engine.kernels import attend, plain
from workbench.interventions import NAMED_FLOWS, centred
from workbench.models import load

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
]
NAMED = tuple(named.text for named in NAMED_FLOWS)


@pytest.mark.parametrize("family", FAMILY_NAMES)
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_float32_equals_the_reference(family: Any, attention: Any) -> None:
    torch.backends.cuda.matmul.allow_tf32 = False
    model = load(tiny_folder(family), device="cuda", dtype="float32", attention=attention)
    prompt = tiny_prompt(model)
    asked = all_knockouts(model.n_layers)
    found, expected = (
        get_engine(engine).outcomes(model, prompt, asked) for engine in ("incremental", "reference")
    )
    same(found, expected, asked)
    assert found.peak_bytes


@pytest.mark.parametrize("family", FAMILY_NAMES)
@pytest.mark.parametrize("engine", ["incremental", "incremental-float32"])
def test_bfloat16_is_near_the_truth(family: Any, engine: str) -> None:
    model = load(tiny_folder(family), device="cuda", dtype="bfloat16")
    exact = tiny_model(family)
    asked = all_knockouts(model.n_layers, NAMED, (centred(3),))
    token = get_engine("reference").outcomes(exact, tiny_prompt(exact), []).baseline.token_id
    truth = get_engine("reference").outcomes(exact, tiny_prompt(exact), asked, token_id=token)
    found = get_engine(engine).outcomes(model, tiny_prompt(model), asked, token_id=token)
    for one, two in zip(found.changed, truth.changed, strict=True):
        assert one.p == pytest.approx(two.p, rel=0.3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("kind", ["full", "causal", "masked", "shared"])
@pytest.mark.parametrize("key_heads", [2, 8])
def test_kernels(dtype: torch.dtype, kind: str, key_heads: int) -> None:
    torch.manual_seed(0)
    rows, keys = 70, 70 if kind == "causal" else 131
    query = torch.randn(3, 8, rows, 64, device="cuda", dtype=dtype)
    key, value = (
        torch.randn(1 if kind == "shared" else 3, key_heads, keys, 64, device="cuda", dtype=dtype)
        for _ in range(2)
    )
    mask = None
    if kind == "masked":
        mask = torch.rand(rows, keys, device="cuda") < 0.3
        mask[:, 5] = True
    found = attend(query, key, value, scale=0.1, causal=kind == "causal", mask=mask)
    whole = [part.expand(3, -1, -1, -1).double() for part in (key, value)]
    truth = plain(query.double(), *whole, scale=0.1, causal=kind == "causal", mask=mask)
    tolerance = {torch.float32: 1e-5, torch.bfloat16: 2e-2, torch.float16: 3e-3}[dtype]
    torch.testing.assert_close(found.out.double(), truth.out, atol=tolerance, rtol=tolerance)
    torch.testing.assert_close(found.lse.double(), truth.lse, atol=tolerance, rtol=tolerance)


@pytest.fixture
def little_memory() -> Iterator[None]:
    """A cap that this process may take of the GPU's memory: 1.5 GB over what it has."""
    torch.cuda.empty_cache()
    free, total = torch.cuda.mem_get_info()
    used = torch.cuda.memory_allocated()
    torch.cuda.set_per_process_memory_fraction((used + 1.5e9) / total)
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)
    assert free > 4e9, "the cap must be the limit, not the card"


def test_memory_that_runs_out_leaves_the_right_table(little_memory: None) -> None:
    """The plan believes the card's free memory; the cap is below it, so the first tries must fail."""
    from benchmarks.knockouts import work_of
    from benchmarks.shapes import build

    model, prompt = build("tiny", torch.device("cuda"), torch.float32, frames=128)
    asked = work_of("mtf", model.n_layers)
    expected = IncrementalEngine(limit_bytes=int(2e8)).outcomes(model, prompt, asked)
    found = IncrementalEngine(limit_bytes=int(40e9)).outcomes(model, prompt, asked)
    same(found, expected, asked)


def test_rows_take_what_was_predicted() -> None:
    from benchmarks.knockouts import work_of
    from benchmarks.shapes import build

    model, prompt = build("tiny", torch.device("cuda"), torch.bfloat16, frames=512, layers=16)
    asked = work_of("mtf", model.n_layers)
    few, many = 10_000, 80_000  # rows
    small, large = (
        IncrementalEngine(limit_bytes=rows * memory.bytes_per_row(model)).outcomes(model, prompt, asked)
        for rows in (few, many)
    )
    assert small.peak_bytes is not None
    assert large.peak_bytes is not None
    predicted = (many - few) * memory.bytes_per_row(model)
    assert 0.3 * predicted < large.peak_bytes - small.peak_bytes < 1.2 * predicted
