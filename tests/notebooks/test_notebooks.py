"""Every notebook is stored executed, and gives the same results when it is executed again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.provisioning import local_provisioner

from notebooks.execute import execute
from tests import ROOT
from tests.notebooks.comparison import differences
from tests.notebooks.forked import ForkedKernel

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MAX_BYTES = 1_500_000

pytestmark = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def plain_results(notebook: Any) -> list[str]:
    """What the cells print and return as text; pictures and figures are too long to compare."""
    texts = []
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if output.output_type == "stream" and output.name == "stdout":
                texts.append(output.text)
            elif output.output_type == "execute_result" and "image/png" not in output.data:
                texts.append(output.data["text/plain"])
    return texts


def complaints(notebook: Any) -> list[str]:
    """Errors and warnings among the outputs."""
    found = []
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if output.output_type == "error":
                found.append(f"{output.ename}: {output.evalue}")
            elif output.output_type == "stream" and "warning" in output.text.lower():
                found.append(output.text)
    return found


def test_it_is_stored_executed_and_small(path: Path) -> None:
    assert path.stat().st_size < MAX_BYTES
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert complaints(notebook) == []


def test_figures_show_without_a_network_and_on_still_pages(path: Path) -> None:
    """A figure carries its data (JupyterLab draws it) and a picture (for pages that run nothing)."""
    notebook = nbformat.read(path, as_version=4)
    bundles = [output.data for cell in code_cells(notebook) for output in cell.outputs if "data" in output]
    figures = [bundle for bundle in bundles if "application/vnd.plotly.v1+json" in bundle]
    assert figures
    assert all("image/png" in bundle for bundle in figures)
    assert not any("<script" in bundle.get("text/html", "") for bundle in bundles)


@pytest.mark.notebook
def test_it_gives_the_same_results_again(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_provisioner, "launch_kernel", ForkedKernel)
    stored = nbformat.read(path, as_version=4)
    again = execute(path, tmp_path)
    assert complaints(again) == []
    new, old = plain_results(again), plain_results(stored)
    assert len(new) == len(old)
    assert [found for pair in zip(old, new, strict=True) for found in differences(*pair)] == []
