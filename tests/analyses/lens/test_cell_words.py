"""Right cells are counted against the truth, and intervals count clips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
import torch

import workbench as wb
from tests.analyses.lens.made_lenses import identity_lens, tiny_samples
from tests.figures.lens_tables import lens_counts
from tests.tiny import tiny_model
from workbench.analyses.lens.cell_words import CellCount, right_shares, truth_of
from workbench.analyses.lens.lenses import Lens, Unembedding, read_scores
from workbench.analyses.lens.truth import WORDS, scenes_of
from workbench.errors import ModelError, RunError
from workbench.mini.cells import ATTRIBUTES


class Oracle(Lens):
    """Says what is planted in it for the cells of one clip, and nothing after other layers than one."""

    score: ClassVar[str] = "score"
    name = "oracle"

    @property
    def settings(self) -> dict[str, Any]:
        return {"lens": "oracle"}

    def __init__(self, scores: np.ndarray, layer: int) -> None:
        self.scores, self.layer = torch.from_numpy(scores).float(), layer

    def match(self, model: Any, lists: Any) -> Any:
        from workbench.analyses.lens.keywords import KeywordMatch

        return [KeywordMatch("w", word, "whole word", (WORDS.index(word),), (word,), ()) for word in lists]

    def words_said(self, model: Any, numbers: Any) -> dict[int, str]:
        return {number: f" {WORDS[number].upper()}" for number in numbers}

    def read(self, model: Any, residual: Any, layer: int, *, groups: Sequence[Any] = (), **_: Any) -> Any:
        scores = self.scores if layer == self.layer else torch.zeros_like(self.scores)
        return read_scores(scores, top_k=1, groups=groups, what="s")


def test_cells_are_right_where_a_lens_says_their_truth_and_only_there() -> None:
    """The oracle knows every shape, no colour, half of the places, and says shape or place first."""
    model = wb.load("mini/video-ft")
    sample = wb.samples("mini/moving_direction")[0]
    prompt = model.encode(sample)
    truth = truth_of(scenes_of([sample])[sample.id], prompt)
    scores = np.zeros((len(truth["shape"]), len(WORDS)))
    for cell, (shape, place) in enumerate(zip(truth["shape"], truth["place"], strict=True)):
        if shape >= 0:
            scores[cell, WORDS.index(ATTRIBUTES["shape"][shape])] = 3
        scores[cell, WORDS.index(ATTRIBUTES["place"][place if cell % 2 else place - 1])] = 2
    wrong = truth["colour"] - 1
    scores[np.arange(len(scores)), [WORDS.index(ATTRIBUTES["colour"][word]) for word in wrong]] = 1
    found = wb.compare_lenses(model, [sample], [Oracle(scores, 3), Unembedding()], progress=False)
    assert set(found.table["lens"]) == {"oracle", "logit lens"}
    assert set(found.table["layer"]) == set(range(13))
    mine = found.table[(found.table["lens"] == "oracle") & (found.table["layer"] == 3)].set_index("attribute")
    places = np.flatnonzero(truth["place"] >= 0)
    shapes = int((truth["shape"] >= 0).sum())
    assert mine["cells"].to_dict() == {
        "shape": shapes,
        "colour": shapes,
        "motion": int((truth["motion"] >= 0).sum()),
        "place": len(places),
        "any word": shapes + len(places),
    }
    odd = int((places % 2).sum())
    assert mine["right"].drop("motion").to_dict() == {
        "shape": shapes,
        "colour": 0,
        "place": odd,
        "any word": shapes + odd,
    }
    assert mine["words"].to_dict() == {"shape": 5, "colour": 6, "motion": 12, "place": 6, "any word": 0}
    assert found.table["clip"].unique().tolist() == ["moving_direction/00000"]
    assert repr(found) == "LensComparison(2 lenses, 1 clips)"


def test_shares_are_of_clips_and_their_twins_together() -> None:
    rows = [
        CellCount("a/0", "a", "a/0", "l", 0, "shape", 5, 10, 10),
        CellCount("a_reversed/0", "a_reversed", "a/0", "l", 0, "shape", 5, 30, 0),
        CellCount("a/1", "a", "a/1", "l", 0, "shape", 5, 4, 3),
        CellCount("a/2", "a", "a/2", "l", 0, "shape", 5, 0, 0),
    ]
    found = right_shares(pd.DataFrame(rows)).iloc[0]
    assert found["n"] == 2
    assert found["mean"] == pytest.approx((10 / 40 + 3 / 4) / 2)
    assert found["low"] < found["mean"] < found["high"]
    assert found["guessing"] == 1 / 5
    with pytest.raises(RunError, match="no cell whose truth is known"):
        right_shares(pd.DataFrame(rows[3:]))
    with pytest.raises(RunError, match="lacks the columns cells, right"):
        right_shares(pd.DataFrame(rows).drop(columns=["cells", "right"]))


def test_more_clips_narrow_an_interval() -> None:
    few, many = (right_shares(lens_counts(clips=clips)) for clips in (4, 16))
    wide, narrow = (float((curves["high"] - curves["low"]).to_numpy().mean()) for curves in (few, many))
    assert narrow < 0.6 * wide


def test_what_cannot_be_compared_is_refused(tmp_path) -> None:
    model = tiny_model("llava_onevision")
    clips = wb.samples("mini/moving_direction", limit=1)
    with pytest.raises(RunError, match="called nothing"):
        wb.compare_lenses(model, clips, [], progress=False)
    with pytest.raises(RunError, match="called logit lens, logit lens"):
        wb.compare_lenses(model, clips, [Unembedding(), Unembedding(final_norm=False)], progress=False)
    with pytest.raises(RunError, match="cells of tiny/0 show is not known"):
        wb.compare_lenses(model, tiny_samples(tmp_path, 1), [Unembedding()], progress=False)
    other = identity_lens(tiny_model("llava_onevision", n_layers=3))
    with pytest.raises(ModelError, match="was made for"):
        wb.compare_lenses(model, clips, {"theirs": other}, progress=False)
