"""Effective pathways as knockouts: exact edges on a small prompt, and a model whose only path is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.analyses.stand_in import StandInEngine, StandInModel, questions
from tests.interventions.layouts import separated_layout, small_layout
from tests.planted import N_FRAMES, direct, planted_model, planted_sample, staged
from workbench.analyses.pathways.closing import MODES, closed_by, effective_knockout, random_knockout
from workbench.analyses.pathways.points_lost import suffice_table
from workbench.analyses.pathways.ranges import Pathways
from workbench.analyses.pathways.sufficiency import suffice
from workbench.errors import RunError
from workbench.interventions import edge_count
from workbench.prompts.layout import TokenLayout

SMALL = small_layout()
CROSS, TO_QUESTION, TO_LAST = "frames -> later frames", "video -> question", "question -> last"
DIRECT = "video -> last"
VIDEO, QUESTION, REST, TAIL, LAST = range(2, 14), range(15, 20), (14, 20), (20,), 21
FRAME = {row: (row - 2) // 4 for row in VIDEO}


def layer_masks(ranges, mode, layout=SMALL, n_layers=4, **more) -> list[np.ndarray]:
    """What each layer loses, bool (q, k)."""
    knockout = effective_knockout(closed_by(ranges, n_layers, mode, **more), layout)
    assert knockout is not None
    masks = [knockout.mask(layout, layer, 2) for layer in range(n_layers)]
    whole = np.zeros((layout.length, layout.length), dtype=bool)
    return [whole if mask is None else ~mask[0] for mask in masks]


def expected(ranges, mode: str, layer: int, n_layers: int = 4) -> np.ndarray:
    """The same for the small prompt, edge by edge, from the words of section 3.5."""

    def is_open(flow: str) -> bool:
        first, last = ranges.get(flow, (n_layers + 1, 0))
        return first <= layer <= last

    def after(*flows: str) -> bool:
        return layer > max((ranges[flow][1] for flow in flows if flow in ranges), default=0)

    general, closes_rest = mode == "general", mode != "faithful"
    read_video = (TO_QUESTION, DIRECT) if general else (TO_QUESTION,)
    lost = np.zeros((22, 22), dtype=bool)
    for q in range(22):
        for k in range(q + 1):
            video, question = k in VIDEO, k in QUESTION
            lost[q, k] = (
                (video and q in VIDEO and after(*read_video))
                or (video and q in VIDEO and FRAME[k] < FRAME[q] and not is_open(CROSS))
                or (video and q in QUESTION and not is_open(TO_QUESTION))
                or (video and q == LAST and not (general and is_open(DIRECT)))
                or (question and q in QUESTION and after(TO_LAST))
                or (question and q == LAST and not is_open(TO_LAST))
                or (q == k == LAST)
                or (closes_rest and video and q in REST)
                or (closes_rest and question and q in TAIL and not is_open(TO_LAST))
            )
    return lost


RANGES = (
    {CROSS: (1, 2), TO_QUESTION: (2, 3), TO_LAST: (3, 4)},
    {CROSS: (2, 3), TO_QUESTION: (1, 2), TO_LAST: (2, 3), DIRECT: (3, 3)},
    {TO_QUESTION: (1, 1), TO_LAST: (4, 4)},
    {DIRECT: (1, 4), TO_LAST: (1, 4)},
    {},
)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("ranges", RANGES)
def test_every_edge_is_closed_or_open_as_the_section_says(ranges, mode) -> None:
    for layer, mask in enumerate(layer_masks(ranges, mode), start=1):
        np.testing.assert_array_equal(mask, expected(ranges, mode, layer), err_msg=f"layer {layer}")


def test_rows_keep_their_own_key_where_asked() -> None:
    usual, kept = (layer_masks(RANGES[0], "faithful", keep_self=keep)[3] for keep in (False, True))
    rows = np.arange(22)
    assert np.flatnonzero(usual[rows, rows]).tolist() == [*VIDEO, LAST]
    assert np.flatnonzero(kept[rows, rows]).tolist() == [LAST]
    np.testing.assert_array_equal(np.tril(usual, -1), np.tril(kept, -1))


def test_separators_carry_nothing_between_frames_in_strict_mode() -> None:
    layout = separated_layout()  # system 0, frames 1-2 and 4-5, separators 3 and 6, question 7, last 8
    between = [(3, 1), (3, 2), (4, 3), (5, 3), (6, 1), (6, 3), (6, 5)]
    ranges = {CROSS: (2, 2), TO_QUESTION: (1, 2), TO_LAST: (1, 2)}
    for mode, closed in (("faithful", False), ("strict", True)):
        first, second = layer_masks(ranges, mode, layout, 2)
        assert [first[edge] for edge in between] == [closed] * 7
        assert not any(second[edge] for edge in between)
        assert first[4, 1] == first[5, 2] == True  # noqa: E712 - numpy's own


def test_what_a_prompt_lacks_needs_no_closing() -> None:
    # One frame, no gap, no tail.
    layout = TokenLayout(length=6, spans={"question": [4]}, frames=[range(1, 4)])
    lost = layer_masks({TO_QUESTION: (1, 1), TO_LAST: (1, 1)}, "strict", layout, 1)[0]
    assert {tuple(map(int, edge)) for edge in np.argwhere(lost)} == {(5, 1), (5, 2), (5, 3), (5, 5)}


@pytest.mark.parametrize("spread", ["even", "matched"])
@pytest.mark.parametrize("mode", MODES)
def test_the_control_closes_as_many_edges(mode, spread) -> None:
    effective = effective_knockout(closed_by(RANGES[1], 4, mode), SMALL)
    assert effective is not None
    drawn = [
        random_knockout(effective, SMALL, 4, seed=seed, spread=spread, keep_self=False) for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    counts = [edge_count(SMALL, 4, knockout).removed for knockout in (effective, *drawn)]
    assert len(set(counts)) == 1
    by_layer = [cut.flow.edges(SMALL).count() for cut in drawn[0].cuts]
    of_effective = [int(mask.sum()) for mask in layer_masks(RANGES[1], mode)]
    if spread == "even":
        assert max(by_layer) - min(by_layer) <= 1
    else:
        assert by_layer == of_effective
    masks = [cut.flow.edges(SMALL).dense() for cut in drawn[0].cuts]
    assert len({mask.tobytes() for mask in masks}) == 4, "a fresh draw in every layer"
    assert not any(mask[:, :2].any() or mask[:2].any() for mask in masks), "the system prompt is spared"


@pytest.mark.parametrize(
    ("ranges", "mode", "message"),
    [
        ({CROSS: (1, 5)}, "faithful", "range 1-5 of 'frames -> later frames' is none of a model of 4"),
        ({CROSS: (3, 2)}, "faithful", "range 3-2"),
        ({}, "fathful", "Did you mean 'faithful'"),
        (
            Pathways({}, pd.DataFrame({"flow": [CROSS, TO_QUESTION]}), {}),
            "faithful",
            "did not look at 'question -> last'",
        ),
        (
            Pathways({}, pd.DataFrame({"flow": [CROSS, TO_QUESTION, TO_LAST]}), {}),
            "general",
            "did not look at 'video -> last'",
        ),
    ],
)
def test_ranges_and_modes_that_say_nothing_are_refused(ranges, mode, message) -> None:
    with pytest.raises(RunError, match=message):
        closed_by(ranges, 4, mode)


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


def outcome(sample: str, setting: str, correct: bool, *, seed: int = -1, task: str = "t", edges: int = 50):
    return {
        "sample_id": sample,
        "task": task,
        "setting": setting,
        "mode": "" if setting == "full" else "strict",
        "seed": seed,
        "p_base": 0.9,
        "p": 0.5,
        "change_percent": -40.0,
        "correct": correct,
        "edges_full": 100,
        "edges_kept": edges,
        "edges_kept_by_masks": edges,
    }


def test_the_table_counts_right_answers_and_points_lost() -> None:
    rows = []
    for number in range(10):
        rows.append(outcome(f"s{number}", "full", number < 8, edges=100))
        rows.append(outcome(f"s{number}", "effective", number < 7))
        rows += [outcome(f"s{number}", "random", number < 4 + seed, seed=seed) for seed in (0, 1)]
    table: Any = suffice_table(pd.DataFrame(rows))
    assert table[["setting", "seed", "accuracy_percent"]].values.tolist() == [
        ["full", -1, 80],
        ["effective", -1, 70],
        ["random", -1, 45],
        ["random", 0, 40],
        ["random", 1, 50],
    ]
    assert table["lost_points"].tolist() == pytest.approx([0, 10, 35, 40, 30])
    assert table["edges_percent"].tolist() == [100, 50, 50, 50, 50]
    assert (table["low_percent"] <= table["accuracy_percent"]).all()
    several = suffice_table(pd.concat([pd.DataFrame(rows), pd.DataFrame(rows).assign(task="u")]))
    assert list(dict.fromkeys(several["task"])) == ["t", "u", "all"]
