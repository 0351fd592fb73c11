"""Two texts with numbers in them: words are the same, numbers nearly so.

Another processor adds in another order, so a number at the border of two last digits is printed as the other.
A p-value moves further: sign flips are counted, and sums that are equal but for rounding count or do not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

ONE_DIGIT = 1.01
"""Units of the last printed digit by which a number with a decimal point may differ."""
RELATIVE = 1e-4
"""Share by which it may differ where more digits are printed than that."""
DRAWS = 9_999
"""Sign patterns behind a p-value, which may differ by two standard errors of such a count."""
P_VALUES = ("p_value", "p_corrected")
"""Columns of p-values."""

# A sign belongs to a number only at its start: "297-339" is two numbers, and so is "9-12".
_NUMBER = re.compile(r"(?:(?<![\w.)\]])[-+])?\d+(?:\.\d*)?(?:e[-+]?\d+)?")


class Number(NamedTuple):
    """A number as it is printed."""

    text: str
    column: str
    """The column of p-values that it stands in, or ""."""
    comparisons: int
    """Lines of the text: as many p-values may have been corrected for."""

    @property
    def digits(self) -> int:
        """Digits after the decimal point."""
        return len(self.text.partition("e")[0].partition(".")[2])

    def near(self, other: Number) -> bool:
        """Counts, layers and names are exact, measured numbers are not."""
        digits = max(self.digits, other.digits)
        value = float(self.text)
        allowed = max(ONE_DIGIT * 10.0**-digits, RELATIVE * abs(value)) if digits else 0.0
        if self.column:
            family = self.comparisons if self.column == "p_corrected" else 1
            allowed += 2 * (family * abs(value) / DRAWS) ** 0.5
        return abs(value - float(other.text)) <= allowed


def differences(old: str, new: str) -> list[str]:
    """What differs between two texts beyond rounding; empty where they say the same."""
    if _words(old) != _words(new):
        return [f"{old!r} has become {new!r}"]
    pairs = zip(_numbers(old), _numbers(new), strict=True)
    return [f"{one.text} has become {two.text} in {old!r}" for one, two in pairs if not one.near(two)]


def _words(text: str) -> str:
    """The text between its numbers; the width of a column depends on them."""
    return " ".join(_NUMBER.sub(" # ", text).split())


def _numbers(text: str) -> Iterator[Number]:
    """The numbers of a text. Those of a table end where the name of their column ends."""
    lines = text.splitlines()
    ends: dict[int, str] = {}
    for line in lines:
        named = {match.end(): match.group() for match in re.finditer(r"\w+", line)}
        if set(P_VALUES) & set(named.values()):
            ends = {end: name for end, name in named.items() if name in P_VALUES}
        for match in _NUMBER.finditer(line):
            yield Number(match.group(), ends.get(match.end(), ""), len(lines))
