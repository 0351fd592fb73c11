"""Windows: in which layers a flow is cut. Layers are counted from 1 and ranges include both ends.

A kind of window is one entry here. Help, captions, reports and the layer axis of figures ask it for words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from workbench.errors import WindowError, near_matches, shown
from workbench.typed import HIGHEST, typed


class LayerSpan(NamedTuple):
    """One setting of a window. No layer at all is written first_layer = last_layer + 1."""

    layer: int
    """Its place on the layer axis: the centre of a centred window, the last layer of a trailing one, i of
    after(i), 0 where it has no place."""
    first_layer: int
    last_layer: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of window. Its functions take a window's numbers, as many as `arguments`."""

    name: str
    meaning: str
    """Which layers these are, for help."""
    arguments: tuple[str, ...] = ()
    expand: Callable[..., list[LayerSpan]]
    """From the number of layers and the window's numbers: see `Window.expand`."""
    together: Callable[..., str]
    """Which layers are cut together, as a report says it."""
    point: Callable[..., str] = lambda *numbers: ""
    """Where the flow of one point of a curve is cut, as a caption says it; empty without curves."""
    refusal: Callable[..., str] = lambda *numbers: ""
    """What is wrong with numbers that are high enough; empty where nothing is."""
    lowest: int = 1
    """The least number that it takes."""
    fits: bool = False
    """Whether numbers beyond the model's layers have a meaning."""
    axis: str = ""
    """Name of the layer axis in figures; empty where it has no place on that axis."""
    preposition: str = "at"
    """Where its effects are, in a sentence: "around" layers 3-5."""
    one_series: bool = False
    """Its windows, each with numbers of its own, are the points of one curve."""

    def written(self, *values: object) -> str:
        """ "centred(9)"; with the names of its arguments, "after(i)"."""
        return f"{self.name}({', '.join(map(str, values))})"

    @property
    def usage(self) -> str:
        return f"Write {self.written(*self.arguments)}: {self.meaning}."


