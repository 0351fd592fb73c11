"""What the stories have in common: clips, and forms that tell frames apart by their colours."""

from __future__ import annotations

from workbench.planted.truth import FRAMES, Shown
from workbench.planted.wiring import BLUE, ONE, SEEN_A, SEEN_B, SINK, plus, times

ANY = {SEEN_A: 1.0, SEEN_B: 1.0}
"""1 in red and green cells."""
WHICH = {SEEN_A: 1.0, SEEN_B: -1.0}
"""+1 in red cells and -1 in green ones."""
PURE = plus(ANY, {BLUE: -1.0})
"""1 in red and green cells, 0 in magenta and cyan ones, -1 in blue ones."""
MIXED = {BLUE: 2**0.5}
"""1 in magenta and cyan cells, where two colours count 0.71 each."""
OF_MIXED = times(WHICH, 2**0.5)
"""+1 in magenta cells and -1 in cyan ones."""
ONLY_BLUE = plus({BLUE: 1.0}, times(ANY, -1))
"""1 in blue cells, less than 0 in all others that show anything."""
NOT_SINK = {SINK: 1.0} | times(ONE, -1)
"""-1 in every row but the sink: what is added to it has a threshold, and the sink stays where rows go."""
WHITE = times(plus(ANY, {BLUE: 1.0}, NOT_SINK), 1 / (3**0.5 - 1))
"""1 in white cells, 0 in those of one colour."""


def clip(first: str, last: str = "b", middle: str = "k") -> tuple[str, ...]:
    """Frames by the colour of their cells, or by four; `middle` are the six between, or one for all."""
    between = middle if len(middle) == FRAMES - 2 else [middle] * (FRAMES - 2)
    return tuple(frame * (4 // len(frame)) for frame in (first, *between, last))


TWO = (Shown("A", clip("r")), Shown("B", clip("g")))
"""Frame 0 alone shows the answer, the last is blue, the others are black."""
