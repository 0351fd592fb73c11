"""What a processor writes for a video, taken apart: which of it shows which unit of frames."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import takewhile

from workbench.errors import ModelError
from workbench.prompts.turn import VideoPiece


def pieces(written: str, placeholder: str, units: int, special: set[str]) -> Iterator[VideoPiece]:
    """What a processor writes for a clip of so many units, taken apart.

    A unit has one run of placeholders, or as many as others, or an equal part of the only one. Special tokens
    around runs are separators, and other text words; those that stand before the first run open each unit,
    and what else stands between two runs closes the former up to its first word. Raises ModelError where the
    placeholders cannot be parted among the units.
    """
    runs = [match.span() for match in re.finditer(f"(?:{re.escape(placeholder)})+", written)]
    counts = [(end - start) // len(placeholder) for start, end in runs]
    if len(runs) == 1 and counts[0] % units == 0:
        ((start, end),) = runs
        yield from _around(written[:start], 0, special)
        for unit in range(units):
            yield VideoPiece(placeholder * (counts[0] // units), unit)
        yield from _around(written[end:], units - 1, special)
        return
    if not runs or len(runs) % units:
        raise ModelError(
            f"The processor writes {sum(counts)} rows in {len(runs)} stretches for {units} units of frames, "
            "so that nothing says which rows show which frame. Use a checkpoint of another model, or add a "
            "family (docs/add_a_family.md)."
        )
    each = len(runs) // units
    ahead = split(written[: runs[0][0]], special)
    opening = len(list(takewhile(special.__contains__, reversed(ahead))))  # marks that open a run
    last = 0
    for number, (start, end) in enumerate(runs):
        unit, between = number // each, split(written[last:start], special)
        if number and number % each == 0:
            closing = min(len(list(takewhile(special.__contains__, between))), len(between) - opening)
            yield from _around(between[:closing], unit - 1, special)
            between = between[closing:]
        yield from _around(between, unit, special)
        yield VideoPiece(written[start:end], unit)
        last = end
    yield from _around(written[last:], units - 1, special)


def split(text: str, special: set[str]) -> list[str]:
    """A text in special tokens and what stands between them."""
    known = "|".join(re.escape(token) for token in sorted(special, key=len, reverse=True))
    return [part for part in re.split(f"({known})", text) if part] if known else [text] if text else []


def _around(text: str | list[str], unit: int, special: set[str]) -> Iterator[VideoPiece]:
    for part in split(text, special) if isinstance(text, str) else text:
        yield VideoPiece(part, unit, separator=part in special, words=part not in special)
