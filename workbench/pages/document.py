"""One HTML page of figures and tables that needs no network and no other file; a picture beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import plotly.graph_objects as go
from markupsafe import Markup

from workbench.files import write_whole
from workbench.pages.html import plotly_script, render
from workbench.pages.png import try_png


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
        parts=[part._replace(content=_html(part.content, number)) for number, part in enumerate(parts)],
        plotly=plotly_script(),
    )
    return write_whole(path, page)


def _html(content: go.Figure | Shown | str, number: int) -> str:
    """What a part puts on the page; text that is still to be escaped is no `Markup`."""
    if isinstance(content, str):
        return content
    if not isinstance(content, go.Figure):
        return Markup(content._repr_html_())
    return Markup(
        content.to_html(
            full_html=False,
            include_plotlyjs=False,
            div_id=f"figure-{number}",
            config={"displaylogo": False, "responsive": True},
        )
    )
