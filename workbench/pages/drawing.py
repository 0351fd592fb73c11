"""Pictures of figures, without a browser window and without a network."""

from __future__ import annotations

import atexit
import base64
import json
import os
import tempfile
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import plotly
import plotly.graph_objects as go

from workbench.errors import RunError, shown
from workbench.files import write_whole
from workbench.pages.kaleido import Renderer

_TIMEOUTS = (20, 40)
"""Seconds of each try. A figure takes about half a second, or a few on a busy machine; now and then the
program stops answering, and a new one then draws the same figure."""


FORMATS = ("png", "svg", "pdf")
"""What a figure can be drawn as; svg and pdf are vectors, which a paper scales to its columns."""


def to_image(
    fig: go.Figure,
    format: str = "png",
    width: int | None = None,
    height: int | None = None,
    scale: float = 1.0,
) -> bytes:
    """A figure as a file's bytes: "png", "svg" or "pdf".

    `width` and `height` in pixels default to the figure's own, or 1000 x 500; `scale` multiplies both.
    Raises RunError for another format, and where the drawing program (kaleido 0.2.1) is missing or fails, or
    takes over a minute.
    """
    plain = str(format).lower().lstrip(".")
    if plain not in FORMATS:
        raise RunError(f"format {shown(format)}: a figure can be drawn as {', '.join(FORMATS)}.")
    return _draw(
        fig,
        form=plain,
        width=int(width or fig.layout.width or 1000),  # pyright: ignore[reportAttributeAccessIssue]
        height=int(height or fig.layout.height or 500),  # pyright: ignore[reportAttributeAccessIssue]
        scale=scale,
    )


def to_png(fig: go.Figure, width: int | None = None, height: int | None = None, scale: float = 2.0) -> bytes:
    """As `to_image`."""
    return to_image(fig, "png", width, height, scale)


def to_svg(fig: go.Figure, width: int | None = None, height: int | None = None) -> bytes:
    """As `to_image`."""
    return to_image(fig, "svg", width, height)


def to_pdf(fig: go.Figure, width: int | None = None, height: int | None = None) -> bytes:
    """As `to_image`."""
    return to_image(fig, "pdf", width, height)


def save(
    fig: go.Figure,
    path: Path | str,
    width: int | None = None,
    height: int | None = None,
    scale: float | None = None,
) -> Path:
    """Draw `fig` into a file and give back its path: .png, .svg or .pdf by its ending. It appears whole or
    not at all. `scale` is 2 for a png where nothing is said. Raises RunError for another ending, and as
    `to_image`.
    """
    form = _ending(path, FORMATS)
    usual = 2.0 if form == "png" else 1.0
    return write_whole(path, to_image(fig, form, width, height, usual if scale is None else scale))


def write_image(fig: go.Figure, file: Path | str, format: str | None = None, **size: Any) -> Path:
    """plotly's own call, drawn as `save` does. Raises RunError where `format` and the ending differ."""
    form = _ending(file, FORMATS)
    if format is not None and format.lower().lstrip(".") != form:
        raise RunError(f"{file} ends in .{form}, and format is {shown(format)}. Name one of them.")
    return save(fig, file, **{"scale": 1.0, **size})


def write_png(
    fig: go.Figure, path: Path | str, width: int | None = None, height: int | None = None, scale: float = 2.0
) -> Path:
    """As `save`, for a png alone."""
    _ending(path, ("png",))
    return save(fig, path, width, height, scale)


def save_figure(run: Any, path: Path | str, **settings: Any) -> Path:
    """The figure of a result in a file: .png, .svg or .pdf. `settings` go to its `figure`.

    Raises RunError for another ending before anything is drawn, and as `to_image`.
    """
    _ending(path, FORMATS)
    return save(run.figure(**settings), path)


def _ending(path: Path | str, allowed: Sequence[str]) -> str:
    form = Path(path).suffix.lower().lstrip(".")
    if form not in allowed:
        page = " An interactive page is written by wb.figures.write_html." if form in ("html", "htm") else ""
        known = " or ".join(f".{one}" for one in allowed)
        raise RunError(f"{path}: end the name in {known}, which says how the figure is drawn.{page}")
    return form


def try_png(fig: go.Figure, path: Path | str, *, html: Path | str, scale: float = 2.0) -> list[Path]:
    """As `write_png`, for a run that must not end for want of a picture: `html` holds the same figure.

    Gives back the path in a list, which is empty where the picture could not be drawn; a warning then says
    so.
    """
    try:
        return [write_png(fig, path, scale=scale)]
    except RunError as error:
        warnings.warn(f"{path} is left out; the figure is in {html}. {error}", stacklevel=2)
        return []


def _draw(fig: go.Figure, *, form: str, width: int, height: int, scale: float) -> bytes:
    try:
        from kaleido.scopes.plotly import PlotlyScope  # newer kaleido has no such module, and needs a Chrome

        program = PlotlyScope.executable_path()
    except (ImportError, ValueError) as error:
        raise RunError(
            "No program to draw a figure with: kaleido 0.2.1 is not installed. It carries its own renderer; "
            "install it with: pip install kaleido==0.2.1. The figures in the HTML report need none."
        ) from error
    script = _without_spaces(Path(plotly.__file__).parent / "package_data" / "plotly.min.js")
    # The program speaks lines of JSON. Kaleido's own wrapper waits for ever where it says nothing.
    command = (
        _without_spaces(Path(program)),
        "plotly",
        f"--plotlyjs={script!r}",
        *PlotlyScope.default_chromium_args(),
    )
    request = {"format": form, "width": width, "height": height, "scale": scale}
    figure = json.loads(fig.to_json() or "{}")
    # The program need not read what it does not draw: the traces behind a slider.
    figure["data"] = [trace for trace in figure.get("data", []) if trace.get("visible", True) is not False]
    try:
        answer = json.loads(_ask(command, json.dumps(request | {"data": figure}) + "\n"))
    except TimeoutError as error:
        raise RunError(
            f"The picture was not drawn within {sum(_TIMEOUTS)} s. Try again on a less busy machine."
        ) from error
    except (OSError, ValueError) as error:
        raise RunError(
            f"The picture could not be drawn: {error}. Is kaleido 0.2.1 whole? Install it again."
        ) from error
    if not answer.get("result"):
        raise RunError(f"The picture could not be drawn: {answer.get('message') or 'no reason was given'}")
    drawn = answer["result"]
    return drawn.encode("utf-8") if form == "svg" else base64.b64decode(drawn)


def _ask(command: tuple[str, ...], request: str) -> str:
    """What the program answers. Raises TimeoutError, or OSError, where no try gets an answer."""
    for seconds in _TIMEOUTS[:-1]:
        try:
            return _renderer(command).ask(request, seconds)
        except OSError:  # TimeoutError is one
            continue
    return _renderer(command).ask(request, _TIMEOUTS[-1])


@cache
def _without_spaces(path: Path) -> str:
    """A name of the file that kaleido's shell script can take: it quotes nothing."""
    if os.name != "posix" or not any(character.isspace() for character in str(path)):
        return str(path)
    folder = tempfile.TemporaryDirectory(prefix="kaleido-")
    atexit.register(folder.cleanup)
    link = Path(folder.name) / "link"
    link.symlink_to(path.parent, target_is_directory=True)
    return str(link / path.name)


@cache
def _renderer(command: tuple[str, ...]) -> Renderer:
    return Renderer(command)
