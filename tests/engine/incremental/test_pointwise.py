"""Kernels of one pass equal what they stand for, written out in float64."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
]
TOLERANCE = {torch.float32: 1e-6, torch.bfloat16: 8e-3, torch.float16: 1e-3}


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("shape", [(1, 1, 5), (1, 7, 64), (1, 333, 11008), (3, 5, 1000)])
def test_a_gate(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    from workbench.engine.incremental.pointwise import gated

    gate, up = (4 * torch.randn(shape, device="cuda", dtype=dtype) for _ in range(2))
    truth = F.silu(gate.double()) * up.double()
    found = gated(gate, up)
    assert found.data_ptr() == gate.data_ptr()
    torch.testing.assert_close(found.double(), truth, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("heads", [(4, 4), (28, 4), (1, 1)])
@pytest.mark.parametrize("rows", [1, 31, 500])
def test_a_rotation(dtype: torch.dtype, heads: tuple[int, int], rows: int) -> None:
    from workbench.engine.incremental.pointwise import rotated

    # As models have them: heads beside one another in every row.
    query, key = (
        torch.randn(1, rows, count, 128, device="cuda", dtype=dtype).transpose(1, 2) for count in heads
    )
    cos, sin = (torch.randn(1, rows, 128, device="cuda", dtype=dtype) for _ in range(2))
    for found, given in zip(rotated(query, key, cos, sin), (query, key), strict=True):
        wide = given.double()
        turned = torch.cat([-wide[..., 64:], wide[..., :64]], dim=-1)
        truth = wide * cos.double()[:, None] + turned * sin.double()[:, None]
        torch.testing.assert_close(found.double(), truth, rtol=TOLERANCE[dtype], atol=2 * TOLERANCE[dtype])
        assert found.stride(-1) == 1
