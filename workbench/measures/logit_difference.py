"""Logit difference between the answer's option and the best other option.

The answer's option is the one whose letter the traced token spells. An option's logit is the highest over all
spellings of its letter. Missing (NaN) where there is nothing to compare: open-ended samples, a traced token
that is no option's letter, a question with one option.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.measures.registry import Measure, against, register

if TYPE_CHECKING:
    from torch import Tensor

    from workbench.engine import Readout
    from workbench.measures.correctness import Judge


def _readout(judge: Judge) -> Readout:
    def read(base: Tensor, changed: Tensor, token_id: int) -> Tensor:
        answer = judge.letters.get(token_id)
        mine = [token for token, letter in judge.letters.items() if letter == answer]
        others = [token for token, letter in judge.letters.items() if letter != answer]
        if not mine or not others:
            return changed.new_full((len(changed), 2), float("nan")).double()

        def difference(logits: Tensor) -> Tensor:
            return logits[:, mine].double().amax(-1) - logits[:, others].double().amax(-1)

        return against(difference(base[None]), difference(changed))

    return read


MEASURE = register(
    Measure(
        name="logit_difference",
        columns={
            "logit_difference_base": "logit of the answer's option minus the best other option's in the "
            "untouched model; missing where the traced token is no option's letter",
            "change_logit_difference": "logit difference after the cut minus logit_difference_base",
        },
        readout=_readout,
    )
)
