"""Span expressions: names of token rows, as users type them, checked without a prompt.

`question`, `frame[3]`, `frame[0:4]`, `cell[2,0,5]`, `option[A]`, and unions such as `video + question`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from workbench.errors import SpanError, near_matches, shown
from workbench.shapes import Int, shaped
from workbench.typed import typed

PLAIN_SPANS: dict[str, str] = {
    "system": "all rows before the video",
    "video": "all rows of the video, separators included",
    "separator": "rows of the video that show no frame (learned newlines, marks around frames)",
    "between": "text between the frames (time stamps, frame numbers)",
    "gap": "rows between the video and the question",
    "question": "the question with its options",  # from its first word to the end of the last option
    "nonoption": "the question text without its options",
    "true_option": "the right option",  # this one and the next: with the marks of their letters
    "false_options": "the wrong options",
    "tail": "rows after the question, without the last one",
    "last": "the last row of the prompt, from which the answer is read",
    "generated": "rows that the model wrote itself",
    "text": "all text from the first frame on: between the frames, and after the video",
    "sinks": "attention sinks, in a prompt in which wb.find_sinks found them",
    "video_sinks": "those of them that are rows of the video",
    "text_sinks": "those of them that are not",
}
INDEXED_SPANS: dict[str, str] = {
    "frame[t]": "rows of frame t, counted from 0",
    "frame[a:b]": "rows of the frames a .. b-1; frame[:b], frame[a:] and frame[:] leave an end open",
    "cell[t,i,j]": "the cell in row i and column j of frame t, counted from 0; each may be a range a:b or :",
    "option[A]": "rows of option A, with its mark",
}
_SPELLINGS = (*PLAIN_SPANS, *INDEXED_SPANS)
_INDEX_HELP = {
    "frame": "frame[t] or frame[a:b], frames counted from 0 and a < b, for example frame[3] or frame[0:4]",
    "cell": "cell[t,i,j], frame, row and column counted from 0, for example cell[3,0,5] or cell[3,0:2,5]",
    "option": "option[A] with one letter, for example option[B]",
}
_HOW = "Write for example 'question' or 'video + question'."
_AXES = {"frame": 1, "cell": 3}
"""Axes between the brackets."""
_TERM = re.compile(r"(?P<name>[a-z][a-z_]*)(?:\[(?P<index>[^\[\]]*)\])?")
_AXIS = re.compile(r"(?P<start>[0-9]{0,9})(?P<colon>:?)(?P<stop>[0-9]{0,9})")


class Axis(NamedTuple):
    """`3`, `1:4`, `:4`, `2:` or `:`, counted from 0, the end exclusive."""

    start: int
    stop: int | None
    """None where the end is open."""
    single: bool = False

    def __str__(self) -> str:
        if self.single:
            return str(self.start)
        if self.stop is None:
            return f"{self.start or ''}:"
        return f"{self.start}:{self.stop}"

    def places(self, size: int) -> range:
        """The indices on an axis of that size; empty where they leave it."""
        stop = size if self.stop is None else self.stop
        return range(self.start, stop if stop <= size else self.start)


class Term(NamedTuple):
    """One name of a union, taken apart: `cell[2,0,:]`. It prints in its canonical form."""

    name: str
    """Lower case, `_` inside."""
    inside: str | None
    """What stands between the brackets, option letters as capitals; None where there are none."""
    axes: tuple[Axis, ...]
    """What the index of a frame or a cell says; empty where it is not readable, and for other names."""

    def __str__(self) -> str:
        inside = ",".join(map(str, self.axes)) if self.axes else self.inside
        return self.name if inside is None else f"{self.name}[{inside}]"


def read_term(text: str) -> Term:
    """Takes a term apart; spacing and case do not matter. Whether there is such a span is not asked here."""
    # One space at most in a row, so that the patterns take linear time.
    spelled = re.sub(r" ?([\[\]:,]) ?", r"\1", " ".join(text.lower().split()))
    spelled = re.sub(r"(?<=[a-z])[ -]+(?=[a-z])", "_", re.sub("--+", "-", spelled))
    found = _TERM.fullmatch(spelled)
    if found is None or found["index"] is None:
        return Term(spelled, None, ())
    name, index = found["name"], found["index"]
    if name == "option":
        return Term(name, index.upper(), ())
    axes = [axis for axis in map(_axis, index.split(",")) if axis is not None]
    readable = len(axes) == index.count(",") + 1 == _AXES.get(name)
    return Term(name, index, tuple(axes) if readable else ())


def _axis(text: str) -> Axis | None:
    """None for anything that is no axis, and for empty ranges."""
    found = _AXIS.fullmatch(text)
    if found is None or not (found["start"] or found["colon"]):
        return None
    start, stop = int(found["start"] or 0), int(found["stop"]) if found["stop"] else None
    if not found["colon"]:
        return Axis(start, start + 1, single=True)
    return None if stop is not None and start >= stop else Axis(start, stop)


class Resolves(Protocol):
    """What gives the rows of a name: a token layout."""

    def __getitem__(self, name: str, /) -> Int[np.ndarray, " n"]: ...


@dataclass(frozen=True, slots=True)
class Span:
    """A set of prompt rows by name: one or more terms, joined by `+`.

    Raises SpanError for a term that no prompt can have, with the nearest names.
    """

    terms: tuple[str, ...]
    """Canonical terms, in the order typed: ("video", "frame[0:4]")."""

    def __post_init__(self) -> None:
        if not isinstance(self.terms, tuple | list):
            raise SpanError(f"{shown(self.terms)} are no names of spans: give a tuple of them. {_HOW}")
        texts = [typed(term, "span", _HOW, error=SpanError) for term in self.terms]
        terms = tuple(_canonical_term(text, whole=" + ".join(texts)) for text in texts)
        if not terms:
            raise SpanError(f"A span needs at least one name. {_HOW}")
        for term in terms:
            if terms.count(term) > 1:
                raise SpanError(
                    f"{' + '.join(terms)!r} names {term!r} twice. Name each part of a union once."
                )
        object.__setattr__(self, "terms", terms)

    @classmethod
    def parse(cls, text: str) -> Span:
        """Reads `video + question` and the like; spacing and case do not matter."""
        return cls(tuple(typed(text, "span", _HOW, error=SpanError).split("+")))

    def __str__(self) -> str:
        return " + ".join(self.terms)

    @shaped
    def rows(self, layout: Resolves) -> Int[np.ndarray, " n"]:
        """Sorted rows of this span in `layout`; SpanError where the prompt lacks a term."""
        return layout[str(self)]


def _canonical_term(text: str, *, whole: str) -> str:
    """One term in its printed form: lower case, `_` inside names, no spaces, capital option letters."""
    term = read_term(text)
    name, index = term.name, term.inside
    if not name:
        where = f"in {shown(whole)}" if whole.strip() else "here"
        raise SpanError(f"A span name is missing {where}. {_HOW}")
    if name in PLAIN_SPANS:
        if index is not None:
            raise SpanError(f"{shown(text)}: the span {name!r} takes no index. Write {name!r}.")
        return name
    if name not in _INDEX_HELP:
        raise SpanError(_unknown(text, name))
    readable = term.axes if name in _AXES else index is not None and re.fullmatch(r"[A-Z]", index)
    if not readable:
        raise SpanError(f"{shown(text)} is not complete or not readable. Write {_INDEX_HELP[name]}.")
    return str(term)


def _unknown(text: str, name: str) -> str:
    if name in ("frames", "later_frames"):
        return (
            f"{shown(text)} is not a span by itself. Use 'video' or 'frame[a:b]', "
            "or one of the flows 'frames -> later frames' and 'within frames'."
        )
    stems = {re.sub(r"\[.*", "", spelling): spelling for spelling in reversed(_SPELLINGS)}
    hint = near_matches(name, stems)
    for stem in _INDEX_HELP:
        hint = hint.replace(repr(stem), repr(stems[stem]))
    known = ", ".join(_SPELLINGS)
    return f"{shown(text)} is not a span.{hint} Spans are: {known}; unions are written 'video + question'."
