"""One HTML page of figures and tables that needs no network and no other file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple, Protocol

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from workbench.figures.parts.template import FONT, INK, MUTED

_STYLE = f"""
body {{ font: 15px/1.5 {FONT}; color: {INK}; max-width: 1240px; margin: 24px auto; padding: 0 16px; }}
h2 {{ font-size: 18px; margin: 32px 0 8px; }}
p {{ color: {MUTED}; }}
.scroll {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-size: 14px; }}
th {{ text-align: left; border-bottom: 2px solid #b5b5b5; padding: 6px 12px 6px 0; }}
td {{ border-bottom: 1px solid #e8e8e8; padding: 6px 12px 6px 0; vertical-align: top; }}
"""


class Shown(Protocol):
    """Anything that shows itself as HTML, already escaped: what Jupyter shows as a table."""

    def _repr_html_(self) -> str: ...


class Part(NamedTuple):
    """One thing on the page, under its heading ("" for none)."""

    heading: str
    content: go.Figure | Shown | str
    """A figure, something with `_repr_html_`, or plain text, which is escaped."""


def write_html(fig: go.Figure, path: Path | str) -> Path:
    """Write one figure as an html page that asks the network for nothing, and give back its path.

    plotly's program is in it, about 5 MB. The file appears whole or not at all.
    """
    return write_page(path, "", [Part("", fig)])


def write_page(path: Path | str, title: str, parts: Sequence[Part], *, about: str = "") -> Path:
    """Write `parts` below each other and give back the path.

    The same parts give the same bytes, and the file appears whole or not at all.
    """
    path = Path(path)
    body = [f"<h1>{escape(title)}</h1>"] if title else []
    body += [f"<p>{escape(about)}</p>"] if about else []
    for number, (heading, part) in enumerate(parts):
        body += [f"<h2>{escape(heading)}</h2>"] if heading else []
        if isinstance(part, go.Figure):
            drawn = part.to_html(
                full_html=False,
                include_plotlyjs=False,
                div_id=f"figure-{number}",
                config={"displaylogo": False, "responsive": True},
            )
            body.append(f'<div class="scroll">{drawn}</div>')
        elif isinstance(part, str):
            body.append(f"<p>{escape(part)}</p>")
        else:
            body.append(f'<div class="scroll">{part._repr_html_()}</div>')
    page = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title or path.stem)}</title>\n<style>{_STYLE}</style>\n"
        f"<script>{get_plotlyjs()}</script>\n</head>\n<body>\n" + "\n".join(body) + "\n</body>\n</html>\n"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.tmp")
    unfinished.write_text(page, encoding="utf-8")
    os.replace(unfinished, path)
    return path
