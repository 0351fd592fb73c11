"""What recipes print."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from workbench.recipe import find_recipe
from workbench.recipe.output import console, frame_shown


def test_what_was_written_and_skipped_is_told(tmp_path, capsys) -> None:
    recipe: Any = find_recipe("evaluate")(model="m", out=tmp_path / "new")
    table = recipe.write_csv(pd.DataFrame({"p": [0.123456], "n": [1]}), "a.csv")
    assert table.read_text("utf-8") == "p,n\n0.1235,1\n"
    recipe.wrote(table, Path("b"), skipped=pd.DataFrame({"sample_id": ["x"]}))
    recipe.wrote(table, skipped=pd.DataFrame(), also="the table beside it")
    recipe.note(["few samples"])
    assert capsys.readouterr().out.splitlines() == [
        f"Skipped: 1, see {tmp_path / 'new' / 'skipped.csv'}",
        f"Written: {table}, b",
        f"Written: {table} and the table beside it",
        "Note: few samples",
    ]


def test_tables_keep_their_width_where_nobody_watches(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert console().width == 140
    console().print("word " * 25)
    assert capsys.readouterr().out.count("\n") == 1
    monkeypatch.setenv("COLUMNS", "200")
    assert console().width == 200


def test_a_frame_is_shown_with_rounded_numbers_and_names_as_text(capsys) -> None:
    table = pd.DataFrame({"name": ["[red]x[/red]", "y"], "p": [0.12345, float("nan")], "n": [3, 4]})
    console().print(frame_shown(table, "Title"))
    said = capsys.readouterr().out
    assert "[red]x[/red]" in said
    assert "0.12 " in said
    assert "nan" not in said
