"""Orders of frames: all frames are there, none that should move stays, and each sample has its own."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.analyses.use_of_time.shown import (
    ALONE,
    CONTENT,
    KEPT,
    reversed_around,
    shown_in_place,
    shuffled,
    frames_tested,
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
    shown = list(shown_in_place(clip, "a", [clip], shuffles=2, seed=0))
    assert len({one.name for one in shown}) == len(shown)
    assert [one.kind for one in shown].count(CONTENT) == 1
    assert [one.kind for one in shown].count(KEPT) == 9
    for one in shown:
        assert (one.clip.timestamps == clip.timestamps).all()
        numbers = one.clip.frames[:, 0, 0, 0].tolist()
        if one.kind == ALONE:
            assert set(numbers) == {one.frame - 1}
        else:
            assert sorted(numbers) == list(range(8))
