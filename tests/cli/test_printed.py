"""Tables in the terminal."""

from __future__ import annotations

from workbench.cli.printed import print_table


def test_columns_stand_under_one_another_and_markup_is_text(capsys) -> None:
    print_table(("name", "what"), [("a", "[red]x[/red]"), ("longer", "y")])
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == ["name    what", "a       [red]x[/red]", "longer  y"]
