"""The unembedding in tiles of the vocabulary: whole logits, or whole weights in float32, may not fit.

Axes: r row, d model, w word of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from workbench.models.placement import present
from workbench.shapes import Float, shaped

VOCAB_CHUNK = 16_384
"""Words of a tile: with 1,024 rows 64 MiB of float32."""


class Tile(NamedTuple):
    """The logits of some neighbouring words."""

    first: int
    """Id of its first word."""
    logits: Float[Tensor, "r w"]
    """In float32."""


@shaped
def tiles(
    unembed: nn.Linear,
    hidden: Float[Tensor, "r d"],
    size: int = VOCAB_CHUNK,
    *,
    only: Sequence[int] | None = None,
    wide: bool = False,
    cap: float | None = None,
) -> Iterator[Tile]:
    """Logits of normed residual streams, tile by tile; with `only`, of the tiles that hold these ids.

    The product is in the model's own type, as in its forward, or in float32 where `wide`; what is given is in
    float32. Logits go through cap * tanh(logits / cap) where there is a cap.
    """
    wanted = None if only is None else {id // size for id in only}
    with present(unembed):
        for first in range(0, unembed.weight.shape[0], size):
            if wanted is None or first // size in wanted:
                weight = unembed.weight[first : first + size]
                bias = None if unembed.bias is None else unembed.bias[first : first + size]
                if wide:
                    weight, bias = weight.float(), None if bias is None else bias.float()
                logits = F.linear(hidden.to(weight.dtype), weight, bias)
                logits = logits if cap is None else (logits / cap).tanh() * cap
                yield Tile(first, logits.float())
