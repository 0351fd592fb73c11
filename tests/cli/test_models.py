"""workbench models check."""

from __future__ import annotations

from tests.tiny import tiny_folder
from workbench.cli import main


def test_a_familys_name_lists_what_it_says_and_models_are_set_beside_each_other(capsys) -> None:
    assert main(["models", "check", "lfm3_vl"]) == 0
    said = capsys.readouterr().out
    for word in ("Lfm3VlForConditionalGeneration", "LiquidAI/LFM3-VL-2B", "layers without attention  conv"):
        assert word in said
    assert main(["models", "check", str(tiny_folder()), str(tiny_folder("qwen2_vl"))]) == 0
    last = capsys.readouterr().out.splitlines()
    rows = [line for line in last if line.startswith("cut edges are 0")]
    assert [row.split()[-2:] for row in rows] == [["yes", "yes"]]
