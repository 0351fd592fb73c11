"""workbench bench-methods."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.cli import main
from workbench.cli.status import FAILED

MINE = """
def mine(model, samples, candidates):
    return [1.0 if one.flow == "frame[0] -> last" else 0.0 for one in candidates]

METHODS = {"mine": mine}
"""


def test_a_table_is_printed_and_page_picture_and_tables_are_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    words = ["bench-methods", "--method", "attention", "--method-file", str(tmp_path / "mine.py")]
    assert main([*words, "--model", "direct", "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "Methods on planted models" in printed
    assert printed.index("attention") < printed.index("mine"), "the better one first"
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"methods.parquet", "scores.parquet", "methods.html"} <= names
    assert "The last row reads frame 0 by itself." in (tmp_path / "out" / "methods.html").read_text("utf-8")


def test_where_no_edge_matters_there_is_no_figure(tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    assert (
        main(["bench-methods", "--method", "attention", "--model", "memory at the last row", "--out", out])
        == 0
    )
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"methods.parquet", "scores.parquet"}


def test_a_method_that_there_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench-methods", "--method", "magic", "--out", str(tmp_path)]) == FAILED
    assert "There is no method 'magic'" in capsys.readouterr().err
