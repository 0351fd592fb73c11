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
    def once(*_: Any) -> Any:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(still, "_once", once)
    with pytest.raises(RunError, match=message):
        write_png(go.Figure(), tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


def test_a_renderer_that_once_does_not_answer_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, waited = still._once, []

    def once(command: list[str], request: str, seconds: float) -> Any:
        waited.append(seconds)
        if len(waited) == 1:
            raise subprocess.TimeoutExpired(command, seconds)
        return real(command, request, seconds)

    monkeypatch.setattr(still, "_once", once)
    path = write_png(go.Figure(), tmp_path / "a.png", width=100, height=80, scale=1)
    with Image.open(path) as image:
        assert image.size == (100, 80)
    assert len(waited) == 2
    assert waited[0] < waited[1], "a busy machine gets more time"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc here")
def test_a_renderer_that_hangs_is_ended_with_all_that_it_started_and_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "hangs_once"
    script.write_text(
        f"#!/bin/sh\ncd {tmp_path}\nif [ -e child ]; then echo drawn; exit; fi\n"
        "sleep 600 & echo $! > child; wait\n"
    )
    script.chmod(0o755)
    monkeypatch.setattr(still, "_TIMEOUTS", (1, 20))
    begun = time.monotonic()
    assert still._ask([str(script)], "draw\n").stdout == "drawn\n"
    assert time.monotonic() - begun < 15
    child = int((tmp_path / "child").read_text())
    for _ in range(100):
        if not alive(child):
            return
        time.sleep(0.05)
    pytest.fail("what the renderer started goes on")


def alive(process: int) -> bool:
    """Whether it runs; one that has ended and was not collected yet does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
