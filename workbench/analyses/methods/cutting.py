"""Methods that cut: exact knockouts of one candidate, of a layer, of a window of layers, and of pairs.

All say the share of the logit difference that is lost, mean over samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from workbench.analyses.methods.losses import losses
from workbench.interventions import Flow, Knockout, Window, centred
from workbench.planted import Candidate, cut_of
from workbench.shapes import Float, shaped

if TYPE_CHECKING:
    from workbench.data import Sample
    from workbench.models import VideoLLM

MORE = 0.1
"""A pair loses more together than apart where the difference is more than this share of the whole."""


@shaped
def knockout(
    model: VideoLLM, samples: Sequence[Sample], candidates: Sequence[Candidate]
) -> Float[np.ndarray, " candidate"]:
    """Each candidate alone."""
    return losses(model, samples, [cut_of([one]) for one in candidates]).mean(0)


@shaped
def knockout_layer(
    model: VideoLLM, samples: Sequence[Sample], candidates: Sequence[Candidate]
) -> Float[np.ndarray, " candidate"]:
    """Its flow in its layer, in all heads, as An Empirical Study cuts."""
    return _in_windows(model, samples, candidates, centred(1))


@shaped
def knockout_window(
    model: VideoLLM, samples: Sequence[Sample], candidates: Sequence[Candidate]
) -> Float[np.ndarray, " candidate"]:
    """Its flow in its layer and the two around it, in all heads, as Map the Flow cuts."""
    return _in_windows(model, samples, candidates, centred(3))


def _in_windows(
    model: VideoLLM, samples: Sequence[Sample], candidates: Sequence[Candidate], window: Window
) -> np.ndarray:
    places = list(dict.fromkeys((one.flow, one.layer) for one in candidates))
    spans = {span.layer: span for span in window.expand(model.n_layers)}
    cuts = [Knockout.of(flow, spans[layer]) for flow, layer in places]
    found = dict(zip(places, losses(model, samples, cuts).mean(0), strict=True))
    return np.array([found[one.flow, one.layer] for one in candidates])


@shaped
def knockout_pairs(
    model: VideoLLM, samples: Sequence[Sample], candidates: Sequence[Candidate]
) -> Float[np.ndarray, " candidate"]:
    """Each candidate alone, and where others are cut that stand in for it: the larger of the two losses.

    It looks from the top. Flows are cut whole, alone and two by two, and only the candidates of those that
    lose something are cut: alone; beside another flow, where the two lose more together than apart; two by
    two, where the flow loses more than its candidates do. It misses what cancels out within a flow, and what
    three ways or more do for one another.
    """
    of_flow: dict[str, list[int]] = {}
    for place, one in enumerate(candidates):
        of_flow.setdefault(one.flow, []).append(place)
    whole = {flow: Knockout.of(Flow.parse(flow), (1, model.n_layers)) for flow in of_flow}
    pairs = list(combinations(of_flow, 2))
    both = [_together(whole[one], whole[other]) for one, other in pairs]
    lost = losses(model, samples, [*whole.values(), *both]).mean(0)
    by_flow = dict(zip(of_flow, map(float, lost), strict=False))
    standing_in = [
        flows
        for flows, together in zip(pairs, lost[len(whole) :], strict=True)
        if together - sum(by_flow[flow] for flow in flows) > MORE
    ]
    kept = {flow for flows in standing_in for flow in flows}
    kept |= {flow for flow, loss in by_flow.items() if abs(loss) > MORE}
    places = [place for flow in of_flow if flow in kept for place in of_flow[flow]]
    found = np.zeros(len(candidates))
    if not places:
        return found
    found[places] = losses(model, samples, [cut_of([candidates[place]]) for place in places]).mean(0)
    beside: list[tuple[int, Knockout, float]] = []
    """The candidate, what is cut, and what of that is lost without the candidate."""
    for mine, yours in (pair for one, other in standing_in for pair in ((one, other), (other, one))):
        for place in of_flow[mine]:
            beside.append((place, _together(cut_of([candidates[place]]), whole[yours]), by_flow[yours]))
    for flow in kept:
        if by_flow[flow] - found[of_flow[flow]].sum() > MORE:
            for one, other in combinations(of_flow[flow], 2):
                cut = cut_of([candidates[one], candidates[other]])
                beside += [(one, cut, float(found[other])), (other, cut, float(found[one]))]
    more = losses(model, samples, [cut for _, cut, _ in beside]).mean(0) if beside else np.empty(0)
    for (place, _, without), loss in zip(beside, more, strict=True):
        if abs(loss - without) > abs(found[place]):
            found[place] = loss - without
    return found


def _together(one: Knockout, other: Knockout) -> Knockout:
    return Knockout(cuts=(*one.cuts, *other.cuts))
