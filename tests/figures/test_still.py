from __future__ import annotations

import builtins
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image

from tests.figures.tables import sweep_table
from workbench.errors import RunError
from workbench.figures import information_flow, still, write_png


def test_the_main_figure_as_a_png(tmp_path: Path) -> None:
    fig = information_flow(sweep_table(samples=3))
    path = write_png(fig, tmp_path / "new" / "figure.png", width=900, scale=1)
    assert [entry.name for entry in path.parent.iterdir()] == ["figure.png"]
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    assert pixels.shape[:2] == (fig.layout.height, 900)  # pyright: ignore[reportAttributeAccessIssue]
    assert pixels.std() > 15
    for color in ((0, 114, 178), (213, 94, 0), (0, 158, 115), (230, 159, 0)):
        near = (np.abs(pixels - color).sum(axis=2) < 30).sum()
        assert near > 200, f"no curve of colour {color}"


def test_scale_multiplies_the_size(tmp_path: Path) -> None:
    path = write_png(go.Figure(), tmp_path / "a.png", width=100, height=80, scale=3)
    with Image.open(path) as image:
        assert image.size == (300, 240)


def test_a_missing_renderer_is_told_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_kaleido(name: str, *args: Any, **kw: Any) -> Any:
        if name.startswith("kaleido"):
            raise ImportError(name)
        return real(name, *args, **kw)

    monkeypatch.setattr(builtins, "__import__", without_kaleido)
    with pytest.raises(RunError, match=r"pip install kaleido==0\.2\.1"):
        write_png(go.Figure(), tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        (subprocess.TimeoutExpired("kaleido", 1), "not drawn within"),
        (OSError("no such program"), "no such program"),
        (subprocess.CompletedProcess([], 1, stdout="", stderr="died"), "could not be drawn"),
        (
            subprocess.CompletedProcess(
                [], 0, stdout='{"code": 525, "message": "bad", "result": null}', stderr=""
            ),
            "could not be drawn: bad",
        ),
    ],
)
def test_a_renderer_that_fails_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outcome: Any, message: str
) -> None:
    def run(*_: Any, **__: Any) -> Any:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(still, "_run", run)
    with pytest.raises(RunError, match=message):
        write_png(go.Figure(), tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


def test_a_renderer_that_hangs_is_ended_with_its_children_and_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first start sleeps in a child of its own, as the real program does; the second one answers."""
    program = tmp_path / "program"
    program.write_text(
        f"""#!/bin/sh
if [ -e {tmp_path}/pid ]; then echo ready; echo '{{"result": "aGk="}}'; exit; fi
sleep 60 & echo $! > {tmp_path}/pid
wait
"""
    )
    monkeypatch.setattr(still, "_TIMEOUTS", (1, 20))
    done = still._answered(["/bin/sh", str(program)], "")
    assert done.stdout.splitlines()[-1] == '{"result": "aGk="}'
    child = Path("/proc") / (tmp_path / "pid").read_text().strip() / "stat"
    ended = False
    for _ in range(50):
        ended = not child.exists() or " Z " in child.read_text()
        if ended:
            break
        time.sleep(0.1)
    assert ended
