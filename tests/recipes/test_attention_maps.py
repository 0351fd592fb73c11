"""Attention maps of a model with one head that reads one frame."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from tests.recipes.planted_folder import settings
from workbench.errors import RunError
from workbench.files import plain_name
from workbench.recipe import find_recipe


def test_attention_maps_shows_the_planted_word_and_what_a_cut_does(planted, tmp_path, capsys) -> None:
    """The word "move?" reads the last frame in layer 4, head 2; that flow cut, it does not."""
    recipe = find_recipe("attention_maps")(
        **settings(planted, tmp_path, word="move", heads="2", flow="frame[3] -> nonoption", layers=(3, 4))
    )
    found: Any = recipe.run()
    ((drawn, (untouched, cut)),) = found.maps.items()
    assert untouched.cells[1, 3].sum() > 0.999
    assert cut.cells[1, 3].sum() == 0
    files = {path.name for path in tmp_path.iterdir()}
    assert files - {".lock"} == {
        "attention_maps.html",
        "attention_maps.csv",
        "attention_by_span.csv",
        "attention_by_span.parquet",
        "skipped.csv",
        "SHA256SUMS",
        "manifest.json",
        "shards",
        f"attention_{plain_name(drawn)}.png",
    }
    table = pd.read_csv(tmp_path / "attention_maps.csv")
    assert len(table) == 2 * untouched.cells.size
    assert table.loc[table["state"] == "untouched", "weight"].max() > 0.2
    mass = pd.read_csv(tmp_path / "attention_by_span.csv")
    sums = mass.pivot_table(index=["state", "layer"], values="mass", aggfunc="sum").to_numpy()
    assert sums.ravel().tolist() == pytest.approx([1] * 4, abs=1e-4)
    assert "Written: " in capsys.readouterr().out


def test_attention_maps_takes_the_word_that_tells_most(planted, tmp_path) -> None:
    recipe = find_recipe("attention_maps")
    found: Any = recipe(**settings(planted, tmp_path, layers=(4,), limit=2, pictures=2)).run()
    assert [untouched.query.split('"')[1] for untouched, _ in found.maps.values()] == ["left", "right"]


def test_attention_maps_draws_a_few_samples_measures_all_and_goes_on_where_it_stopped(
    planted, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr("workbench.pages.drawing._draw", lambda fig, **size: b"\x89PNG")
    recipe: Any = find_recipe("attention_maps")
    asked = settings(planted, tmp_path, layers=(3, 4), limit=2)
    found: Any = recipe(**asked).run()
    table = pd.read_csv(tmp_path / "attention_by_span.csv")
    assert len(found.maps) == len(list(tmp_path.glob("*.png"))) == 1
    assert len(set(table["sample_id"])) == 2
    sums = table.pivot_table(index=["sample_id", "state", "layer"], values="mass", aggfunc="sum").to_numpy()
    assert sums.ravel().tolist() == pytest.approx([1] * 8, abs=1e-4)
    # What was measured before a kill is not measured again; what is missing is.
    shards = sorted(tmp_path.glob("shards/*00000*"))
    made = [file.stat().st_mtime_ns for file in shards]
    for file in (*tmp_path.glob("shards/*00001*"), *tmp_path.glob("attention_*")):
        file.unlink()
    recipe(**asked).run()
    assert [file.stat().st_mtime_ns for file in shards] == made
    assert_frame_equal(pd.read_csv(tmp_path / "attention_by_span.csv"), table)
    with pytest.raises(RunError, match="heads"):
        recipe(**asked, heads="max").run()
    with pytest.raises(RunError, match="pictures=0"):
        recipe(**asked, pictures=0).run()


def test_a_picture_that_cannot_be_drawn_is_left_out_of_a_run(planted, tmp_path, monkeypatch, capsys) -> None:
    def late(*_: Any, **__: Any) -> bytes:
        raise RunError("The PNG was not drawn within 60 s.")

    monkeypatch.setattr("workbench.pages.drawing._draw", late)
    with pytest.warns(UserWarning, match=r"png is left out; the figure is in .*attention_maps\.html"):
        find_recipe("attention_maps")(**settings(planted, tmp_path, layers=(4,), limit=1)).run()
    assert "attention_maps.html" in capsys.readouterr().out
    assert (tmp_path / "attention_maps.html").exists()
    assert not list(tmp_path.glob("*.png"))


def test_attention_maps_says_why_a_word_gives_no_map(planted, tmp_path) -> None:
    recipe = find_recipe("attention_maps")
    with pytest.raises(RunError, match=r"'mvoe' is not in 'question'.*Did you mean 'move'"):
        recipe(**settings(planted, tmp_path, word="mvoe")).run()
    with pytest.raises(RunError, match="6 ranges"):
        recipe(**settings(planted, tmp_path, cut_layers="centred(3)")).run()
    with pytest.raises(RunError, match="mean, max"):
        recipe(**settings(planted, tmp_path, heads="median")).run()
