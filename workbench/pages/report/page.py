"""Writes the page: reads a run folder, gathers its content, and fills the template."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from markupsafe import Markup, escape

from workbench.figures import line_styles
from workbench.figures.parts.headlines import place
from workbench.figures.parts.template import translucent
from workbench.figures.parts.text import arrows, task_name
from workbench.files import write_whole
from workbench.pages.html import plotly_programs, render
from workbench.pages.report import explain
from workbench.pages.report.content import answers, reasons, sections, stage_figure, stage_rows
from workbench.pages.report.stages import find_stages
from workbench.pages.sample.of_run import sample_pages
from workbench.runs import load_run
from workbench.statistics.peaks import is_clear
from workbench.statistics.structural import NO_EDGE

REPORT = "report.html"
"""The report's name in its run folder."""
_SHORT_LIST = 12  # skipped samples shown without a click


def write_report(folder: Path | str) -> Path:
    """Write `report.html` into a run folder and give back its path. The same run gives the same bytes.

    The page needs no network and no other file; it links the pages of single samples that lie in the run
    folder. It shows what the run has so far; one that is not finished
    says so. Raises RunError where the folder holds no run, or its pathways.csv is damaged.
    """
    folder = Path(folder)
    run = load_run(folder)
    seed = int(run.manifest["settings"].get("seed") or 0)
    table = run.table
    stages = None if table.empty else find_stages(table, folder)
    flows = table["flow"].unique().tolist()
    page = render(
        "report/page.html.j2",
        filters=_FILTERS,
        manifest=run.manifest,
        settings=_listed(run.manifest["settings"]),
        provenance=_listed(_provenance(run.manifest)),
        finished=run.finished,
        rounding=run.rounding,
        sections=[] if table.empty else sections(table, seed),
        stages=stages,
        stage_figure=stage_figure(stages),
        stage_rows=stage_rows(stages),
        no_edge=NO_EDGE,
        answers=answers(run.samples, table),
        sample_pages=sample_pages(folder, run.samples),
        skipped=[dict(row) for row in run.skipped.to_dict("records")],
        reasons=reasons(run.skipped),
        short_list=_SHORT_LIST,
        explain=explain,
        flow_meanings=explain.flow_meanings(flows),
        span_meanings=explain.span_meanings(flows),
        colors={flow: style.color for flow, style in line_styles(flows).items()},
        programs=plotly_programs(),
    )
    return write_whole(folder / REPORT, page)


def _provenance(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """All of the manifest that does not decide the numbers, the command line first."""
    rest = {key: value for key, value in manifest.items() if key not in ("settings", "format", "command")}
    return {"command": manifest.get("command") or "none: made from Python", **rest}


def _listed(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as (name, text) lines; nothing is left out."""
    lines: list[tuple[str, str]] = []
    for key, value in values.items():
        name = f"{prefix}{key}".replace("_", " ")
        if isinstance(value, Mapping):
            lines += _listed(cast(Mapping[str, Any], value), f"{name}: ")
        else:
            lines.append((name, _text(value)))
    return lines


def _text(value: Any) -> str:
    if value is None:
        return "default"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ", ".join(item if isinstance(item, str) else json.dumps(item) for item in value) or "none"
    return str(value)


def _sentence(text: str) -> Markup:
    """A sentence in which no line break tears flows or ranges of layers apart."""
    return Markup(
        re.sub(r"\blayers? [0-9-]+", r'<span class="whole">\g<0></span>', str(escape(arrows(text))))
    )


def _number(value: float, digits: int = 1) -> str:
    """A number without the sign that rounding leaves on a zero; empty for NaN."""
    return "" if value != value else f"{round(value, digits) + 0.0:.{digits}f}"


def _shade(mean: float, color: str) -> str:
    """A table cell's background: the flow's colour, the stronger the deeper the fall."""
    if not mean < 0:
        return "transparent"
    return translucent(color, min(0.75, -mean / 100 * 0.75))


_FILTERS = {
    "arrows": arrows,
    "task_name": task_name,
    "place": place,
    "shade": _shade,
    "number": _number,
    "sentence": _sentence,
    "clear": is_clear,
}
