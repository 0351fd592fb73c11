"""Effective pathways as interventions: everything but the pathways is closed. And their random control.

Map the Flow, section 3.5. What stays closed is data, a tuple of cuts, in one of three modes:

faithful    The paper's. Cross-frame, video -> question and question -> last are open in their ranges only;
            video -> last and last -> last are closed everywhere; all edges among video rows close after the
            last layer of video -> question, those among question rows after the last of question -> last. The
            gap before the question and the tail behind it are free, so that video -> tail -> last stays open
            in all layers: a way round the pathways.
strict      The same without that way round. Gap and tail never read the video, and the tail reads the
            question only where `last` may. Rows of the video outside frames read it, and are read by it,
            only where frames may read earlier frames. What `last` knows of the video then came through the
            three flows.
general     As strict, but the sweep decides on every flow that it looked at: one that has a range is open in
            it, also video -> last, last -> last, video -> gap + tail and question -> tail. Video rows close
            among themselves after the last layer in which anything reads the video, question rows after the
            last in which anything reads the question. For models that read the video from `last`, unlike
            those of the paper.

The paper's text ("all keys and queries"), its count of edges (V(V+1)/2) and the authors' script agree that
rows lose their own key too where all edges among them close; they keep those to the rows before the video.
`keep_self=True` leaves each row its own key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, get_args

from workbench.analyses.pathways.ranges import Pathways
from workbench.errors import KnockoutError, RunError, near_matches
from workbench.interventions import Cut, Flow, Knockout, RandomEdges
from workbench.interventions.catalogue import (
    CROSS_FRAME,
    LAST_LAST,
    QUESTION_LAST,
    VIDEO_LAST,
    VIDEO_QUESTION,
)
from workbench.interventions.counts import removed_by_layer
from workbench.interventions.random_edges import pool_size

if TYPE_CHECKING:
    from workbench.prompts.layout import TokenLayout

Mode = Literal["faithful", "strict", "general"]
MODES: tuple[Mode, ...] = get_args(Mode)
Spread = Literal["even", "matched"]
SPREADS: tuple[Spread, ...] = get_args(Spread)

Ranges = Mapping[str, tuple[int, int]]
"""For each flow its first and last open layer, from 1, both included; `wb.pathways` makes them."""

VIDEO_REST, QUESTION_TAIL = "video -> gap + tail", "question -> tail"
PAPER_FLOWS = (CROSS_FRAME, VIDEO_QUESTION, QUESTION_LAST)
"""The flows whose ranges the paper's modes need."""
GENERAL_FLOWS = (*PAPER_FLOWS, VIDEO_LAST, LAST_LAST, VIDEO_REST, QUESTION_TAIL)
"""The flows on which a sweep can decide in general mode. Sweep the first four at least."""


def check_mode(mode: str) -> Mode:
    """The mode of that name. Raises RunError with the known ones."""
    if mode not in MODES:
        raise RunError(f"There is no mode {mode!r}.{near_matches(mode, MODES)} Modes: {', '.join(MODES)}.")
    return mode


def check_modes(modes: Sequence[str]) -> tuple[Mode, ...]:
    """Several modes. Raises RunError for none, one twice, or an unknown one."""
    if isinstance(modes, str) or not modes or len(set(modes)) < len(modes):
        raise RunError(f"modes={modes!r}: name one or more of {', '.join(MODES)}, each once.")
    return tuple(check_mode(mode) for mode in modes)


def check_spread(spread: str) -> str:
    """How random edges are spread. Raises RunError for an unknown way."""
    if spread not in SPREADS:
        raise RunError(
            f"There is no spread {spread!r}.{near_matches(spread, SPREADS)} Spreads: {', '.join(SPREADS)}."
        )
    return spread


