"""Scores of benchmarks from recorded answers: those of Vinoground and of pairs as lmms-eval adds them up."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from tests.data.benchmarks import minimal_pairs, tvbench, videomme, vinoground
from workbench.analyses.answers.scored import score_answers
from workbench.errors import RunError


def texts(samples, wrong=()) -> dict[str, str]:
    """The true letter of each, but another for those whose id ends in one of `wrong`."""
    return {
        one.id: str(one.true_letter if not one.id.endswith(tuple(wrong) or "-") else "AB"[1 - one.answer])
        for one in samples
    }


def printed(found) -> str:
    out = io.StringIO()
    Console(file=out, width=100).print(found)
    return out.getvalue()


def test_vinoground_has_its_three_scores(tmp_path) -> None:
    samples = vinoground().load(vinoground().write(tmp_path / "v"))
    found = score_answers(samples, texts(samples, ["text/1_neg"]), scoring="lmms_vinoground")
    table = found.groups.set_index("score")
    assert table["accuracy_percent"].to_dict() == {"text": 50.0, "video": 100.0, "group": 50.0}
    assert table["groups"].tolist() == [2, 2, 2]
    assert found.overall["accuracy_percent"].tolist() == [87.5, 87.5]
    major = found.facets[found.facets["facet"] == "major"].set_index("value")
    assert major["accuracy_percent"].to_dict() == {"action": 100.0, "object": 75.0}
    said = printed(found)
    assert "Whole groups" in said
    assert "major: action" in said


def test_pairs_count_only_whole(tmp_path) -> None:
    samples = minimal_pairs().load(minimal_pairs().write(tmp_path / "m"))
    found = score_answers(samples, texts(samples, ["p0_1"]), scoring="lmms_mvp")
    assert found.table["accuracy_percent"].tolist() == [75.0]
    assert found.groups[["score", "groups", "correct"]].values.tolist() == [["pair", 2, 1]]
    few = texts(samples)
    few.pop(samples[0].id)
    found = score_answers(samples, few)
    assert found.groups[["groups", "correct", "incomplete"]].values.tolist() == [[1, 1, 1]]
    assert found.skipped["reason"].tolist() == ["there is no text for it"]


def test_data_without_groups_or_facets_have_no_such_tables(tmp_path) -> None:
    samples = tvbench().load(tvbench().write(tmp_path / "t"))
    found = score_answers(samples, texts(samples))
    assert not len(found.groups)
    assert not len(found.facets)
    assert "Whole groups" not in printed(found)
    assert set(found.scores()["kind"]) == {"task", "overall"}


def test_all_scores_stand_in_one_table(tmp_path) -> None:
    samples = videomme().load(videomme().write(tmp_path / "v"))
    scores = score_answers(samples, texts(samples)).scores()
    assert set(scores["kind"]) == {"task", "overall", "facet"}
    assert scores.loc[scores["name"] == "macro", "correct"].isna().all()
    assert np.all(scores["low_percent"].to_numpy() <= scores["accuracy_percent"].to_numpy())
    assert any(name.startswith("duration=") for name in scores["name"])


def test_texts_that_belong_to_nothing_are_refused(tmp_path) -> None:
    samples = tvbench().load(tvbench().write(tmp_path / "t"))
    with pytest.raises(RunError, match="no sample has that id"):
        score_answers(samples, {"nowhere": "A"})
    with pytest.raises(RunError, match="None of 3 samples can be scored"):
        score_answers(samples, {})
