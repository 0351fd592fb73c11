"""How well a ranking finds what it should: precision and recall, with ties counted as drawn at random.

Axes: c candidate.
"""

from __future__ import annotations

import numpy as np

from workbench.shapes import Bool, Float, shaped


@shaped
def average_precision(scores: Float[np.ndarray, " c"], true: Bool[np.ndarray, " c"]) -> float:
    """The area under the curve of precision against recall, in steps: 1 where all true candidates lead.

    Equal scores are one step, so that no order among them counts. NaN where nothing is true.
    Source: Manning et al., "Introduction to Information Retrieval", section 8.4.
    """
    if not true.any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(true[order])
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    precision, recall = hits[ends] / (ends + 1), hits[ends] / true.sum()
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


@shaped
def chance_of_top(scores: Float[np.ndarray, " c"], k: int) -> Float[np.ndarray, " c"]:
    """How likely each candidate is among the `k` highest, where ties are broken at random."""
    if k < 1:
        return np.zeros(len(scores))
    last = np.sort(scores)[::-1][min(k, len(scores)) - 1]
    above, level = scores > last, scores == last
    return above + level * ((min(k, len(scores)) - above.sum()) / level.sum())
