"""The verdict on a model whose mechanism is known: the paper's stages, in one layer each."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import workbench as wb
from tests.recipes.planted_folder import FRAMES, PlantedFolder, make_planted, settings
from workbench.analyses.findings.claims import CLAIMS
from workbench.errors import RunError
from workbench.planted import direct, save_planted
from workbench.recipe import find_recipe


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> PlantedFolder:
    return make_planted(tmp_path_factory.mktemp("planted"), samples=6)


def test_the_planted_stages_are_found_and_nothing_else(planted, tmp_path, capsys) -> None:
    image = save_planted(direct(3), tmp_path / "image")
    recipe: Any = find_recipe("findings")
    wanted = settings(
        planted, tmp_path / "out", device="cpu", image_model=str(image), controls=2, by_task=True
    )
    table: Any = recipe(**wanted).run()
    assert list(dict.fromkeys(table["task"])) == ["all", "planted"]
    found = dict(zip(CLAIMS, table.query("task == 'all'")["verdict"], strict=True))
    assert found.pop("random") in ("holds", "undecided"), "six samples"
    # With six samples and no error the interval of the points lost still reaches beyond 5.
    assert found == {
        "cross_frame": "holds",
        "tuning": "holds",
        "order": "holds",
        "video_last": "holds",
        "last_last": "holds",
        "true_option": "undecided",
        "false_options": "undecided",
        "rise": "holds",
        "pathways": "undecided",
    }
    stored = pd.read_csv(tmp_path / "out" / "findings.csv")
    assert stored["verdict"].tolist() == table["verdict"].tolist()
    page = (tmp_path / "out" / "findings.html").read_text("utf-8")
    assert page.count("<tr>") == len(CLAIMS) + 1
    assert "does not read the video directly" in page
    assert "<script" not in page
    said = capsys.readouterr().out
    assert "What holds, of 10 claims" in said
    assert wb.load_run(tmp_path / "out" / "sweep").finished


def test_sweeps_of_other_models_are_refused(planted, tmp_path) -> None:
    run = wb.sweep(
        wb.load(str(planted.model), device="cpu"),
        wb.samples(str(planted.data)),
        "last -> last",
        "centred(1)",
        frames=FRAMES,
        out=tmp_path / "sweep",
        progress=False,
    )
    recipe: Any = find_recipe("findings")
    other = save_planted(direct(3), tmp_path / "other")
    with pytest.raises(RunError, match="is a sweep of"):
        recipe(**settings(planted, tmp_path / "out", device="cpu", model=str(other), sweep=run.folder)).run()
    with pytest.raises(RunError, match="without --image-model"):
        recipe(
            **settings(planted, tmp_path / "out", device="cpu", sweep=run.folder, image_sweep=run.folder)
        ).run()


def test_what_is_there_is_not_measured_again(planted, tmp_path, monkeypatch) -> None:
    recipe: Any = find_recipe("findings")
    once = settings(planted, tmp_path / "once", device="cpu", controls=1)
    expected = recipe(**once).run()
    made = tmp_path / "once"
    given = {
        "sweep": made / "sweep",
        "pathways": made / "pathways",
        "answers": made / "answer_probability",
        "controls": 1,
    }
    monkeypatch.setattr("workbench.runs.loop.open_store", None)
    monkeypatch.setattr("workbench.sweep", None)
    found = recipe(**settings(planted, tmp_path / "again", device="cpu", **given)).run()
    pd.testing.assert_frame_equal(found, expected)
    with pytest.raises(RunError, match=r"another analysis \(answer_probability\), not those of a suffice"):
        recipe(
            **settings(planted, tmp_path / "wrong", device="cpu", **{**given, "pathways": given["answers"]})
        ).run()
    (made / "pathways" / "manifest.json").unlink()
    with pytest.raises(RunError, match="holds no run"):
        recipe(**settings(planted, tmp_path / "gone", device="cpu", **given)).run()
