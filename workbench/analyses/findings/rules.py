"""The verdict on a claim: it holds where its rule is met by the whole interval of what was measured."""

from __future__ import annotations

from typing import Literal

from workbench.statistics.bootstrap import Estimate

Verdict = Literal["holds", "does not hold", "undecided", "not measured"]


def below(estimate: Estimate, bound: float, *, noise: float = 0.0) -> Verdict:
    """The verdict on "it is below the bound".

    What is within `noise` of the bound is undecided, however narrow the interval: rounding is as regular as
    an effect.
    """
    if estimate.high < bound - noise:
        return "holds"
    return "does not hold" if estimate.low > bound + noise else "undecided"


def above(estimate: Estimate, bound: float, *, noise: float = 0.0) -> Verdict:
    """The verdict on "it is above the bound"."""
    return below(Estimate(-estimate.value, -estimate.high, -estimate.low), -bound, noise=noise)


def both(*verdicts: Verdict) -> Verdict:
    """The verdict on several conditions together."""
    if "does not hold" in verdicts:
        return "does not hold"
    return "holds" if all(verdict == "holds" for verdict in verdicts) else "undecided"
