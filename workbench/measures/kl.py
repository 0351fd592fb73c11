"""KL divergence of the whole next-token distribution: how far the cut model is from the untouched one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.measures.registry import Measure, register, row_by_row
from workbench.shapes import Float, shaped

if TYPE_CHECKING:
    from torch import Tensor

    from workbench.engine import Readout
    from workbench.measures.correctness import Judge


@shaped
def kl(base: Float[Tensor, " vocab"], changed: Float[Tensor, "row vocab"]) -> Float[Tensor, " row"]:
    """KL(base || changed) in nats, float64, from logits."""
    log_p = base.double().log_softmax(-1)
    p = log_p.exp()

    def of(block: Tensor) -> Tensor:
        # A token that cannot be (logit -inf) adds nothing, also where it is -inf in both.
        terms = (log_p - block.log_softmax(-1)).mul_(p).masked_fill_(p == 0, 0)
        return terms.sum(-1).clamp_(min=0)  # it is never below 0, but for rounding

    return row_by_row(of, changed)


def _readout(judge: Judge) -> Readout:
    return lambda base, changed, token_id: kl(base, changed)[:, None]


MEASURE = register(
    Measure(
        name="kl",
        columns={"kl": "KL divergence of the next-token distribution after the cut from the untouched, nats"},
        readout=_readout,
    )
)
