"""Words in figures: names from data made safe and readable."""

from __future__ import annotations

import html
import re

from workbench.statistics.cautions import FEW_SAMPLES

FEW_NOTE = f"Few: under {FEW_SAMPLES} samples, read with care."
"""To stand under panels of which one has `few_mark`."""


def plain(text: object) -> str:
    """`text` so that plotly draws exactly these characters.

    Plotly reads a few HTML tags in every label and `%{...}` in hover templates; names from data must not.
    """
    escaped = html.escape(str(text), quote=False)
    return re.sub(r"[ \t\r\n]+", " ", escaped.replace("%{", "&#37;{")).strip(" ")


def arrows(text: str) -> str:
    """`text` with a printed arrow for each typed one, which a line break may not part from its spans."""
    return text.replace(" -> ", "\N{NO-BREAK SPACE}→\N{NO-BREAK SPACE}")


def flow_label(flow: str) -> str:
    """A flow's name for a figure, safe for plotly."""
    return plain(arrows(flow))


def task_name(task: str) -> str:
    """A task's name for people, not escaped: "moving_direction" becomes "Moving Direction"."""
    words = str(task).replace("_", " ").split()
    return " ".join(word[:1].upper() + word[1:] for word in words) or str(task)


def layers_text(first: int, last: int) -> str:
    """ "layers 4-6", "layer 5", or "no layer" for an empty span (last < first)."""
    if last < first:
        return "no layer"
    return f"layer {first}" if first == last else f"layers {first}-{last}"


def percent(value: float) -> str:
    """A change in percent with its sign: "-63%", "+4%", "0%"; tenths where it is below 1."""
    rounded = round(value) if abs(value) >= 1 else round(value, 1)
    return f"{rounded:+g}%" if rounded else "0%"


def count_of(count: int, thing: str) -> str:
    """ "1 sample", "3 samples"."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


def few_mark(n: int) -> str:
    """ " (few)" where there are too few samples to trust a mean, to stand behind "n = 3"; else nothing."""
    return " (few)" if n < FEW_SAMPLES else ""


def wrap(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width` characters where its words allow it."""
    lines: list[str] = []
    for word in filter(None, text.split(" ")):
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
