"""One HTML page of figures and tables that needs no network and no other file; a picture beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import plotly.graph_objects as go
from markupsafe import Markup

from workbench.files import write_whole
from workbench.pages.drawing import try_png
from workbench.pages.html import figure_data, plotly_programs, render


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


def write_figure(fig: go.Figure, path: Path | str, title: str = "", below: Sequence[Part] = ()) -> list[Path]:
    """Write a figure as a page and as a picture: `path` with .html and with .png behind it.

    `title` stands above it on the page, `below` under it. Gives back what was written: where the picture
    cannot be drawn, a warning says so, and the page is all.
    """
    path = Path(path)
    page = write_page(path.with_name(f"{path.name}.html"), title, [Part("", fig), *below])
    return [page, *try_png(fig, path.with_name(f"{path.name}.png"), html=page)]


def write_page(path: Path | str, title: str, parts: Sequence[Part], *, about: str = "") -> Path:
    """Write `parts` below each other and give back the path.

    The same parts give the same bytes, and the file appears whole or not at all.
    """
    path = Path(path)
    page = render(
        "document.html.j2",
        title=title or path.stem,
        heading=title,
        about=about,
        parts=[_shown(part) for part in parts],
        programs=plotly_programs(),
    )
    return write_whole(path, page)


class _Shown(NamedTuple):
    """A part as the template has it: one of the three."""

    heading: str
    figure: Markup | None = None
    html: Markup | None = None
    text: str = ""


def _shown(part: Part) -> _Shown:
    content = part.content
    if isinstance(content, str):
        return _Shown(part.heading, text=content)
    if isinstance(content, go.Figure):
        return _Shown(part.heading, figure=figure_data(content))
    return _Shown(part.heading, html=Markup(content._repr_html_()))
