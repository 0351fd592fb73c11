"""Orders of frames: all frames are there, none that should move stays, and each sample has its own."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.analyses.use_of_time.shown import (
    ALONE,
    CONTENT,
    ELSEWHERE,
    KEPT,
    ORDER,
    frames_tested,
    interrogate,
    reversed_around,
    shuffled,
)
from workbench.video import Clip


@pytest.mark.parametrize("n", [4, 5, 8])
@pytest.mark.parametrize("stays", [None, 0, 3])
def test_orders(n: int, stays: int | None) -> None:
    for order in (shuffled(n, "a", 0, seed=0, stays=stays), reversed_around(n, stays)):
        assert sorted(order) == list(range(n))
        assert stays is None or order[stays] == stays
    mixed = shuffled(n, "a", 0, seed=0, stays=stays)
    assert [frame for frame in range(n) if mixed[frame] == frame] == ([] if stays is None else [stays])
    assert (mixed == shuffled(n, "a", 0, seed=0, stays=stays)).all()


def test_samples_have_orders_of_their_own() -> None:
    assert len({tuple(shuffled(8, f"sample {number}", 0, seed=0)) for number in range(20)}) > 15


def test_the_reversal_around_a_frame() -> None:
    assert reversed_around(5).tolist() == [4, 3, 2, 1, 0]
    assert reversed_around(5, 4).tolist() == [3, 2, 1, 0, 4]
    assert frames_tested(8) == (0, 3, 7)


def test_frames_change_places_and_moments_stay() -> None:
    clip = Clip(frames=np.arange(8, dtype=np.uint8).repeat(12).reshape(8, 2, 2, 3), timestamps=np.arange(8.0))
    other = Clip(frames=np.full((5, 3, 2, 3), 99, np.uint8), timestamps=np.arange(5.0))
    told = {"shuffles": 2, "seed": 0}

    def numbers(clip: Clip) -> list[int]:
        return clip.frames[:, 0, 0, 0].tolist()

    shown = dict(interrogate(clip, "a", [other], numbers, lambda found: found[0] == 0, **told))
    assert len({one.name for one in shown}) == len(shown)
    assert [one.kind for one in shown] == [
        CONTENT, *[ORDER] * 3, ALONE, *[KEPT] * 3, ELSEWHERE, ALONE, ALONE,
    ], "the first frame keeps the answer and is looked at closer"  # fmt: skip
    for one, found in shown.items():
        if one.kind == ALONE:
            assert set(found) == {one.frame - 1}
        elif one.kind == ELSEWHERE:
            assert found == [0, 99, 99, 99, 99]
            assert one.clip.size == other.size
        elif one.kind != CONTENT:
            assert sorted(found) == list(range(8))
            assert (one.clip.timestamps == clip.timestamps).all()
    untroubled = interrogate(clip, "a", [other], numbers, lambda _: True, **told)
    assert KEPT not in {one.kind for one, _ in untroubled}, "no order changes the answer"
