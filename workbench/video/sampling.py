"""Which frames of a clip are read.

A rule names frame numbers between `first` and `last` (both included); it never names one frame twice. The
rules are those of the field's loaders, so that a run can be compared with a published one:

- `Midpoints`: the middle of n equal segments. MVBench (Li et al. 2024) and the loaders derived from it:
  TVBench, PLLaVA, InternVL, and Map the Flow (Kim et al. 2026), `get_index` in tasks/eval/eval_utils.py.
- `Uniform`: n frames at equal distance, the first and the last included. LLaVA-NeXT and lmms-eval,
  `load_video`; LLaVA-Video, LLaVA-OneVision, LongVA, VideoLLaMA3.
- `Strided`: n frames, one every int(total / n), at most one a second. LongVideoBench, `load_video` of
  lmms-eval's longvideobench.
- `Fps`: a frame every 1/rate seconds. LLaVA-Video and Qwen2.5-VL style.
"""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from workbench.errors import ClipError, near_matches, shown
from workbench.shapes import Float, Int, shaped
from workbench.typed import HIGHEST, typed


@runtime_checkable
class Sampling(Protocol):
    """A rule that picks frames; `str(rule)` is what `parse_sampling` reads."""

    def indices(
        self,
        n_frames: int,
        fps: float,
        first: int = 0,
        last: int | None = None,
        *,
        times: Float[np.ndarray, " n"] | None = None,
    ) -> Int[np.ndarray, " t"]:
        """Frame numbers, strictly increasing, within first..last.

        Args:
            n_frames: frames in the whole clip.
            fps: average frames per second of the clip.
            first: first frame that may be taken, from 0.
            last: last frame that may be taken, included; None is the last of the clip.
            times: seconds of each frame where the rate varies; None is i / fps.

        Raises:
            ClipError: more frames asked than there are.
        """
        ...


@dataclass(frozen=True, slots=True)
class Midpoints:
    """The middle of n equal segments: `int(first + seg/2 + round(seg * i))`, seg = (last - first) / n.

    `round` is NumPy's (halves to the even number), as in the loaders that this follows. Where n equals the
    number of frames that formula repeats one frame and drops the last, so there every frame is taken once.
    """

    n: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", _count("midpoints", self.n))

    @shaped
    def indices(
        self,
        n_frames: int,
        fps: float,
        first: int = 0,
        last: int | None = None,
        *,
        times: Float[np.ndarray, " n"] | None = None,
    ) -> Int[np.ndarray, " t"]:
        last = _check_range(str(self), self.n, n_frames, first, last)
        if self.n == last - first + 1:
            return np.arange(first, last + 1, dtype=np.int64)
        segment = (last - first) / self.n
        middles = first + segment / 2 + np.round(segment * np.arange(self.n))
        return middles.astype(np.int64)

    def __str__(self) -> str:
        return f"midpoints({self.n})"


@dataclass(frozen=True, slots=True)
class Uniform:
    """n frames at equal distance, ends included: `np.linspace(first, last, n, dtype=int)`."""

    n: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", _count("uniform", self.n))

    @shaped
    def indices(
        self,
        n_frames: int,
        fps: float,
        first: int = 0,
        last: int | None = None,
        *,
        times: Float[np.ndarray, " n"] | None = None,
    ) -> Int[np.ndarray, " t"]:
        last = _check_range(str(self), self.n, n_frames, first, last)
        return np.linspace(first, last, self.n, dtype=np.int64)

    def __str__(self) -> str:
        return f"uniform({self.n})"


@dataclass(frozen=True, slots=True)
class Strided:
    """n frames, one every `int(total / n)`, from the first on; no more than the clip has whole seconds."""

    n: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", _count("strided", self.n))

    @shaped
    def indices(
        self,
        n_frames: int,
        fps: float,
        first: int = 0,
        last: int | None = None,
        *,
        times: Float[np.ndarray, " n"] | None = None,
    ) -> Int[np.ndarray, " t"]:
        last = _check_range(str(self), 1, n_frames, first, last)
        total = last - first + 1
        count = min(self.n, max(int(total / fps), 1), total)
        return first + total // count * np.arange(count, dtype=np.int64)

    def __str__(self) -> str:
        return f"strided({self.n})"


