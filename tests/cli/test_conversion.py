"""workbench convert. What it writes: tests/models/checkpoints/test_conversion.py."""

from __future__ import annotations

from tests.cli.asking import status


def test_pickles_stay_closed_unless_asked_for(tmp_path, capsys) -> None:
    assert status("convert", str(tmp_path / "nowhere"), str(tmp_path / "out")) == 2
    assert "nowhere" in capsys.readouterr().err
    assert status("convert", "--help") == 0
    assert "only from authors that you trust" in " ".join(capsys.readouterr().out.split())