def _centred(n: int, k: int) -> list[LayerSpan]:
    return [LayerSpan(at, max(1, at - k // 2), min(n, at + (k - 1) // 2)) for at in range(1, n + 1)]


def _half(n: int) -> int:
    if n < 2:
        raise WindowError(f"A model of {n} layers has no two halves. Use all_layers().")
    return n // 2


_ALL = (
    Kind(
        name="centred",
        arguments=("k",),
        meaning="layers l-k//2 .. l+(k-1)//2 for every l, clipped at both ends",
        expand=_centred,
        together=lambda k: (
            f"{k} neighbouring layers are cut at a time, around each layer (fewer at both ends)"
            if k > 1
            else "one layer is cut at a time"
        ),
        point=lambda k: f"in the {k} layers around it" if k > 1 else "in that layer",
        fits=True,
        axis="layer (centre of the cut window)",
        preposition="around",
    ),
    Kind(
        name="trailing",
        arguments=("k",),
        meaning="the k layers that end at x, for x = k .. last",
        expand=lambda n, k: [LayerSpan(last, last - k + 1, last) for last in range(k, n + 1)],
        together=lambda k: f"{k} neighbouring layers are cut at a time, up to and including each layer",
        point=lambda k: f"in the {k} layers that end there" if k > 1 else "in that layer",
        axis="layer (last of the cut window)",
    ),
    Kind(
        name="after",
        arguments=("i",),
        meaning="all layers after i; i = 0 is all of them",
        expand=lambda n, i: [LayerSpan(i, i + 1, n)],
        together=lambda i: "all layers after a layer are cut together",
        point=lambda i: "in all layers after it",
        lowest=0,
        axis="layer i (every layer after i is cut)",
        preposition="after",
        one_series=True,
    ),
    Kind(
        name="all_layers",
        meaning="all layers at once",
        expand=lambda n: [LayerSpan(0, 1, n)],
        together=lambda: "all layers are cut at once",
    ),
    Kind(
        name="first_half",
        meaning="layers 1 .. L//2",
        expand=lambda n: [LayerSpan(0, 1, _half(n))],
        together=lambda: "the first half of the layers is cut at once",
    ),
    Kind(
        name="second_half",
        meaning="layers L//2+1 .. L",
        expand=lambda n: [LayerSpan(0, _half(n) + 1, n)],
        together=lambda: "the second half of the layers is cut at once",
    ),
    Kind(
        name="layers",
        arguments=("a", "b"),
        meaning="layers a .. b, both included",
        expand=lambda n, a, b: [LayerSpan(0, a, b)],
        together=lambda a, b: "these layers are cut at once",
        refusal=lambda a, b: f"is reversed: did you mean layers({b}, {a})?" if a > b else "",
    ),
)
KINDS = {kind.name: kind for kind in _ALL}
_HOW = f"Windows are: {', '.join(kind.written(*kind.arguments) for kind in _ALL)}."
_ALSO = {"centered": "centred", "all": "all_layers"}


@dataclass(frozen=True, slots=True)
class Window:
    """A rule that gives one or more ranges of layers for a model of any depth.

    Make one with `centred`, `trailing`, `after`, `all_layers`, `first_half`, `second_half`, `layers` or
    `parse_window`. Its text is what a person types in Python, and `parse_window` reads it back.
    """

    kind: str
    numbers: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        kind = KINDS.get(self.kind) if isinstance(self.kind, str) else None
        if kind is None or not isinstance(self.numbers, tuple):
            raise WindowError(f"{shown(self.kind)} with {shown(self.numbers)} is not a window. {_HOW}")
        name = repr(f"{self.kind}({', '.join(map(shown, self.numbers))})")
        if len(self.numbers) != len(kind.arguments):
            takes = {0: "no number", 1: "one number", 2: "two numbers"}[len(kind.arguments)]
            raise WindowError(f"{name}: {self.kind} takes {takes}. {kind.usage}")
        for number in self.numbers:
            if isinstance(number, bool) or not isinstance(number, int):
                raise WindowError(f"{name}: {shown(number)} is not a whole number. {kind.usage}")
            if number > HIGHEST:
                raise WindowError(f"{name}: no model has so many layers. {kind.usage}")
        if any(number < kind.lowest for number in self.numbers):
            raise WindowError(f"{name}: numbers start at {kind.lowest} here. {kind.usage}")
        if refusal := kind.refusal(*self.numbers):
            raise WindowError(f"{name} {refusal}")

    def __str__(self) -> str:
        return KINDS[self.kind].written(*self.numbers)

    def expand(self, n_layers: int) -> list[LayerSpan]:
        """The ranges for a model of `n_layers` layers, in the order of their place on the layer axis.

        Raises WindowError for layers that the model does not have.
        """
        kind = KINDS[self.kind]
        if not kind.fits and max(self.numbers, default=0) > n_layers:
            raise WindowError(
                f"{str(self)!r} lies outside the model, which has {n_layers} layers (1..{n_layers})."
            )
        return kind.expand(n_layers, *self.numbers)

    @property
    def together(self) -> str:
        """Which layers are cut together, as a report says it."""
        return KINDS[self.kind].together(*self.numbers)

    @property
    def point(self) -> str:
        """Where the flow of one point of a curve is cut, as a caption says it; empty without curves."""
        return KINDS[self.kind].point(*self.numbers)


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
    text = typed(text, "window", _HOW, error=WindowError)
    found = re.fullmatch(r"([a-z_]+) ?(?:\(([^()]*)\))?", text.lower())
    kind = _ALSO.get(found[1], found[1]) if found else text
    if not found or kind not in KINDS:
        raise WindowError(f"{shown(text)} is not a window.{near_matches(kind, KINDS)} {_HOW}")
    parts = [part.strip() for part in (found[2] or "").split(",")] if (found[2] or "").strip() else []
    if not all(re.fullmatch(r"-?[0-9]{1,9}", part) for part in parts):
        raise WindowError(
            f"{shown(text)} has something else than whole numbers of at most nine digits between its "
            f"brackets. {KINDS[kind].usage}"
        )
    return Window(kind, tuple(int(part) for part in parts))


def kind_of(window: str) -> Kind | None:
    """The kind of a window or series of a table ("centred(9)", "after(i)"); None where it is none."""
    return KINDS.get(str(window).split("(", 1)[0].strip())


def axis_of(window: str) -> str:
    """The name of the layer axis on which a table's window has its place; empty where it has none."""
    kind = kind_of(window)
    return kind.axis if kind is not None else ""


def series_of(window: str) -> str:
    """The curve that a window's rows belong to: itself, except that all after(0), after(1), .. form one."""
    kind = kind_of(window)
    return kind.written(*kind.arguments) if kind is not None and kind.one_series else str(window)


def read_window(text: str) -> Window | None:
    """The window of a table's text, or any one of the series of that name; None where it is neither."""
    kind = kind_of(text)
    if kind is not None and kind.one_series and text == series_of(text):
        return Window(kind.name, (kind.lowest,) * len(kind.arguments))
    try:
        return parse_window(text)
    except WindowError:
        return None


def as_windows(windows: Window | str | Sequence[Window | str]) -> tuple[Window, ...]:
    """One window or several, as text or as data; WindowError for none, a repeated one or another type."""
    several = [windows] if isinstance(windows, Window | str) else windows
    if not isinstance(several, Iterable):
        hint = f" Did you mean centred({several})?" if isinstance(several, int) else ""
        raise WindowError(f"{shown(several)} is no window, nor a list of windows.{hint} {_HOW}")
    parsed: dict[Window, None] = {}
    for given in several:
        window = given if isinstance(given, Window) else parse_window(given)
        if window in parsed:
            raise WindowError(f"The window {str(window)!r} is asked for twice. Name each window once.")
        parsed[window] = None
    if not parsed:
        raise WindowError("No window is named. Write for example centred(9) or 'centred(9)'.")
    return tuple(parsed)
