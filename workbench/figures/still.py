"""Pictures of figures, without a browser window and without a network."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
from pathlib import Path

import plotly
import plotly.graph_objects as go

from workbench.errors import RunError

_TIMEOUTS = (20, 40, 60)
"""Seconds of each try. A figure takes about one; now and then the program hangs for good when it starts."""


def write_png(
    fig: go.Figure, path: Path | str, width: int | None = None, height: int | None = None, scale: float = 2.0
) -> Path:
    """Draw `fig` into a PNG file and give back its path. The file appears whole or not at all.

    `width` and `height` in pixels default to the figure's own, or 1200 x 500; `scale` multiplies both.
    Raises RunError where the drawing program (kaleido 0.2.1) is missing or fails.
    """
    path = Path(path)
    picture = _draw(
        fig,
        width=int(width or fig.layout.width or 1200),  # pyright: ignore[reportAttributeAccessIssue]
        height=int(height or fig.layout.height or 500),  # pyright: ignore[reportAttributeAccessIssue]
        scale=scale,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.tmp")
    unfinished.write_bytes(picture)
    os.replace(unfinished, path)
    return path


def _draw(fig: go.Figure, *, width: int, height: int, scale: float) -> bytes:
    try:
        from kaleido.scopes.plotly import PlotlyScope  # newer kaleido has no such module, and needs a Chrome

        program = PlotlyScope.executable_path()
    except (ImportError, ValueError) as error:
        raise RunError(
            "No program to draw a PNG with: kaleido 0.2.1 is not installed. It carries its own renderer; "
            "install it with: pip install kaleido==0.2.1. The figures in the HTML report need none."
        ) from error
    script = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    request = {"format": "png", "width": width, "height": height, "scale": scale}
    # The program speaks lines of JSON: one when it is ready, one a request. A plain child process always
    # ends; kaleido's own wrapper leaves a thread that reads forever.
    words = [program, "plotly", f"--plotlyjs={str(script)!r}", *PlotlyScope.default_chromium_args()]
    given = json.dumps(request | {"data": json.loads(fig.to_json() or "{}")}) + "\n"
    try:
        done = _answered(words, given)
        answer = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired as error:
        raise RunError(
            f"The PNG was not drawn within {_TIMEOUTS[-1]} s, in {len(_TIMEOUTS)} tries. Try again on a less "
            "busy machine."
        ) from error
    except (OSError, ValueError, IndexError) as error:
        raise RunError(
            f"The PNG could not be drawn: {error}. Is kaleido 0.2.1 whole? Install it again."
        ) from error
    if not answer.get("result"):
        raise RunError(f"The PNG could not be drawn: {answer.get('message') or done.stderr[-300:]}")
    return base64.b64decode(answer["result"])


def _answered(words: list[str], given: str) -> subprocess.CompletedProcess[str]:
    """What the program answers; one that hangs is ended, with its children, and started again."""
    for seconds in _TIMEOUTS:
        try:
            return _run(words, given, seconds)
        except subprocess.TimeoutExpired:
            if seconds == _TIMEOUTS[-1]:
                raise
    raise AssertionError("unreachable")


def _run(words: list[str], given: str, seconds: float) -> subprocess.CompletedProcess[str]:
    with subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        # A group of its own: ending the first process alone would leave its children behind.
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(given, timeout=seconds)
        except BaseException:
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
            raise
    return subprocess.CompletedProcess(words, process.returncode, out, err)
