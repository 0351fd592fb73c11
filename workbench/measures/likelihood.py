"""Which option a model chooses by likelihood: a probability for every letter, from one forward pass.

An Empirical Study (CVPR 2026) decides by accuracy. A letter's probability is the sum over its spellings ("B",
" B", ..), among the options alone: what else the model might have said has no part in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from workbench.shapes import Float, shaped

if TYPE_CHECKING:
    from torch import Tensor

    from workbench.engine import Readout
    from workbench.measures.correctness import Judge


class Choice(NamedTuple):
    """The option that a model chooses by likelihood."""

    letter: str
    p: float
    """Its probability among the options."""


@shaped
def option_log_p(
    logits: Float[Tensor, "row vocab"], spellings: Sequence[Sequence[int]]
) -> Float[Tensor, "row option"]:
    """Log-probability of each option among all, natural, float64; `spellings` are its letter's token ids."""
    import torch

    mass = torch.stack([logits[:, list(ids)].double().logsumexp(-1) for ids in spellings], dim=1)
    return mass.log_softmax(-1)


def spellings(judge: Judge, letters: Sequence[str]) -> list[list[int]]:
    """The token ids that each letter can be written with."""
    return [[token for token, letter in judge.letters.items() if letter == one] for one in letters]


def options_readout(judge: Judge, letters: Sequence[str]) -> Readout:
    """`option_log_p` of the untouched model's logits, and behind it that after each intervention."""
    import torch

    ids = spellings(judge, letters)

    def read(base: Tensor, changed: Tensor, token_id: int) -> Tensor:
        untouched, found = option_log_p(base[None], ids), option_log_p(changed, ids)
        return torch.cat([untouched.expand_as(found), found], dim=1)

    return read


def chosen(log_p: Sequence[float], letters: Sequence[str]) -> Choice:
    """The likeliest letter, the first where several are; `log_p` by `option_log_p`."""
    import math

    best = max(range(len(letters)), key=lambda place: log_p[place])
    return Choice(letters[best], math.exp(log_p[best]))
