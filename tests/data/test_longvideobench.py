"""LongVideoBench: JSON and parquet, both forms of subtitles."""

from __future__ import annotations

from pathlib import Path

from tests.data.benchmarks import longvideobench
from workbench.data import samples
from workbench.data.sample import Subtitle


def test_json(tmp_path: Path) -> None:
    root = longvideobench().write(tmp_path / "set")
    found = samples("longvideobench", root=root)
    assert found.counts() == {"s2e": 3}
    assert found[0].id == "s2e/y0_0"
    assert found[0].true_option == "it"
    assert dict(found[0].facets)["duration_group"] == "15"
    assert found[0].subtitles == ()


def test_parquet_with_numbered_options(tmp_path: Path) -> None:
    made = longvideobench()
    made.file = "validation-00000-of-00001.parquet"
    for row in made.rows:
        options = row.pop("candidates")
        row |= {f"option{at}": options[at] if at < len(options) else "N/A" for at in range(5)}
    found = samples("longvideobench", root=made.write(tmp_path / "set"))
    assert found[0].options == ("he", "she", "it")
    assert found[0].answer == 2


def test_a_test_set_has_no_answers(tmp_path: Path) -> None:
    made = longvideobench()
    made.file = "lvb_test_wo_gt.json"
    for row in made.rows:
        del row["correct_choice"]
    found = samples("longvideobench", root=made.write(tmp_path / "set"))
    assert [sample.answer for sample in found] == [None] * 3


def test_subtitles(tmp_path: Path) -> None:
    made = longvideobench()
    made.rows[2]["subtitle_path"] = "../../secret.json"
    found = samples("longvideobench_subtitles", root=made.write(tmp_path / "set"))
    assert found[0].subtitles == (Subtitle(0.0, 0.5, "hello"), Subtitle(0.6, 1.2, "bye"))
    assert found[1].subtitles == (Subtitle(0.0, 2.5, "all along"),)
    (skipped,) = found.skipped
    assert "leads out" in skipped.reason
