from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.interventions.layouts import separated_layout, small_layout
from workbench.analyses.pathways.closing import MODES, closed_by, random_knockout
from workbench.analyses.pathways.ranges import Pathways
from workbench.errors import KnockoutError, RunError
from workbench.interventions import Knockout, edge_count, present
from workbench.prompts.layout import TokenLayout

SMALL = small_layout()
CROSS, TO_QUESTION, TO_LAST = "frames -> later frames", "video -> question", "question -> last"
DIRECT = "video -> last"
VIDEO, QUESTION, REST, TAIL, LAST = range(2, 14), range(15, 20), (14, 20), (20,), 21
FRAME = {row: (row - 2) // 4 for row in VIDEO}


def layer_masks(ranges, mode, layout=SMALL, n_layers=4, **more) -> list[np.ndarray]:
    """What each layer loses, bool (q, k)."""
    knockout = present(closed_by(ranges, n_layers, mode, **more), layout)
    assert knockout is not None
    masks = [knockout.mask(layout, layer, 2) for layer in range(n_layers)]
    whole = np.zeros((layout.length, layout.length), dtype=bool)
    return [whole if mask is None else ~mask[0] for mask in masks]


def expected(ranges, mode: str, layer: int, n_layers: int = 4) -> np.ndarray:
    """The same for the small prompt, edge by edge, from the words of section 3.5."""

    def is_open(flow: str) -> bool:
        first, last = ranges.get(flow, (n_layers + 1, 0))
        return first <= layer <= last

    def after(*flows: str) -> bool:
        return layer > max((ranges[flow][1] for flow in flows if flow in ranges), default=0)

    general, closes_rest = mode == "general", mode != "faithful"
    read_video = (TO_QUESTION, DIRECT) if general else (TO_QUESTION,)
    lost = np.zeros((22, 22), dtype=bool)
    for q in range(22):
        for k in range(q + 1):
            video, question = k in VIDEO, k in QUESTION
            lost[q, k] = (
                (video and q in VIDEO and after(*read_video))
                or (video and q in VIDEO and FRAME[k] < FRAME[q] and not is_open(CROSS))
                or (video and q in QUESTION and not is_open(TO_QUESTION))
                or (video and q == LAST and not (general and is_open(DIRECT)))
                or (question and q in QUESTION and after(TO_LAST))
                or (question and q == LAST and not is_open(TO_LAST))
                or (q == k == LAST)
                or (closes_rest and video and q in REST)
                or (closes_rest and question and q in TAIL and not is_open(TO_LAST))
            )
    return lost


RANGES = (
    {CROSS: (1, 2), TO_QUESTION: (2, 3), TO_LAST: (3, 4)},
    {CROSS: (2, 3), TO_QUESTION: (1, 2), TO_LAST: (2, 3), DIRECT: (3, 3)},
    {TO_QUESTION: (1, 1), TO_LAST: (4, 4)},
    {DIRECT: (1, 4), TO_LAST: (1, 4)},
    {},
)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("ranges", RANGES)
def test_every_edge_is_closed_or_open_as_the_section_says(ranges, mode) -> None:
    for layer, mask in enumerate(layer_masks(ranges, mode), start=1):
        np.testing.assert_array_equal(mask, expected(ranges, mode, layer), err_msg=f"layer {layer}")


def test_rows_keep_their_own_key_where_asked() -> None:
    usual, kept = (layer_masks(RANGES[0], "faithful", keep_self=keep)[3] for keep in (False, True))
    rows = np.arange(22)
    assert np.flatnonzero(usual[rows, rows]).tolist() == [*VIDEO, LAST]
    assert np.flatnonzero(kept[rows, rows]).tolist() == [LAST]
    np.testing.assert_array_equal(np.tril(usual, -1), np.tril(kept, -1))


def test_separators_carry_nothing_between_frames_in_strict_mode() -> None:
    layout = separated_layout()  # system 0, frames 1-2 and 4-5, separators 3 and 6, question 7, last 8
    between = [(3, 1), (3, 2), (4, 3), (5, 3), (6, 1), (6, 3), (6, 5)]
    ranges = {CROSS: (2, 2), TO_QUESTION: (1, 2), TO_LAST: (1, 2)}
    for mode, closed in (("faithful", False), ("strict", True)):
        first, second = layer_masks(ranges, mode, layout, 2)
        assert [first[edge] for edge in between] == [closed] * 7
        assert not any(second[edge] for edge in between)
        assert first[4, 1] == first[5, 2] == True  # noqa: E712 - numpy's own


def test_what_a_prompt_lacks_needs_no_closing() -> None:
    # One frame, no gap, no tail.
    layout = TokenLayout(length=6, spans={"question": [4]}, frames=[range(1, 4)])
    lost = layer_masks({TO_QUESTION: (1, 1), TO_LAST: (1, 1)}, "strict", layout, 1)[0]
    assert {tuple(map(int, edge)) for edge in np.argwhere(lost)} == {(5, 1), (5, 2), (5, 3), (5, 5)}


@pytest.mark.parametrize("spread", ["even", "matched"])
@pytest.mark.parametrize("mode", MODES)
def test_the_control_closes_as_many_edges(mode, spread) -> None:
    effective = present(closed_by(RANGES[1], 4, mode), SMALL)
    assert effective is not None
    drawn = [
        random_knockout(effective, SMALL, 4, seed=seed, spread=spread, keep_self=False) for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    counts = [edge_count(SMALL, 4, knockout).removed for knockout in (effective, *drawn)]
    assert len(set(counts)) == 1
    by_layer = [cut.flow.edges(SMALL).count() for cut in drawn[0].cuts]
    of_effective = [int(mask.sum()) for mask in layer_masks(RANGES[1], mode)]
    if spread == "even":
        assert max(by_layer) - min(by_layer) <= 1
    else:
        assert by_layer == of_effective
    masks = [cut.flow.edges(SMALL).dense() for cut in drawn[0].cuts]
    assert len({mask.tobytes() for mask in masks}) == 4, "a fresh draw in every layer"
    assert not any(mask[:, :2].any() or mask[:2].any() for mask in masks), "the system prompt is spared"


EARLY_END = {CROSS: (1, 1), TO_QUESTION: (1, 2), TO_LAST: (1, 3)}
"""Nearly all is closed in the last layer, and little elsewhere."""


@pytest.mark.parametrize("keep_self", [True, False])
@pytest.mark.parametrize("spread", ["even", "matched"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("system", [2, 9])
@pytest.mark.parametrize("ranges", [*RANGES, EARLY_END])
def test_a_control_is_made_where_there_are_enough_edges_and_nowhere_else(
    ranges, system, mode, spread, keep_self
) -> None:
    """Every pair of a query and an earlier (or its own) key behind the first video row is counted."""
    layout = small_layout(system=system, options=False, frames=3)
    rows = range(system, layout.length)
    pool = sum(k < q or (k == q and not keep_self) for q in rows for k in rows)
    # The small prompt with more in front of it: nothing in front of the video is ever closed.
    closed = [int(expected(ranges, mode, layer).sum()) for layer in (1, 2, 3, 4)]
    if spread == "even":
        closed = [-(-sum(closed) // 4)]
    effective = present(closed_by(ranges, 4, mode), layout)
    assert effective is not None
    told = {"seed": 0, "spread": spread, "keep_self": keep_self}
    if max(closed) <= pool:
        drawn = random_knockout(effective, layout, 4, **told)
        assert edge_count(layout, 4, drawn).removed == edge_count(layout, 4, effective).removed
    else:
        with pytest.raises(KnockoutError, match=f"^{max(closed)} random edges.* has {pool} from its first"):
            random_knockout(effective, layout, 4, **told)


def test_both_kinds_of_control_are_among_those_cases() -> None:
    """Rows behind the video: 12 of it, 1 gap, 5 question, 1 tail, 1 last; 190 pairs without own keys."""
    made = {
        (spread, mode): max(lost) if spread == "matched" else -(-sum(lost) // 4)
        for mode in MODES
        for spread, lost in [
            (spread, [int(expected(EARLY_END, mode, layer).sum()) for layer in (1, 2, 3, 4)])
            for spread in ("even", "matched")
        ]
    }
    assert any(count > 190 for count in made.values()), made
    assert any(count <= 190 for count in made.values()), made


@pytest.mark.parametrize(
    ("ranges", "mode", "message"),
    [
        ({CROSS: (1, 5)}, "faithful", "range 1-5 of 'frames -> later frames' is none of a model of 4"),
        ({CROSS: (3, 2)}, "faithful", "range 3-2"),
        ({}, "fathful", "Did you mean 'faithful'"),
        (
            Pathways({}, pd.DataFrame({"flow": [CROSS, TO_QUESTION]}), {}),
            "faithful",
            "did not look at 'question -> last'",
        ),
        (
            Pathways({}, pd.DataFrame({"flow": [CROSS, TO_QUESTION, TO_LAST]}), {}),
            "general",
            "did not look at 'video -> last'",
        ),
    ],
)
def test_ranges_and_modes_that_say_nothing_are_refused(ranges, mode, message) -> None:
    with pytest.raises(RunError, match=message):
        closed_by(ranges, 4, mode)


def test_random_edges_of_cut_heads_are_the_mean_of_all_heads() -> None:
    effective = Knockout.parse("video -> last @ heads 0,1 in layer 2")
    drawn = random_knockout(effective, SMALL, 4, seed=0, spread="matched", n_heads=4)
    assert [(cut.first_layer, getattr(cut.flow, "count", 0)) for cut in drawn.cuts] == [(2, 6)]
