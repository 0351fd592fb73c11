"""Pictures of figures, without a browser window and without a network."""

from __future__ import annotations

import atexit
import base64
import json
import os
import tempfile
import warnings
from functools import cache
from pathlib import Path

import plotly
import plotly.graph_objects as go

from workbench.errors import RunError
from workbench.files import write_whole
from workbench.pages.kaleido import Renderer

_TIMEOUTS = (20, 40)
"""Seconds of each try. A figure takes about half a second, or a few on a busy machine; now and then the
program stops answering, and a new one then draws the same figure."""


def write_png(
    fig: go.Figure, path: Path | str, width: int | None = None, height: int | None = None, scale: float = 2.0
) -> Path:
    """Draw `fig` into a PNG file and give back its path. The file appears whole or not at all.

    `width` and `height` in pixels default to the figure's own, or 1000 x 500; `scale` multiplies both.
    Raises RunError where the drawing program (kaleido 0.2.1) is missing or fails, or takes over a minute.
    """
    picture = _draw(
        fig,
        width=int(width or fig.layout.width or 1000),  # pyright: ignore[reportAttributeAccessIssue]
        height=int(height or fig.layout.height or 500),  # pyright: ignore[reportAttributeAccessIssue]
        scale=scale,
    )
    return write_whole(path, picture)


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


def _draw(fig: go.Figure, *, width: int, height: int, scale: float) -> bytes:
    try:
        from kaleido.scopes.plotly import PlotlyScope  # newer kaleido has no such module, and needs a Chrome

        program = PlotlyScope.executable_path()
    except (ImportError, ValueError) as error:
        raise RunError(
            "No program to draw a PNG with: kaleido 0.2.1 is not installed. It carries its own renderer; "
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
    request = {"format": "png", "width": width, "height": height, "scale": scale}
    figure = json.loads(fig.to_json() or "{}")
    # The program need not read what it does not draw: the traces behind a slider.
    figure["data"] = [trace for trace in figure.get("data", []) if trace.get("visible", True) is not False]
    try:
        answer = json.loads(_ask(command, json.dumps(request | {"data": figure}) + "\n"))
    except TimeoutError as error:
        raise RunError(
            f"The PNG was not drawn within {sum(_TIMEOUTS)} s. Try again on a less busy machine."
        ) from error
    except (OSError, ValueError) as error:
        raise RunError(
            f"The PNG could not be drawn: {error}. Is kaleido 0.2.1 whole? Install it again."
        ) from error
    if not answer.get("result"):
        raise RunError(f"The PNG could not be drawn: {answer.get('message') or 'no reason was given'}")
    return base64.b64decode(answer["result"])


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
