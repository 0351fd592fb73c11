"""Samples as a table in a notebook. Every text from an annotation is escaped: it is shown, never run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape

from workbench.data.options import LETTERS
from workbench.data.sample import Sample

MAX_ROWS = 10

# The classes keep MathJax from reading a "$" in a question as the start of a formula.
_PAGE = Markup(
    '<div class="tex2jax_ignore mathjax_ignore"><p><b>{}</b>: {} samples. {}</p>'
    "<table><thead><tr><th>id</th><th>question</th><th>options</th><th>clip</th></tr></thead>"
    "<tbody>{}</tbody></table>{}</div>"
)
_CELL = Markup('<td style="text-align:left">{}</td>')
_MORE = Markup("<p>and {} more</p>")


def samples_html(
    name: str, counts: Mapping[str, int], items: Sequence[Sample], skipped: Sequence[tuple[str, str]]
) -> str:
    """A heading with the counts, the first samples, and what was skipped (folded away)."""
    tasks = ", ".join(f"{task} {count}" for task, count in counts.items())
    rows = Markup("").join(_row(sample) for sample in items[:MAX_ROWS])
    return str(_PAGE.format(name, len(items), tasks, rows, _more(len(items)) + _skipped(skipped)))


def _row(sample: Sample) -> Markup:
    options: list[str] = []
    for index, option in enumerate(sample.options):
        text = escape(f"({LETTERS[index]}) {option}")
        options.append(Markup("<b>{}</b>").format(text) if index == sample.answer else text)
    if not sample.options and sample.stem is not None:
        options.append(Markup("{} <b>{}</b>").format(sample.stem, sample.open_answer or ".."))
    bounds = ""
    if sample.start is not None or sample.end is not None:
        end = "end" if sample.end is None else f"{sample.end:g} s"
        bounds = f", {sample.start or 0:g} s to {end}"
    cells = (sample.id, sample.question, Markup("&emsp; ").join(options), sample.video.name + bounds)
    return Markup("<tr>{}</tr>").format(Markup("").join(_CELL.format(cell) for cell in cells))


def _skipped(skipped: Sequence[tuple[str, str]]) -> Markup:
    if not skipped:
        return Markup("")
    rows = Markup("").join(Markup("<li>{}: {}</li>").format(*entry) for entry in skipped[:MAX_ROWS])
    return Markup("<details><summary>{} skipped</summary><ul>{}</ul>{}</details>").format(
        len(skipped), rows, _more(len(skipped))
    )


def _more(count: int) -> Markup:
    return _MORE.format(count - MAX_ROWS) if count > MAX_ROWS else Markup("")