def closed_by(
    ranges: Ranges, n_layers: int, mode: str = "faithful", *, keep_self: bool = False
) -> tuple[Cut, ...]:
    """What stays closed when only effective pathways are open, for a model of `n_layers` layers.

    A flow without a range is open nowhere. Flows that are parts of others (true_option -> last) decide
    nothing by themselves. Raises RunError for an unknown mode, ranges outside the model, or pathways of a
    sweep that did not look at a flow that the mode needs.
    """
    mode = check_mode(mode)
    _check_ranges(ranges, n_layers)
    _check_swept(ranges, mode)
    self_too = "" if keep_self else " (self too)"
    general = mode == "general"

    def end(*flows: str) -> int:
        return max((ranges[flow][1] for flow in flows if flow in ranges), default=0)

    def own(flow: str) -> tuple[int, int] | None:
        return ranges.get(flow) if general else None

    among_video = end(VIDEO_QUESTION, *((VIDEO_LAST, VIDEO_REST) if general else ()))
    among_question = end(QUESTION_LAST, *((QUESTION_TAIL,) if general else ()))
    cuts = [
        *_outside(CROSS_FRAME, ranges.get(CROSS_FRAME), n_layers),
        *_outside(VIDEO_QUESTION, ranges.get(VIDEO_QUESTION), n_layers),
        *_outside(QUESTION_LAST, ranges.get(QUESTION_LAST), n_layers),
        *_outside(VIDEO_LAST, own(VIDEO_LAST), n_layers),
        *_outside(LAST_LAST, own(LAST_LAST), n_layers),
        *_outside(f"video -> video{self_too}", (1, among_video), n_layers),
        *_outside(f"question -> question{self_too}", (1, among_question), n_layers),
    ]
    if mode != "faithful":
        cuts += [
            *_outside(VIDEO_REST, own(VIDEO_REST), n_layers),
            *_outside(QUESTION_TAIL, own(QUESTION_TAIL) or ranges.get(QUESTION_LAST), n_layers),
            *_outside("video -> separator", ranges.get(CROSS_FRAME), n_layers),
            *_outside("separator -> video", ranges.get(CROSS_FRAME), n_layers),
        ]
    return tuple(cuts)


def random_knockout(
    effective: Knockout,
    layout: TokenLayout,
    n_layers: int,
    *,
    seed: int,
    spread: str = "even",
    keep_self: bool = True,
    n_heads: int | None = None,
) -> Knockout:
    """As many edges closed as by `effective`, drawn at random: Map the Flow's control.

    Edges are drawn among positions at or after the first video row, anew in every layer. `spread="even"`
    closes the same number in every layer, as the authors do; "matched" as many in each layer as the pathways
    close there. `keep_self` spares each row's own key; the authors' script does not. Where `effective` cuts
    single heads, `n_heads` says how many there are: each layer's mean over heads is what counts.

    Raises RunError for an unknown spread, KnockoutError where a layer is to lose more edges than the prompt
    has to draw from: without `keep_self`, pathways can close own keys too, which such a control spares.
    """
    check_spread(spread)
    closed = removed_by_layer(layout, n_layers, effective, n_heads=n_heads)
    closed = [round(edges / (n_heads or 1)) for edges in closed]
    if spread == "even":
        each, left = divmod(sum(closed), n_layers)
        closed = [each + (layer < left) for layer in range(n_layers)]
    first = int(layout["video"][0])
    most, pool = max(closed), pool_size(layout.length - first, keep_self=keep_self)
    if most > pool:
        spared = " besides each row's own key" if keep_self else ""
        raise KnockoutError(
            f"{most:,} random edges are to be closed in layer {closed.index(most) + 1}, and this prompt has "
            f"{pool:,} from its first video row on{spared}. Open more layers"
            + (", or let own keys be drawn too (keep_self=False)." if keep_self else ".")
        )
    drawn = [
        RandomEdges(count=count, first_row=first, seed=seed, draw=layer, keep_self=keep_self)
        for layer, count in enumerate(closed)
        if count
    ]
    return Knockout(
        cuts=tuple(Cut(flow=flow, first_layer=flow.draw + 1, last_layer=flow.draw + 1) for flow in drawn)
    )


def _outside(flow: str, layers: tuple[int, int] | None, n_layers: int) -> list[Cut]:
    """The flow, cut before and after the layers in which it is open; everywhere where there are none."""
    first, last = layers or (n_layers + 1, n_layers)
    parts = ((1, first - 1), (last + 1, n_layers))
    if first > n_layers or last < first:
        parts = ((1, n_layers),)
    parsed = Flow.parse(flow)
    return [Cut(flow=parsed, first_layer=a, last_layer=b) for a, b in parts if a <= b]


def _check_ranges(ranges: Ranges, n_layers: int) -> None:
    for flow, (first, last) in ranges.items():
        if not 1 <= first <= last <= n_layers:
            raise RunError(
                f"The range {first}-{last} of {flow!r} is none of a model of {n_layers} layers: give its "
                f"first and its last open layer, from 1 to {n_layers}."
            )


def _check_swept(ranges: Ranges, mode: Mode) -> None:
    if not isinstance(ranges, Pathways):
        return
    needed = (*PAPER_FLOWS, VIDEO_LAST) if mode == "general" else PAPER_FLOWS
    missing = [flow for flow in needed if flow not in ranges.flows]
    if missing:
        raise RunError(
            f"The sweep did not look at {', '.join(map(repr, missing))}, which the {mode} mode needs. Sweep "
            f"{'it' if len(missing) == 1 else 'them'} too, or give the ranges as a plain dict."
        )
