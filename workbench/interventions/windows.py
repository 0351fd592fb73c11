"""Windows: in which layers a flow is cut. Layers are counted from 1 and ranges include both ends."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from workbench.errors import WindowError, near_matches

Kind = Literal["centred", "trailing", "after", "all_layers", "first_half", "second_half", "layers"]


class LayerSpan(NamedTuple):
    """One setting of a window. No layer at all is written first_layer = last_layer + 1."""

    layer: int
    """Its place on the layer axis: the centre of a centred window, the last layer of a trailing one, i of
    after(i), 0 where it has no place."""
    first_layer: int
    last_layer: int


@dataclass(frozen=True, slots=True)
class Window:
    """A rule that gives one or more ranges of layers for a model of any depth.

    Make one with `centred`, `trailing`, `after`, `all_layers`, `first_half`, `second_half`, `layers` or
    `parse_window`. Its text is what a person types in Python, and `parse_window` reads it back.
    """

    kind: Kind
    numbers: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        names = _KINDS[self.kind].arguments
        if len(self.numbers) != len(names):
            takes = {0: "no number", 1: "one number", 2: "two numbers"}[len(names)]
            raise WindowError(f"{self._typed()}: {self.kind} takes {takes}. {_usage(self.kind)}")
        for number in self.numbers:
            if isinstance(number, bool) or not isinstance(number, int):
                raise WindowError(f"{self._typed()}: {number!r} is not a whole number. {_usage(self.kind)}")
        lowest = 0 if self.kind == "after" else 1
        if any(number < lowest for number in self.numbers):
            raise WindowError(f"{self._typed()}: numbers start at {lowest} here. {_usage(self.kind)}")
        if self.kind == "layers" and self.numbers[0] > self.numbers[1]:
            first, last = self.numbers
            raise WindowError(f"{self._typed()} is reversed: did you mean layers({last}, {first})?")

    def __str__(self) -> str:
        return f"{self.kind}({', '.join(map(str, self.numbers))})"

    def _typed(self) -> str:
        return repr(f"{self.kind}({', '.join(map(repr, self.numbers))})")

    def expand(self, n_layers: int) -> list[LayerSpan]:
        """The ranges for a model of `n_layers` layers, in the order of their place on the layer axis.

        Raises WindowError for layers that the model does not have.
        """
        if self.numbers and self.kind != "centred" and max(self.numbers) > n_layers:
            raise WindowError(
                f"{str(self)!r} lies outside the model, which has {n_layers} layers (1..{n_layers})."
            )
        return _KINDS[self.kind].expand(n_layers, *self.numbers)


def _centred(n: int, k: int) -> list[LayerSpan]:
    return [LayerSpan(at, max(1, at - k // 2), min(n, at + (k - 1) // 2)) for at in range(1, n + 1)]


def _trailing(n: int, k: int) -> list[LayerSpan]:
    return [LayerSpan(last, last - k + 1, last) for last in range(k, n + 1)]


def _half(n: int, *, second: bool) -> list[LayerSpan]:
    if n < 2:
        raise WindowError(f"A model of {n} layers has no two halves. Use all_layers().")
    return [LayerSpan(0, n // 2 + 1, n) if second else LayerSpan(0, 1, n // 2)]


class _Kind(NamedTuple):
    arguments: tuple[str, ...]
    meaning: str
    expand: Callable[..., list[LayerSpan]]


_KINDS: dict[str, _Kind] = {
    "centred": _Kind(("k",), "layers l-k//2 .. l+(k-1)//2 for every l, clipped at both ends", _centred),
    "trailing": _Kind(("k",), "the k layers that end at x, for x = k .. last", _trailing),
    "after": _Kind(("i",), "all layers after i; i = 0 is all of them", lambda n, i: [LayerSpan(i, i + 1, n)]),
    "all_layers": _Kind((), "all layers at once", lambda n: [LayerSpan(0, 1, n)]),
    "first_half": _Kind((), "layers 1 .. L//2", lambda n: _half(n, second=False)),
    "second_half": _Kind((), "layers L//2+1 .. L", lambda n: _half(n, second=True)),
    "layers": _Kind(("a", "b"), "layers a .. b, both included", lambda n, a, b: [LayerSpan(0, a, b)]),
}
_ALSO = {"centered": "centred", "all": "all_layers"}


def _usage(kind: str) -> str:
    return f"Write {kind}({', '.join(_KINDS[kind].arguments)}): {_KINDS[kind].meaning}."


def centred(k: int) -> Window:
    """Layers l-k//2 .. l+(k-1)//2 for every layer l, clipped at both ends, not shifted. MTF uses k=9."""
    return Window("centred", (k,))


def trailing(k: int) -> Window:
    """Layers x-k+1 .. x for x = k .. L. ES uses k=4."""
    return Window("trailing", (k,))


def after(i: int) -> Window:
    """All layers j > i. after(0) is all layers, after(L) none (ES Global 1: the untouched model)."""
    return Window("after", (i,))


def all_layers() -> Window:
    """All layers at once."""
    return Window("all_layers")


def first_half() -> Window:
    """Layers 1 .. L//2 (MTF Table B)."""
    return Window("first_half")


def second_half() -> Window:
    """Layers L//2+1 .. L (MTF Table B)."""
    return Window("second_half")


def layers(a: int, b: int) -> Window:
    """Layers a .. b, counted from 1, both included."""
    return Window("layers", (a, b))


def parse_window(text: str) -> Window:
    """Reads `centred(9)`, `trailing(4)`, `after(3)`, `all`, `first_half`, `second_half`, `layers(3, 8)`.

    Raises WindowError with the nearest kinds.
    """
    found = re.fullmatch(r"\s*([a-z_]+)\s*(?:\(([^()]*)\))?\s*", text.lower())
    kind = _ALSO.get(found[1], found[1]) if found else text
    if not found or kind not in _KINDS:
        known = ", ".join(f"{name}({', '.join(entry.arguments)})" for name, entry in _KINDS.items())
        raise WindowError(f"{text!r} is not a window.{near_matches(kind, _KINDS)} Windows are: {known}.")
    parts = [part.strip() for part in (found[2] or "").split(",")] if (found[2] or "").strip() else []
    if not all(re.fullmatch(r"-?[0-9]+", part) for part in parts):
        raise WindowError(
            f"{text!r} has something else than whole numbers between its brackets. {_usage(kind)}"
        )
    return Window(kind, tuple(int(part) for part in parts))  # pyright: ignore[reportArgumentType]


def as_windows(windows: Window | str | Sequence[Window | str]) -> tuple[Window, ...]:
    """One window or several, as text or as data; WindowError for none, a repeated one or another type."""
    several = [windows] if isinstance(windows, Window | str) else list(windows)
    parsed = tuple(parse_window(window) if isinstance(window, str) else window for window in several)
    for window in parsed:
        if not isinstance(window, Window):
            raise WindowError(f"{window!r} is no window. Write for example centred(9) or 'centred(9)'.")
        if parsed.count(window) > 1:
            raise WindowError(f"The window {str(window)!r} is asked for twice. Name each window once.")
    if not parsed:
        raise WindowError("No window is named. Write for example centred(9) or 'centred(9)'.")
    return parsed