@dataclass(frozen=True, slots=True)
class Fps:
    """The frame nearest to first + k / rate seconds, k = 0, 1, ..; the earlier one of two equally near.

    A frame that stays on the screen longer than 1 / rate (variable frame rate) is taken once. LLaVA-NeXT
    steps by `round(clip_fps / rate)` frames, which drifts where the two rates do not divide; this does not.
    """

    rate: float
    max_frames: int | None = None
    """Where the rule gives more, `Uniform(max_frames)` over the same range is taken, as LLaVA-NeXT does."""

    def __post_init__(self) -> None:
        if not _is_real(self.rate) or not 0 < self.rate <= HIGHEST:  # not of NaN, too
            raise ClipError(
                f"fps({shown(self.rate)}): the rate must be a number above 0, in frames per second."
            )
        object.__setattr__(self, "rate", float(self.rate))
        if self.max_frames is not None:
            object.__setattr__(self, "max_frames", _count("fps max_frames", self.max_frames))

    @shaped
    def indices(
        self,
        n_frames: int,
        fps: float,
        first: int = 0,
        last: int | None = None,
        *,
        times: Float[np.ndarray, " n"] | None = None,
    ) -> Int[np.ndarray, " t"]:
        last = _check_range(str(self), 1, n_frames, first, last)
        if self.rate > fps * (1 + 1e-3):
            raise ClipError(
                f"{self} asks for {self.rate:g} frames per second, but the clip has {fps:g}, and no frame is "
                f"taken twice. Use a rate of at most {fps:g}."
            )
        times = np.arange(n_frames) / fps if times is None else np.asarray(times, dtype=np.float64)
        within = times[first : last + 1] - times[first]
        # The small term keeps a sample whose time equals the last frame's, whatever the rounding.
        wanted = np.arange(math.floor(within[-1] * self.rate + 1e-6) + 1) / self.rate
        right = np.minimum(np.searchsorted(within, wanted - 1e-9), len(within) - 1)
        left = np.maximum(right - 1, 0)
        nearest = np.where(within[right] - wanted < wanted - within[left] - 1e-9, right, left)
        picked = first + np.unique(nearest).astype(np.int64)
        if self.max_frames is not None and len(picked) > self.max_frames:
            return Uniform(self.max_frames).indices(n_frames, fps, first, last)
        return picked

    def __str__(self) -> str:
        rate = int(self.rate) if self.rate.is_integer() else self.rate
        return f"fps({rate})" if self.max_frames is None else f"fps({rate}, max_frames={self.max_frames})"


_RULES = {"midpoints": Midpoints, "uniform": Uniform, "strided": Strided}
_ALLOWED = "midpoints(8), uniform(8), strided(16), fps(1) or fps(1, max_frames=32)"
_PATTERN = re.compile(r"(\w+) ?\( ?([^,()]+)(?:, ?(?:max_frames ?= ?)?([^,()]+))?\)")


def parse_sampling(text: str) -> Sampling:
    """Reads "midpoints(8)", "uniform(8)", "fps(1)" or "fps(1, max_frames=32)".

    Raises:
        ClipError: anything else, or a number that is out of range.
    """
    text = typed(text, "sampling", f"Use {_ALLOWED}.", error=ClipError)
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise ClipError(f"The sampling {shown(text)} cannot be read. Use {_ALLOWED}.")
    name, number, max_frames = match.groups()
    try:
        if name == "fps":
            return Fps(float(number), None if max_frames is None else int(max_frames))
        if name in _RULES and max_frames is None:
            return _RULES[name](int(number))
    except ClipError:
        raise
    except ValueError:
        raise ClipError(
            f"The numbers of the sampling {shown(text)} cannot be read. Use {_ALLOWED}."
        ) from None
    hint = near_matches(name, (*_RULES, "fps"))
    raise ClipError(f"There is no sampling {shown(text)}.{hint} Use {_ALLOWED}.")


def as_sampling(value: Sampling | int | str) -> Sampling:
    """A rule from what a person types: a rule, its text, or a number of frames (`Midpoints`)."""
    if isinstance(value, str):
        return parse_sampling(value)
    if isinstance(value, (int, np.integer)):
        return Midpoints(int(value) if not isinstance(value, bool) else value)
    if isinstance(value, Sampling):
        return value
    raise ClipError(
        f"The sampling is a {type(value).__name__}: {shown(value)}. Use {_ALLOWED}, or a frame count."
    )


def _count(name: str, n: object) -> int:
    try:
        count = operator.index(n)  # type: ignore[arg-type]
    except TypeError:
        count = None
    if count is None or isinstance(n, bool) or not 1 <= count <= HIGHEST:
        raise ClipError(f"{name}({shown(n)}): the number of frames must be a whole number of at least 1.")
    return count


def _is_real(value: object) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def _check_range(rule: str, n: int, n_frames: int, first: int, last: int | None) -> int:
    last = n_frames - 1 if last is None else last
    if not 0 <= first <= last < n_frames:
        raise ClipError(
            f"{rule}: frames {first} to {last} are not within a clip of {n_frames} frames. "
            f"Use numbers from 0 to {n_frames - 1}, the first not above the last."
        )
    there = last - first + 1
    if n > there:
        where = "the clip has" if there == n_frames else f"of the clip's {n_frames}, the bounds leave"
        remedy = "" if there == n_frames else ", or widen the bounds"
        raise ClipError(
            f"{rule} asks for {n} frames, but {where} only {there}, and no frame is taken twice. "
            f"Ask for at most {there}{remedy}."
        )
    return last
