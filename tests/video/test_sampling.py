"""Frame sampling: the loaders' formulas, and what holds for every rule."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from workbench.errors import ClipError, shown
from workbench.video import Fps, Midpoints, Sampling, Uniform, as_sampling, parse_sampling

counts = st.integers(1, 64)
frames = st.integers(1, 400)
rates = st.floats(0.1, 60, allow_nan=False)


def published_midpoints(n: int, n_frames: int) -> list[int]:
    """The MVBench formula, frame by frame: int(seg / 2 + round(seg * i)) with seg = (N - 1) / n."""
    segment = (n_frames - 1) / n
    return [int(segment / 2 + np.round(segment * i)) for i in range(n)]


@given(n=counts, n_frames=frames)
def test_midpoints_are_the_loaders(n: int, n_frames: int) -> None:
    assume(n < n_frames)
    found = Midpoints(n).indices(n_frames, 25.0)
    assert found.tolist() == published_midpoints(n, n_frames)


@given(n=counts, n_frames=frames)
def test_uniform_is_linspace_with_both_ends(n: int, n_frames: int) -> None:
    assume(2 <= n <= n_frames)
    found = Uniform(n).indices(n_frames, 25.0)
    np.testing.assert_array_equal(found, np.linspace(0, n_frames - 1, n, dtype=int))
    assert found[0] == 0
    assert found[-1] == n_frames - 1


@given(data=st.data(), n_frames=frames, fps=rates)
def test_every_rule_stays_in_range_and_never_repeats(data: st.DataObject, n_frames: int, fps: float) -> None:
    first = data.draw(st.integers(0, n_frames - 1))
    last = data.draw(st.integers(first, n_frames - 1))
    n = data.draw(st.integers(1, last - first + 1))
    rate = data.draw(st.floats(0.05, fps, exclude_min=True)) if fps > 0.05 else fps
    for rule in (Midpoints(n), Uniform(n), Fps(rate), Fps(rate, max_frames=n)):
        found = rule.indices(n_frames, fps, first, last)
        assert found.dtype == np.int64
        assert first <= found[0]
        assert found[-1] <= last
        assert (np.diff(found) > 0).all(), str(rule)
        if not isinstance(rule, Fps):
            assert len(found) == n
        elif rule.max_frames is not None:
            assert 1 <= len(found) <= n


@given(n=st.integers(2, 64), n_frames=frames, first=st.integers(0, 300))
def test_moving_the_range_moves_the_frames(n: int, n_frames: int, first: int) -> None:
    assume(n <= n_frames)
    for rule in (Midpoints(n), Uniform(n), Fps(3)):
        here = rule.indices(n_frames, 10.0)
        there = rule.indices(n_frames + first, 10.0, first)
        # linspace rounds down, so where a value is whole the last bit of a float decides.
        np.testing.assert_allclose(here + first, there, atol=1 if isinstance(rule, Uniform) else 0)


@pytest.mark.parametrize("rule", [Midpoints(9), Uniform(9), Fps(8)])
def test_as_many_as_there_are_takes_each_once(rule: Sampling) -> None:
    np.testing.assert_array_equal(rule.indices(9, 8.0), np.arange(9))
    np.testing.assert_array_equal(rule.indices(50, 8.0, 20, 28), np.arange(20, 29))


def test_one_frame() -> None:
    assert Midpoints(1).indices(9, 8.0).tolist() == [4]
    assert Uniform(1).indices(9, 8.0).tolist() == [0]
    assert Midpoints(1).indices(1, 8.0).tolist() == [0]


def test_fps_takes_the_nearest_frame_and_does_not_drift() -> None:
    assert Fps(1).indices(24, 8.0).tolist() == [0, 8, 16]
    assert Fps(2).indices(24, 8.0).tolist() == [0, 4, 8, 12, 16, 20]
    assert Fps(1).indices(24, 8.0, 3, 11).tolist() == [3, 11]
    assert Fps(2).indices(51, 25.0).tolist() == [0, 12, 25, 37, 50]
    long = Fps(1).indices(30_000, 29.97)
    assert np.abs(long / 29.97 - np.arange(len(long))).max() <= 0.5 / 29.97 + 1e-9


def test_fps_with_a_limit_spreads_over_the_range() -> None:
    np.testing.assert_array_equal(Fps(8, max_frames=5).indices(24, 8.0), Uniform(5).indices(24, 8.0))
    np.testing.assert_array_equal(Fps(1, max_frames=5).indices(24, 8.0), [0, 8, 16])


def test_fps_follows_the_clock_of_a_variable_rate() -> None:
    times = np.array([0.0, 0.1, 0.2, 0.3, 2.0, 2.1, 3.8, 4.0])
    found = Fps(1).indices(8, 2.0, times=times)
    # Seconds 0, 1, 2, 3, 4; the frame of 0.3 s is nearest to second 1, that of 3.8 s to second 3.
    assert found.tolist() == [0, 3, 4, 6, 7]
    frozen = np.array([0.0, 10.0, 10.5])
    assert Fps(0.25).indices(3, 0.3, times=frozen).tolist() == [0, 1]


@pytest.mark.parametrize(
    "rule", [Midpoints(8), Uniform(16), Fps(1), Fps(0.5), Fps(2, max_frames=32), Fps(29.97)]
)
def test_text_is_read_back(rule: Sampling) -> None:
    assert parse_sampling(str(rule)) == rule
    assert as_sampling(str(rule)) == rule
    assert as_sampling(rule) is rule


def test_text_is_forgiving_about_spaces_only() -> None:
    assert parse_sampling(" midpoints( 8 ) ") == Midpoints(8)
    assert parse_sampling("fps(1, 32)") == Fps(1, max_frames=32)
    assert as_sampling(8) == Midpoints(8)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "cannot be read"),
        ("8", "cannot be read"),
        ("midpoints", "cannot be read"),
        ("midpoints(8", "cannot be read"),
        ("midpoints(8.5)", "numbers"),
        ("midpoints(eight)", "numbers"),
        ("midpoints(0)", "at least 1"),
        ("uniform(-3)", "at least 1"),
        ("uniform(8, max_frames=4)", "no sampling"),
        ("fps(0)", "above 0"),
        ("fps(nan)", "above 0"),
        ("fps(inf)", "above 0"),
        ("fps(1, max_frames=0)", "at least 1"),
        ("midpoint(8)", "Did you mean 'midpoints'"),
    ],
)
def test_text_that_is_no_rule(text: str, cause: str) -> None:
    with pytest.raises(ClipError, match=cause.replace("(", r"\(")):
        parse_sampling(text)


@pytest.mark.parametrize("value", [None, 1.5, True, [8], 0, -1])
def test_value_that_is_no_rule(value: Any) -> None:
    with pytest.raises(ClipError):
        as_sampling(value)


@pytest.mark.parametrize(
    "make",
    [lambda: Midpoints(True), lambda: Uniform(2.0), lambda: Fps("2"), lambda: Fps(True)],  # type: ignore[arg-type]
)
def test_numbers_of_another_type(make: Any) -> None:
    with pytest.raises(ClipError, match="must be a"):
        make()


def test_more_frames_than_there_are() -> None:
    with pytest.raises(ClipError, match=r"midpoints\(25\) asks for 25 .* the clip has only 24.*at most 24\."):
        Midpoints(25).indices(24, 8.0)
    with pytest.raises(ClipError, match=r"24, the bounds leave only 9.*at most 9, or widen the bounds"):
        Uniform(10).indices(24, 8.0, 4, 12)
    with pytest.raises(ClipError, match="rate of at most 8"):
        Fps(9).indices(24, 8.0)


@pytest.mark.parametrize(("first", "last"), [(-1, 5), (6, 5), (0, 24), (24, None)])
def test_range_outside_the_clip(first: int, last: int | None) -> None:
    with pytest.raises(ClipError, match="24 frames"):
        Midpoints(1).indices(24, 8.0, first, last)


@pytest.mark.parametrize(
    "text",
    ["fps(" + " " * 800, "fps(" + " " * 9000, "fps(" + "a " * 4000, "fps(1," + " =" * 4000, " " * 20_000],
    ids=shown,
)
def test_no_text_takes_long(text: str) -> None:
    begin = time.process_time()
    with pytest.raises(ClipError, match=r"Use midpoints\(8\)"):
        parse_sampling(text)
    assert time.process_time() - begin < 0.5


@pytest.mark.parametrize("number", [10**9, 10**400, 10**5000], ids=shown)
def test_numbers_beyond_every_clip_are_refused(number: int) -> None:
    for make in (Midpoints, Uniform, Fps, lambda n: Fps(1, n)):
        with pytest.raises(ClipError) as said:
            make(number)
        assert len(str(said.value)) < 300


@pytest.mark.parametrize(
    ("n", "frames", "fps", "expected"),
    [
        (4, 100, 10.0, [0, 25, 50, 75]),
        (16, 100, 10.0, [10 * i for i in range(10)]),  # no more than whole seconds
        (3, 100, 1.0, [0, 33, 66]),
        (8, 5, 10.0, [0]),  # less than a second
    ],
)
def test_strided_is_longvideobenchs(n: int, frames: int, fps: float, expected: list[int]) -> None:
    """num = min(n, int(duration)); [int(total / num) * i for i in range(num)]."""
    rule = parse_sampling(f"strided({n})")
    assert rule.indices(frames, fps).tolist() == expected
    assert str(rule) == f"strided({n})"
    assert rule.indices(frames + 7, fps, 7).tolist() == [7 + index for index in expected]
