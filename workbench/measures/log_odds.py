"""Log-odds of the traced token against all others: it goes on where a probability near 1 saturates.

From logits and not from p, as logit_t - logsumexp(others) in float64, so that nothing is rounded to 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.measures.registry import Measure, against, register, row_by_row
from workbench.shapes import Float, shaped

if TYPE_CHECKING:
    from torch import Tensor

    from workbench.engine import Readout
    from workbench.measures.correctness import Judge


@shaped
def log_odds(logits: Float[Tensor, "row vocab"], token_id: int) -> Float[Tensor, " row"]:
    """log(p / (1 - p)) of one token, natural, float64."""

    def of(block: Tensor) -> Tensor:
        own = block[:, token_id].clone()
        block[:, token_id] = -float("inf")
        return own - block.logsumexp(-1)

    return row_by_row(of, logits)


def _readout(judge: Judge) -> Readout:
    return lambda base, changed, token_id: against(
        log_odds(base[None], token_id), log_odds(changed, token_id)
    )


MEASURE = register(
    Measure(
        name="log_odds",
        columns={
            "log_odds_base": "log(p / (1 - p)) of the traced token in the untouched model, natural logarithm",
            "change_log_odds": "log-odds after the cut minus log_odds_base",
        },
        readout=_readout,
    )
)
