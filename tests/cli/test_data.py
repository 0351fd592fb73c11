"""workbench data check | unpack | fetch."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pandas as pd
import pytest

from tests.cli.asking import status
from tests.data.benchmarks import BENCHMARKS, tvbench
from workbench.data import DATASETS


def test_a_whole_table_is_status_0(tmp_path: Path, capsys) -> None:
    made = BENCHMARKS["table.csv"]()
    root = made.write(tmp_path / "set")
    assert status("data", "check", str(root / made.file)) == 0
    said = capsys.readouterr().out
    assert "places" in said
    assert "1.2, 1.2, 1.2" in said
    assert "3 usable questions; clips each opened. 0 faults." in said


@pytest.mark.parametrize("name", ["tvbench", "tomato", "videomme", "egoschema", "vinoground", "mvp_mini"])
def test_what_is_less_than_published_is_status_1(name: str, tmp_path: Path, capsys) -> None:
    root = BENCHMARKS[name]().write(tmp_path / "set")
    assert status("data", "check", f"{name}:{root}", "--no-open", "--out", str(tmp_path / "out")) == 1
    said = capsys.readouterr().out
    assert "clips not opened" in said
    assert not {"None", "<NA>", "nan"} & set(said.split()), "a count that nobody publishes is left empty"
    assert ("1000" in said) == (name == "vinoground")
    assert f"As its authors ask: --style {DATASETS[name].style}" in said
    assert len(pd.read_csv(tmp_path / "out" / "tasks.csv")) >= 1
    assert list(pd.read_csv(tmp_path / "out" / "faults.csv").columns) == ["id", "kind", "reason"]


def test_names_in_data_give_no_orders(tmp_path: Path, capsys) -> None:
    made = tvbench()
    made.rows.append({**made.rows[0], "video": "\x1b[2Jgone.mp4"})
    assert status("data", "check", f"tvbench:{made.write(tmp_path / 'set')}", "--no-open") == 1
    captured = capsys.readouterr()
    assert "\x1b[2J" not in captured.out + captured.err
    assert "no clip" in captured.out


def test_unpack(tmp_path: Path, capsys) -> None:
    with zipfile.ZipFile(tmp_path / "v.zip", "w") as archive:
        archive.writestr("data/a.mp4", b"x")
    assert status("data", "unpack", str(tmp_path)) == 0
    assert "1 archives unpacked" in capsys.readouterr().out
    assert (tmp_path / "data" / "a.mp4").read_bytes() == b"x"
    assert status("data", "unpack", str(tmp_path)) == 0
    assert "0 archives unpacked" in capsys.readouterr().out
    assert status("data", "unpack", str(tmp_path / "nowhere")) == 2


def test_fetch_refuses_what_is_no_name(tmp_path: Path, capsys) -> None:
    assert status("data", "fetch", "tvbnch", str(tmp_path / "x")) == 2
    assert "Did you mean 'tvbench'" in " ".join(capsys.readouterr().err.split())
