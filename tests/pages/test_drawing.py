from __future__ import annotations

import builtins
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image

from tests.figures.tables import sweep_table
from workbench.errors import RunError
from workbench.figures import information_flow
from workbench.figures.parts.figure import Figure
from workbench.pages import drawing as still
from workbench.pages.drawing import try_png, write_png
from workbench.pages.kaleido import Renderer


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


def test_a_pdf_and_an_svg_are_vectors_with_words(tmp_path: Path) -> None:
    fig = information_flow(sweep_table(samples=3))
    pdf = fig.save(tmp_path / "flow.pdf").read_bytes()
    assert pdf.startswith(b"%PDF-")
    assert b"/Font" in pdf
    assert b"/Subtype /Image" not in pdf, "a picture of pixels"
    svg = fig.to_svg().decode("utf-8")
    assert svg.startswith("<svg")
    assert "layer" in svg
    assert "<image" not in svg


def test_plotlys_own_calls_are_drawn_here_too(tmp_path: Path) -> None:
    fig = information_flow(sweep_table(samples=3))
    fig.write_image(tmp_path / "a.png", width=900, height=700)
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (900, 700)
    assert fig.to_image(format="png", width=900, height=700) == (tmp_path / "a.png").read_bytes()
    with pytest.raises(RunError, match=r"a\.png ends in \.png, and format is 'pdf'"):
        fig.write_image(tmp_path / "a.png", format="pdf")


@pytest.mark.parametrize("name", ["a.jpeg", "a", "a.html", "a.pdf.gz"])
def test_another_ending_is_refused_before_anything_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(still, "_draw", lambda *a, **k: pytest.fail("it was drawn"))
    fig = Figure()
    for write in (fig.save, fig.write_image, lambda path: write_png(fig, path)):
        with pytest.raises(RunError, match=r"end the name in \.png"):
            write(tmp_path / name)
    with pytest.raises(RunError, match=r"end the name in \.png, which"):
        write_png(fig, tmp_path / "a.pdf")
    with pytest.raises(RunError, match="drawn as png, svg, pdf"):
        fig.to_image(format="gif")


def test_installed_in_a_folder_with_a_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kaleido.scopes.plotly import PlotlyScope

    inside = tmp_path / "a spaced folder"
    inside.symlink_to(Path(PlotlyScope.executable_path()).parent)
    scripts = tmp_path / "another one"
    scripts.symlink_to(Path(still.plotly.__file__).parent)
    monkeypatch.setattr(PlotlyScope, "executable_path", lambda: str(inside / "kaleido"))
    monkeypatch.setattr(still.plotly, "__file__", str(scripts / "__init__.py"))
    with Image.open(write_png(go.Figure(), tmp_path / "a.png", width=100, height=80, scale=1)) as image:
        assert image.size == (100, 80)


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
        (TimeoutError("no answer"), "not drawn within 60 s"),
        (OSError("no such program"), "no such program"),
        ("no json", "could not be drawn"),
        ('{"code": 525, "message": "bad", "result": null}', "could not be drawn: bad"),
    ],
)
def test_a_renderer_that_fails_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outcome: Any, message: str
) -> None:
    def ask(*_: Any) -> Any:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(Renderer, "ask", ask)
    with pytest.raises(RunError, match=message):
        write_png(go.Figure(), tmp_path / "a.png")
    with pytest.warns(UserWarning, match=rf"a\.png is left out; the figure is in .*b\.html\. .*{message}"):
        assert try_png(go.Figure(), tmp_path / "a.png", html=tmp_path / "b.html") == []
    assert not list(tmp_path.iterdir())


def test_figures_keep_their_size_also_after_the_renderer_was_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    real = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: started.append(real(*a, **k)) or started[-1])
    still._renderer.cache_clear()

    def size(width: int) -> tuple[int, int]:
        (path,) = try_png(
            go.Figure(layout={"width": width, "height": 80}), tmp_path / "a.png", html="", scale=1
        )
        with Image.open(path) as image:
            return image.size

    assert [size(width) for width in (100, 110, 120)] == [(100, 80), (110, 80), (120, 80)]
    os.killpg(started[-1].pid, signal.SIGKILL)
    assert size(130) == (130, 80)
