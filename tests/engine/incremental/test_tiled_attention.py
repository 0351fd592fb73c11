"""The kernel over tiles equals softmax written out, for knockouts of every kind that the engine packs."""

from __future__ import annotations

import pytest
import torch

from benchmarks.knockouts import work_of
from benchmarks.shapes import build
from workbench.engine import IncrementalEngine
from workbench.engine.incremental import packed_attention
from workbench.engine.kernels import attend, plain

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize(
    ("shape", "frames"), [("llava-next-7b", 3), ("llava-next-7b", 8), ("llava-video-7b", 5)]
)
def test_a_layer_of_packed_rows_equals_its_pieces_in_float64(monkeypatch, dtype, shape, frames) -> None:
    """Real head sizes, one and many query heads a key head, and all that the two papers cut."""
    model, prompt = build(shape, torch.device("cuda"), dtype, frames=frames, layers=4)
    asked = work_of("mtf", model.n_layers) + work_of("es", model.n_layers)
    compared: list[float] = []

    def in_float64(query, key, value, *, scale, causal=False, mask=None):
        way = plain if query.dtype == torch.float64 else attend
        return way(query, key, value, scale=scale, causal=causal, mask=mask)

    monkeypatch.setattr(packed_attention, "attend", in_float64)
    own = packed_attention.PackedAttention.__call__

    def both(self, module, query, key, value, mask, default, **options):
        made, known = self.tiled, list(self.known)
        found = own(self, module, query, key, value, mask, default, **options)
        assert made is not None
        # The same by pieces, in float64, over the same untouched keys.
        self.tiled, segments_known = None, self.known
        if known:
            packed = known[0]
            done, by_node = 0, []
            for segment in self.segments:
                rows = segment.nodes * (segment.length - segment.start)
                part = [one[done : done + rows].double() for one in packed]
                by_node.append(tuple(one.unflatten(0, (segment.nodes, -1)).transpose(1, 2) for one in part))
                done += rows
            self.known = by_node
        for start in self.starts:
            for kept in (start.untouched.keys, start.untouched.values):
                kept[self.layer] = kept[self.layer].double()
        truth = own(self, module, query.double(), key.double(), value.double(), mask, default, **options)[0]
        for start in self.starts:
            for kept in (start.untouched.keys, start.untouched.values):
                kept[self.layer] = kept[self.layer].to(dtype)
        self.tiled, self.known = made, segments_known
        assert torch.isfinite(found[0]).all()
        compared.append(float((found[0].double() - truth).norm() / truth.norm()))
        return found

    monkeypatch.setattr(packed_attention.PackedAttention, "__call__", both)
    IncrementalEngine().outcomes(model, prompt, asked)
    assert len(compared) >= 3
    assert max(compared) < (5e-3 if dtype == torch.bfloat16 else 1e-3)
