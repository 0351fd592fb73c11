"""Figures as one HTML page that needs no network and no other file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from workbench.figures.template import FONT, INK, MUTED


class Section(NamedTuple):
    """A part of a page. Its texts are shown as they are; they may hold anything."""

    heading: str
    text: str
    figures: Sequence[go.Figure]


_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)
_STYLE = f"""
body {{ margin: 0 auto; max-width: 1220px; padding: 20px 24px 60px; background: #fff; color: {INK};
  font: 16px/1.5 {FONT}; }}
h1 {{ font-size: 26px; margin: 0 0 4px; }}
h2 {{ font-size: 20px; margin: 40px 0 2px; padding-top: 16px; border-top: 1px solid #dcdcdc; }}
p {{ margin: 4px 0 10px; color: {MUTED}; max-width: 100ch; white-space: pre-line; }}
.plot {{ overflow-x: auto; }}
"""
# Only these buttons: plotly's own set has one that sends the figure to another machine.
_SCRIPT = """
for (const box of document.querySelectorAll(".plot")) {
  const figure = JSON.parse(box.nextElementSibling.textContent);
  Plotly.newPlot(box, figure.data, figure.layout, { displaylogo: false, modeBarButtons: [["toImage"]] });
}
"""


def write_html(path: Path | str, title: str, text: str, sections: Sequence[Section]) -> Path:
    """Write figures under headings into one page, and give back its path. The file appears whole or not at
    all."""
    parts = []
    for section in sections:
        parts.append(f"<section>\n<h2>{escape(section.heading)}</h2>\n<p>{escape(section.text)}</p>")
        for figure in section.figures:
            parts.append(
                f'<div class="plot"></div>\n<script type="application/json">{_json(figure)}</script>'
            )
        parts.append("</section>")
    body = "\n".join(parts)
    page = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n<p>{escape(text)}</p>\n{body}\n"
        f"<script>{get_plotlyjs()}</script>\n<script>{_SCRIPT}</script>\n</body>\n</html>\n"
    )
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.tmp")
    unfinished.write_text(page, encoding="utf-8")
    os.replace(unfinished, path)
    return path


def _json(figure: go.Figure) -> str:
    """The figure's JSON, with nothing in it that could end a script element."""
    return (figure.to_json() or "{}").replace("<", "\\u003c")
