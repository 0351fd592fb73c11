"""What An Empirical Study does to a model, case by case: cuts by depth, by kind and by window, and savings.

The paper's models have 28 layers. Layers of models under 24 are scaled: see `interventions.depth`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from workbench.analyses.pathways.closing import Ranges, closed_by
from workbench.interventions import (
    SHALLOW,
    Flow,
    Intervention,
    Knockout,
    Window,
    after,
    all_layers,
    scaled_layer,
    trailing,
)
from workbench.interventions.catalogue import CROSS_FRAME, VIDEO_QUESTION, VIDEO_TEXT, WITHIN_FRAMES
from workbench.interventions.exits import Acceleration, Exit
from workbench.interventions.pruning import FastV, RandomRows

UNTOUCHED = "untouched"
NO_VIDEO = "no video"
"""Text cannot see the video in any layer: what knowledge of the world, and guessing, answer alone."""
STUDY_FLOWS = (VIDEO_TEXT, CROSS_FRAME, WITHIN_FRAMES)
"""Language-to-video, video temporal and video spatial knockouts: LV-K, VT-K, VS-K."""
EXIT_AFTER, FRAME_LOCAL, STUDY_WINDOW = 18, 8, 4
"""Of 28 layers: Table 1, Table 1, Fig. 6."""
EXIT, APART, EXIT_APART = "exit", "frames apart", "exit + frames apart"
PATHWAYS_ALONE = "pathways alone"


class Case(NamedTuple):
    """One thing that is done to the model."""

    name: str
    intervention: Intervention
    layer: int = 0
    """Its place on the layer axis; 0 where it has none."""
    first_layer: int = 0
    """From 1; 0 where it is in no range of layers."""
    last_layer: int = 0


def without_video(n_layers: int) -> Case:
    """Every row behind the video loses it, in all layers."""
    return Case(NO_VIDEO, Knockout.of(VIDEO_TEXT, (1, n_layers)), 0, 1, n_layers)


def depths(n_layers: int) -> tuple[int, ...]:
    """Layers after which the video is cut: the paper's 0, 1, 3, 5, .. and L; all where layers are few."""
    if n_layers < SHALLOW:
        return tuple(range(n_layers + 1))
    return (0, *range(1, n_layers, 2), n_layers)


def by_depth(flow: str, layers: Iterable[int], n_layers: int) -> list[Case]:
    """Global 1: a flow is cut in all layers after i, for every i (section 4, Fig. 3 and 4)."""
    return [case for layer in layers for case in in_window(flow, after(layer), n_layers)]


def everywhere(flows: Sequence[str], n_layers: int) -> list[Case]:
    """Global 2: each flow is cut in all layers (Fig. 5)."""
    return [case for flow in flows for case in in_window(flow, all_layers(), n_layers)]


def in_window(flow: str, window: Window, n_layers: int) -> list[Case]:
    """A flow is cut in every range of a window: trailing(4) of 28 layers for Fig. 6."""
    return [Case(str(Flow.parse(flow)), Knockout.of(flow, span), *span) for span in window.expand(n_layers)]


def study_window(n_layers: int) -> Window:
    """The paper's trailing(4), scaled to the depth."""
    return trailing(scaled_layer(STUDY_WINDOW, n_layers))


def savings(exit_after: int, frame_local: int, n_layers: int, *, seed: int = 0) -> list[Case]:
    """Table 1, and beside it pruners that drop half of the video where FastV does, after layer 2.

    As many random rows leave after the same layer. Without early layers that are `frame_local` (0), the
    cases with frames apart are left out.
    """
    leaves, early = (Exit(after=exit_after),), max(1, scaled_layer(2, n_layers))
    made = [Case(EXIT, Acceleration(exits=leaves), exit_after)]
    if frame_local:
        apart = (1, frame_local)
        made += [
            Case(APART, Acceleration(frame_local=apart), 0, *apart),
            Case(EXIT_APART, Acceleration(exits=leaves, frame_local=apart), exit_after, *apart),
        ]
    for rule in (FastV(), RandomRows(seed=seed)):
        made.append(Case(str(rule), Acceleration(exits=(Exit(after=early, rows=rule),)), early))
    return made


def pathways_alone(ranges: Ranges, n_layers: int) -> Case:
    """Map the Flow's effective pathways and nothing else, computed block by block.

    What is closed is that of the strict mode (`analyses.pathways.closing`). After the last layer in which
    anything reads the video, the video leaves. Raises RunError as `closed_by`.
    """
    cuts = closed_by(ranges, n_layers, "strict")
    reads = [ranges[flow][1] for flow in (CROSS_FRAME, VIDEO_QUESTION) if flow in ranges]
    last = max(reads, default=0)
    exits = (Exit(after=last),) if last < n_layers else ()
    return Case(PATHWAYS_ALONE, Acceleration(exits=exits, cuts=cuts), last if exits else 0)


def accelerations(exits: Iterable[int], apart: Iterable[int], n_layers: int) -> list[Case]:
    """Every exit with every number of early layers in which frames are apart; 0, and an exit after the last
    layer, are none."""
    made = []
    for leave in exits:
        for local in apart:
            leaving = (Exit(after=leave),) if leave < n_layers else ()
            if local > leave or not (leaving or local):
                continue
            what = Acceleration(exits=leaving, frame_local=(1, local) if local else None)
            made.append(Case(f"exit {leave}, apart {local}", what, leave, min(1, local), local))
    return made
