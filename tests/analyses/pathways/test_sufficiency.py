"""Effective pathways as knockouts: exact edges on a small prompt, and a model whose only path is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import workbench as wb
from tests.analyses.stand_in import StandInEngine, StandInModel, questions
from workbench.analyses.pathways.closing import MODES
from workbench.analyses.pathways.sufficiency import suffice
from workbench.errors import RunError
from workbench.planted import N_FRAMES, direct, planted_model, planted_sample, staged

CROSS, TO_QUESTION, TO_LAST = "frames -> later frames", "video -> question", "question -> last"
DIRECT = "video -> last"
RANGES = (
    {CROSS: (1, 2), TO_QUESTION: (2, 3), TO_LAST: (3, 4)},
    {CROSS: (2, 3), TO_QUESTION: (1, 2), TO_LAST: (2, 3), DIRECT: (3, 3)},
    {TO_QUESTION: (1, 1), TO_LAST: (4, 4)},
    {DIRECT: (1, 4), TO_LAST: (1, 4)},
    {},
)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory):
    folder: Path = tmp_path_factory.mktemp("clips")
    return [planted_sample(folder, answer) for answer in "AB"]


def accuracies(found) -> dict[tuple[str, str], float]:
    table = found.table[found.table["seed"] == -1]
    return {(row["setting"], row["mode"]): row["accuracy_percent"] for row in table.to_dict("records")}


def run(stages, samples, ranges, **more) -> Any:
    settings = {"frames": N_FRAMES, "seeds": 2, "progress": False, **more}
    return suffice(planted_model(stages), samples, ranges, **settings)


def test_the_only_path_is_enough_in_every_mode(samples) -> None:
    found = run(staged(2, 4, 5), samples, {CROSS: (2, 2), TO_QUESTION: (4, 4), TO_LAST: (5, 5)})
    kept = found.outcomes[found.outcomes["setting"] == "effective"]
    assert sorted(set(kept["mode"])) == sorted(MODES)
    assert kept["correct"].all()
    assert kept["change_percent"].abs().max() < 1e-4
    assert (found.outcomes["edges_kept"] == found.outcomes["edges_kept_by_masks"]).all()


@pytest.mark.parametrize(("flow", "layer"), [(CROSS, 2), (TO_QUESTION, 4), (TO_LAST, 5)])
def test_closing_one_stage_of_the_only_path_loses_the_answer(samples, flow, layer) -> None:
    ranges = {CROSS: (2, 2), TO_QUESTION: (4, 4), TO_LAST: (5, 5)}
    elsewhere = layer + 1 if flow == TO_LAST else layer - 1
    for wrong in ({**ranges, flow: (elsewhere, elsewhere)}, {k: v for k, v in ranges.items() if k != flow}):
        found = run(staged(2, 4, 5), samples, wrong, seeds=0)
        effective = found.outcomes[found.outcomes["setting"] == "effective"]
        assert len(effective) == 6
        assert not effective["correct"].any()
        assert effective["change_percent"].max() < -40


def test_a_model_that_reads_the_video_from_last_needs_the_general_mode(samples) -> None:
    found = run(direct(4), samples, {DIRECT: (4, 4)}, seeds=0)
    assert accuracies(found) == {
        ("full", ""): 100,
        ("effective", "faithful"): 0,
        ("effective", "strict"): 0,
        ("effective", "general"): 100,
    }


def test_half_of_the_edges_at_random_break_a_path_of_single_edges(samples) -> None:
    found = run(
        staged(2, 4, 5),
        samples,
        {CROSS: (2, 2), TO_QUESTION: (4, 4), TO_LAST: (5, 5)},
        modes=["strict"],
        seeds=8,
        keep_self=False,
    )
    by_setting = accuracies(found)
    assert by_setting["effective", "strict"] == 100
    assert by_setting["random", "strict"] < 90
    random = found.outcomes[found.outcomes["setting"] == "random"]
    (effective,) = set(found.outcomes.loc[found.outcomes["setting"] == "effective", "edges_kept"])
    assert set(random["edges_kept"]) == {effective}


def stand_in(samples=None, ranges=RANGES[1], engine=None, **settings) -> Any:
    return suffice(
        StandInModel(),  # pyright: ignore[reportArgumentType]
        questions(0, 1, 0) if samples is None else samples,
        ranges,
        engine=StandInEngine() if engine is None else engine,
        **settings,
    )


def test_ranges_can_differ_by_task() -> None:
    both = [*questions(0), *questions(0, task="count")]
    found = stand_in(both, {"direction": RANGES[0], "count": {}}, seeds=0, modes=["faithful"])
    edges = found.outcomes[found.outcomes["setting"] == "effective"].set_index("task")["edges_kept"]
    assert edges["count"] < edges["direction"]
    with pytest.raises(RunError, match="no ranges for the task 'direction'"):
        stand_in(both, {"counts": {}})


def test_a_stopped_run_goes_on_and_other_settings_are_refused(tmp_path) -> None:
    with pytest.raises(RuntimeError, match="out of memory"):
        stand_in(out=tmp_path, engine=StandInEngine(fails_on="direction/1"))
    engine = StandInEngine()
    found = stand_in(out=tmp_path, engine=engine)
    assert set(engine.swept) == {"direction/1", "direction/2"}
    pd.testing.assert_frame_equal(found.outcomes, stand_in().outcomes)
    pd.testing.assert_frame_equal(found.outcomes, pd.read_parquet(tmp_path / "suffice.parquet"))
    assert found.manifest["finished"]
    with pytest.raises(RunError, match="other settings"):
        stand_in(out=tmp_path, ranges=RANGES[0])
    (tmp_path / "shards" / "part-00001.parquet").write_text("{")
    pd.testing.assert_frame_equal(stand_in(out=tmp_path).outcomes, found.outcomes)


def test_what_cannot_be_used_is_listed() -> None:
    found = stand_in(questions(0, 0, broken=(1,)))
    assert found.skipped["sample_id"].tolist() == ["direction/1"]
    assert set(found.outcomes["sample_id"]) == {"direction/0"}
    with pytest.raises(RunError, match="None of the 1 samples can be used"):
        stand_in(questions(0, broken=(0,)))
    for wrong in ({"modes": []}, {"modes": "faithful"}, {"seeds": -1}, {"spread": "evn"}):
        with pytest.raises(RunError, match=next(iter(wrong))[:5]):
            stand_in(**wrong)


def test_a_control_that_wants_more_edges_than_there_are_is_left_out_and_said() -> None:
    """The last layer closes nearly all of 331 rows: 54,869 edges, own keys among them, of 54,615 others."""
    ranges = {CROSS: (3, 8), TO_QUESTION: (1, 10), TO_LAST: (1, 11)}
    samples = wb.samples("mini/moving_direction", limit=2)
    told = {"modes": ["faithful", "strict"], "spread": "matched", "seeds": 2, "progress": False}
    found = suffice(wb.load("mini/video-ft"), samples, ranges, **told)
    settings = set(zip(found.outcomes["setting"], found.outcomes["mode"], strict=True))
    assert settings == {
        *(("full", ""), ("effective", "faithful"), ("random", "faithful"), ("effective", "strict"))
    }
    assert found.skipped["flow"].tolist() == ["random edges (strict)"] * 2
    assert found.skipped["sample_id"].tolist() == [sample.id for sample in samples]
    assert found.skipped["reason"].str.contains("54,869 random edges .* layer 12, .* 54,615").all()
    notes = found.table.set_index(["setting", "mode"])["note"]
    assert "no random control" in notes["effective", "strict"]
    assert "no random control" not in notes["effective", "faithful"]
    said = "Random edges are left out for strict (in 2 of 2 samples)"
    assert said in found.headline()
    annotations = found.figure(note="And more.").to_dict()["layout"]["annotations"]
    drawn = " ".join(str(one["text"]) for one in annotations)
    assert said in drawn.replace("<br>", " ")
    assert "And more." in drawn.replace("<br>", " ")
    own = suffice(wb.load("mini/video-ft"), samples[:1], ranges, keep_self=False, **told)
    assert own.note == ""
    assert set(own.outcomes.loc[own.outcomes["setting"] == "random", "mode"]) == {"faithful", "strict"}
