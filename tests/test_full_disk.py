"""A full disk ends in words that name the file, whoever writes, and what was there stays."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from tests.pages.report.made_runs import write_run
from workbench.analyses.lens import KeywordList, write_keywords
from workbench.analyses.pathways.ranges import pathways
from workbench.errors import WriteError
from workbench.pages import Part, write_figure, write_page, write_png
from workbench.pages.report import write_report
from workbench.runs import load_run
from workbench.video import write_clip

WRITERS: dict[str, Callable[[Path], Any]] = {
    "report.html": write_report,
    "figure.png": lambda folder: write_png(go.Figure(), folder / "figure.png"),
    "figure.html": lambda folder: write_figure(go.Figure(), folder / "figure"),
    "page.html": lambda folder: write_page(folder / "page.html", "Page", [Part("Words", "text")]),
    "pathways.csv": lambda folder: pathways(load_run(folder)).to_csv(folder / "pathways.csv"),
    "words.json": lambda folder: write_keywords([KeywordList(name="a", words=("b",))], folder / "words.json"),
    "clip.mp4": lambda folder: write_clip(folder / "clip.mp4", np.zeros((2, 16, 16, 3), np.uint8), fps=8),
    "effects.parquet": lambda folder: load_run(folder).save(folder / "copy"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("full") / "run")


@pytest.mark.parametrize("name", WRITERS)
def test_whoever_writes_names_the_file_and_loses_nothing(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def full(source: Any, target: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", full)
        with pytest.raises(WriteError, match=r"(?s)cannot be written \(No space left on device\). Make room"):
            WRITERS[name](folder)
    kept = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path in before}
    assert kept == before
    assert list(folder.rglob("*.tmp*")) == []
