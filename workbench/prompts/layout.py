"""Which rows of a prompt are what: the spans that every flow is resolved against.

Axes: n row of a span, t frame, i row and j column of its grid of cells.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from workbench.errors import SpanError, near_matches, shown
from workbench.prompts.spans import Axis, read_term
from workbench.shapes import Int, shaped

Rows = Sequence[int] | np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, init=False, repr=False)
class TokenLayout:
    """The rows of one prompt by name.

    A prompt is `system | video | gap | question | tail`, and its last row is `last`. Some models write text
    inside the video's stretch, `between` its frames: time stamps, frame numbers. Spans that are not given
    follow from those that are: `system` (rows before the video), `text` (rows between its frames and after
    it), `gap` (between the video and the question), `tail` (after the question, without `last`), `last`, and
    `false_options` (rows of options outside `true_option`). Rows and frames count from 0. `video` is every
    row of the video: frames and separators. A separator, and text between frames, is in a frame (and so in
    `video`) where the layout counts it to one (`separators=` of `encode`), and in no cell.
    `spans.PLAIN_SPANS` says what each name means.

    `layout[name]` gives the sorted rows (int64) of `system`, `video`, `frame[2]`, `frame[1:3]`
    (end exclusive), `cell[2,0,1]` (frame, row, column; each may be a range, or `:` for all), `separator`,
    `between`, `question`, `nonoption`, `option[A]`, `true_option`, `false_options`, `gap`, `tail`, `last`,
    `generated`, `text`, or of a union such as `frame[0] + question`. `system`, `gap`, `tail`, `separator`,
    `between` and `generated` may be empty.
    """

    length: int
    """Rows of the prompt."""
    spans: Mapping[str, Int[np.ndarray, " n"]]
    """Rows of every span that is not indexed by frame."""
    frames: tuple[Int[np.ndarray, " n"], ...]
    """Rows of each temporal unit: a frame, or the group of frames that the model makes one of."""
    grid: tuple[int, int] | None
    """(rows, columns) of cells of a frame; None where the model has no grid."""
    tokens: tuple[str, ...]
    """The tokens as text, for display; empty where unknown."""
    frame_times: tuple[tuple[float, ...], ...]
    """Seconds, from the start of the file, of the source frames of each unit; empty where unknown."""

    def __init__(
        self,
        *,
        length: int,
        spans: Mapping[str, Rows],
        frames: Sequence[Rows] = (),
        grid: tuple[int, int] | None = None,
        tokens: Sequence[str] = (),
        frame_times: Sequence[Sequence[float]] = (),
    ) -> None:
        """Raises SpanError where rows leave the prompt, frames overlap or leave the video, or sizes clash."""
        if length < 1:
            raise SpanError(f"A layout needs at least one row, and was given length={length}.")
        rows = {name: _as_rows(name, given, length) for name, given in spans.items()}
        units = tuple(_as_rows(f"frame[{t}]", given, length) for t, given in enumerate(frames))
        set_ = object.__setattr__
        set_(self, "length", int(length))
        set_(self, "frames", units)
        set_(self, "grid", None if grid is None else (int(grid[0]), int(grid[1])))
        set_(self, "tokens", tuple(tokens))
        set_(self, "frame_times", tuple(tuple(float(second) for second in times) for times in frame_times))
        set_(self, "spans", _with_derived(rows, units, int(length)))
        self._check()

    def _check(self) -> None:
        if self.tokens and len(self.tokens) != self.length:
            raise SpanError(f"A layout of {self.length} rows was given {len(self.tokens)} token texts.")
        if self.frame_times and len(self.frame_times) != self.n_frames:
            raise SpanError(
                f"A layout of {self.n_frames} frames was given {len(self.frame_times)} frame times."
            )
        if not self.frames:
            return
        joined = np.concatenate(self.frames)
        if np.any(np.diff(joined) <= 0):
            raise SpanError("Frames must follow one another in the prompt and may not share rows.")
        if np.setdiff1d(joined, self.spans["video"]).size:
            raise SpanError("Every row of a frame must belong to the span video.")
        if self.grid is not None:
            cells = self.grid[0] * self.grid[1]
            for t, unit in enumerate(self.frames):
                found = self._shown(unit).size
                if found != cells:
                    raise SpanError(
                        f"frame[{t}] has {found} rows that are no separators; a grid of {self.grid[0]} x "
                        f"{self.grid[1]} needs {cells}."
                    )

    @property
    def n_frames(self) -> int:
        """Temporal units: frames, or the groups of frames that the model makes one of."""
        return len(self.frames)

    @property
    @shaped
    def cells(self) -> Int[np.ndarray, "t i j"] | None:
        """The row of every cell; None where the prompt has no grid of cells."""
        if self.grid is None or not self.frames:
            return None
        shown = [self._shown(unit) for unit in self.frames]
        return np.stack(shown).reshape(self.n_frames, *self.grid)

    def _shown(self, unit: np.ndarray) -> np.ndarray:
        """The rows of a frame that show something of it."""
        return np.setdiff1d(unit, np.concatenate([self.spans["separator"], self.spans["between"]]))

    @property
    def text(self) -> tuple[str, ...]:
        """The tokens as text: the same as `tokens`."""
        return self.tokens

    def names(self) -> tuple[str, ...]:
        """Names of the spans that hold rows, each frame by itself, in reading order."""
        named = [*self.spans.items()]
        named += [(f"frame[{t}]", rows) for t, rows in enumerate(self.frames)]
        kept = [(int(rows[0]), -rows.size, name) for name, rows in named if rows.size]
        return tuple(name for _, _, name in sorted(kept))

    def __contains__(self, name: object) -> bool:
        """Whether the name can be resolved and holds at least one row."""
        if not isinstance(name, str):
            return False
        try:
            return self[name].size > 0
        except SpanError:
            return False

    @shaped
    def __getitem__(self, name: str) -> Int[np.ndarray, " n"]:
        """Sorted rows (int64) of a span, or of a union `A + B`.

        Raises SpanError where a name does not exist in this prompt.
        """
        parts = [part.strip() for part in name.split("+")]
        if len(parts) == 1:
            return _own(self._one(parts[0]))
        return np.unique(np.concatenate([self._one(part) for part in parts]))

    def _one(self, name: str) -> np.ndarray:
        if name in self.spans:
            return self.spans[name]
        term = read_term(name)
        if term.inside is not None and term.name in ("frame", "cell"):
            return (self._frame if term.name == "frame" else self._cell)(name, term.axes)
        if (found := self.spans.get(str(term))) is None:
            raise SpanError(self._unknown(name))
        return found

    def _frame(self, name: str, axes: tuple[Axis, ...]) -> np.ndarray:
        if not self.frames:
            raise SpanError(f'"{_short(name)}": this prompt has no frames. {self._available()}')
        chosen = [t for axis in axes for t in axis.places(self.n_frames)]
        if not chosen:
            last = self.n_frames - 1
            raise SpanError(
                f'"{_short(name)}" is outside this clip, which has {_count(self.n_frames, "frame")} '
                f"(frame[0]..frame[{last}]). Write frame[{last}] or frame[0:{last + 1}] (end exclusive), "
                f"sample more frames (frames={2 * self.n_frames}), or name another span."
            )
        return np.concatenate([self.frames[t] for t in chosen])

    def _cell(self, name: str, axes: tuple[Axis, ...]) -> np.ndarray:
        cells = self.cells
        if cells is None:
            raise SpanError(f'"{_short(name)}": this prompt has no grid of cells. {self._available()}')
        chosen = [list(axis.places(size)) for axis, size in zip(axes, cells.shape, strict=False)]
        if not chosen or not all(chosen):
            top = ",".join(str(size - 1) for size in cells.shape)
            raise SpanError(
                f'"{_short(name)}" is outside this clip. Cells are cell[frame,row,column], '
                f"from cell[0,0,0] to cell[{top}]."
            )
        return cells[np.ix_(*chosen)].flatten()

    def _unknown(self, name: str) -> str:
        hint = near_matches(name, self._known())
        return f'This prompt has no span "{_short(name)}".{hint} {self._available()}'

    def _known(self) -> list[str]:
        return [*self.spans, *(f"frame[{t}]" for t in range(self.n_frames)), "cell[0,0,0]"]

    def _available(self) -> str:
        plain = [name for name in self.names() if not name.startswith("frame[")]
        if self.frames:
            plain.append(f"frame[0]..frame[{self.n_frames - 1}]")
        return f"It has {', '.join(plain)}; unions are written A + B."

    def with_generated(self, count: int, *, tokens: Sequence[str] = ()) -> TokenLayout:
        """The layout after `count` more rows were generated: `generated` and `text` grow, `last` stays."""
        if count < 0:
            raise SpanError(f"A layout cannot grow by {count} rows.")
        if self.tokens and len(tokens) != count:
            raise SpanError(f"{count} generated rows were given {len(tokens)} token texts.")
        longer = self.length + count
        new = np.arange(self.length, longer)
        grown = {
            **self.spans,
            "generated": np.concatenate([self.spans["generated"], new]),
            "text": np.concatenate([self.spans.get("text", new[:0]), new]),
        }
        return TokenLayout(
            length=longer,
            spans=grown,
            frames=self.frames,
            grid=self.grid,
            tokens=(*self.tokens, *tokens),
            frame_times=self.frame_times,
        )

    def __repr__(self) -> str:
        shown = [f"{name} {_ranges(self.spans[name])}" for name in self.names() if name in self.spans]
        frames = f"; {_count(self.n_frames, 'frame')}" if self.frames else ""
        grid = f" of {self.grid[0]} x {self.grid[1]} cells" if self.frames and self.grid else ""
        return f"TokenLayout({self.length} rows: {', '.join(shown)}{frames}{grid})"


def _with_derived(
    rows: dict[str, np.ndarray], frames: tuple[np.ndarray, ...], length: int
) -> dict[str, np.ndarray]:
    """Adds the spans that follow from the given ones."""
    spans = {**rows}
    everything = np.arange(length)
    generated = spans.setdefault("generated", everything[:0])
    end = int(generated[0]) if generated.size else length
    spans.setdefault("last", everything[end - 1 : end])
    spans.setdefault("separator", everything[:0])
    between = spans.setdefault("between", everything[:0])
    if "video" not in spans and frames:
        spans["video"] = np.unique(np.concatenate([*frames, spans["separator"]]))
    if np.setdiff1d(spans["separator"], spans.get("video", everything[:0])).size:
        raise SpanError("Every row of separator must belong to the span video.")
    video = spans.get("video", everything[:0])
    question = spans.get("question", everything[:0])
    # Where the video's stretch begins and ends, the text between its frames included.
    stretch = np.union1d(video, between)
    after_video = int(stretch[-1]) + 1 if stretch.size else 0
    first = int(stretch[0]) if stretch.size else int(question[0]) if question.size else 0
    spans.setdefault("system", everything[:first])
    spans.setdefault("text", np.concatenate([np.setdiff1d(between, video), everything[after_video:]]))
    gap = everything[after_video : int(question[0])] if stretch.size and question.size else everything[:0]
    spans.setdefault("gap", gap)
    after_question = int(question[-1]) + 1 if question.size else 0
    behind = everything[max(after_video, after_question) : end]
    spans.setdefault("tail", np.setdiff1d(behind, spans["last"]))
    options = [found for name, found in spans.items() if name.startswith("option[")]
    if options and "true_option" in spans:
        spans.setdefault("false_options", np.setdiff1d(np.concatenate(options), spans["true_option"]))
    return {name: _own(found) for name, found in spans.items()}


def _as_rows(name: str, given: Iterable[int], length: int) -> np.ndarray:
    rows = np.asarray(list(given))
    if rows.size and not np.issubdtype(rows.dtype, np.integer):
        raise SpanError(f'Rows of "{name}" must be whole numbers, not {rows.dtype}.')
    rows = np.unique(rows).astype(np.int64)
    if rows.size and (rows[0] < 0 or rows[-1] >= length):
        raise SpanError(
            f'"{name}" has rows {rows[0]}..{rows[-1]}, and this prompt has {length} (0..{length - 1}).'
        )
    return _own(rows)


def _own(rows: np.ndarray) -> np.ndarray:
    """A copy that nobody else holds. Not read-only, of which torch would warn at every indexing."""
    return np.array(rows, dtype=np.int64)


def _ranges(rows: np.ndarray) -> str:
    """Rows as text: 3-10, or 3-4,8."""
    runs = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)
    return ",".join(f"{run[0]}-{run[-1]}" if run.size > 1 else f"{run[0]}" for run in runs)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _short(name: str) -> str:
    """A name for messages, which a person may have typed at any length."""
    return shown(name)[1:-1]
