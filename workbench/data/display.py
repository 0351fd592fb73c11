"""Samples as a table in a notebook. Every text from an annotation is escaped: it is shown, never run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from workbench.data.sample import LETTERS, Sample

MAX_ROWS = 10


def samples_html(
    name: str, counts: Mapping[str, int], items: Sequence[Sample], skipped: Sequence[tuple[str, str]]
) -> str:
    """A heading with the counts, the first samples, and what was skipped (folded away)."""
    tasks = ", ".join(f"{escape(task)} {count}" for task, count in counts.items())
    more = len(items) - MAX_ROWS
    rows = "".join(_row(sample) for sample in items[:MAX_ROWS])
    # The classes keep MathJax from reading a "$" in a question as the start of a formula.
    return (
        '<div class="tex2jax_ignore mathjax_ignore">'
        f"<p><b>{escape(name)}</b>: {len(items)} samples. {tasks}</p>"
        f"<table><thead><tr><th>id</th><th>question</th><th>options</th><th>clip</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
        + (f"<p>and {more} more</p>" if more > 0 else "")
        + (_skipped(skipped) if skipped else "")
        + "</div>"
    )


def _row(sample: Sample) -> str:
    options = []
    for index, option in enumerate(sample.options):
        text = escape(f"({LETTERS[index]}) {option}")
        options.append(f"<b>{text}</b>" if index == sample.answer else text)
    if not sample.options and sample.stem is not None:
        options.append(f"{escape(sample.stem)} <b>{escape(sample.open_answer or '..')}</b>")
    bounds = ""
    if sample.start is not None or sample.end is not None:
        end = "end" if sample.end is None else f"{sample.end:g} s"
        bounds = f", {sample.start or 0:g} s to {end}"
    cells = (
        escape(sample.id),
        escape(sample.question),
        "&emsp; ".join(options),
        escape(sample.video.name) + bounds,
    )
    return "<tr>" + "".join(f'<td style="text-align:left">{cell}</td>' for cell in cells) + "</tr>"


def _skipped(skipped: Sequence[tuple[str, str]]) -> str:
    rows = "".join(f"<li>{escape(id)}: {escape(reason)}</li>" for id, reason in skipped[:MAX_ROWS])
    more = len(skipped) - MAX_ROWS
    rest = f"<p>and {more} more</p>" if more > 0 else ""
    return f"<details><summary>{len(skipped)} skipped</summary><ul>{rows}</ul>{rest}</details>"
