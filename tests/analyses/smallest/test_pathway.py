"""The search finds exactly the path that was planted, and tells how it did beside its controls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import workbench as wb
from tests.analyses.smallest.planted import HOW, planted_samples
from workbench.analyses.smallest import SmallestPathway, search_and_test
from workbench.errors import RunError
from workbench.planted import direct, planted_model, staged

CROSS, TO_QUESTION, TO_LAST = "frames -> later frames", "video -> question", "question -> last"
RANGES = {CROSS: (2, 2), TO_QUESTION: (4, 4), TO_LAST: (5, 5)}


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[wb.Sample]:
    return planted_samples(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def model() -> wb.VideoLLM:
    return planted_model(staged(2, 4, 5))


@pytest.fixture(scope="module")
def found(model, samples, tmp_path_factory: pytest.TempPathFactory) -> SmallestPathway:
    out: Path = tmp_path_factory.mktemp("smallest")
    return wb.smallest_pathway(model, samples, floor=0, ranges=RANGES, out=out, controls=2, **HOW)


def is_open(found: SmallestPathway) -> set[tuple[str, int, str]]:
    rows = found.blocks.to_dict("records")
    return {(row["flow"], row["layer"], row["heads"]) for row in rows if row["heads_open"]}


def test_exactly_the_planted_path_is_left(found: SmallestPathway) -> None:
    assert is_open(found) == {(CROSS, 2, "1"), (TO_QUESTION, 4, "2"), (TO_LAST, 5, "3")}


def test_a_direct_reader_is_one_block_of_one_head(samples) -> None:
    more: Any = {"flows": ["video -> last", CROSS, TO_QUESTION, TO_LAST], "controls": 0, **HOW}
    reader = planted_model(direct(3))
    found = wb.smallest_pathway(reader, samples, floor=0, **more)
    assert is_open(found) == {("video -> last", 3, "0")}
    whole = wb.smallest_pathway(reader, samples, floor=0, heads=False, **more)
    assert is_open(whole) == {("video -> last", 3, "0,1,2,3")}
    assert found.smallest["edges_percent"] < whole.smallest["edges_percent"]


def test_held_out_it_is_right_with_fewer_edges_than_the_rule_and_random_sets_are_not(found) -> None:
    rows: Any = found.table[found.table["seed"] == -1].set_index(["kind", "name"])
    smallest, paper = rows.loc[("smallest", "flow x layer x head")], rows.loc[("paper", "faithful")]
    assert smallest["accuracy_percent"] == paper["accuracy_percent"] == 100
    assert smallest["edges_percent"] < paper["edges_percent"] / 2
    assert rows.loc[("random blocks", "flow x layer x head"), "accuracy_percent"] < 60
    assert rows.loc[("none", "all blocks closed"), "logit_difference"] < 1
    assert rows.loc[("ranked", "score, 1"), "edges_percent"] == 100
    assert set(found.steps["phase"]) == {"flow x layer", "flow x layer x head"}
    last = found.steps[found.steps["accepted"]].iloc[-1]
    assert last["edges_percent"] == pytest.approx(smallest["edges_percent"])
    assert last["accuracy_percent"] == 100
    areas = found.areas.set_index(["order", "area"])["value"]
    assert areas[("score", "CPR")] + areas[("score", "CMD")] == pytest.approx(0.999, abs=1e-3)


def test_it_goes_on_from_its_folder(found, model, samples) -> None:
    again = wb.smallest_pathway(
        model, samples, floor=0, ranges=RANGES, out=found.folder, controls=2, engine="incremental", **HOW
    )
    pd.testing.assert_frame_equal(again.table, found.table)
    pd.testing.assert_frame_equal(again.steps, found.steps)
    searched = {sample.id for sample in search_and_test(samples)[0]}
    tested = pd.read_parquet(found.folder / "open_edges.parquet")["sample_id"]
    assert not searched & set(tested)


def test_estimates_take_the_place_of_measured_scores(model, samples) -> None:
    paths = {(CROSS, 2, 1), (TO_QUESTION, 4, 2), (TO_LAST, 5, 3)}
    flows = (CROSS, TO_QUESTION, TO_LAST)
    scores = pd.DataFrame(
        [
            (flow, layer, head, -1.0 if (flow, layer, head) in paths else 0.0)
            for flow in flows
            for layer in range(1, 7)
            for head in range(4)
        ],
        columns=pd.Index(["flow", "layer", "head", "estimate"]),
    )
    found = wb.smallest_pathway(model, samples, flows=flows, floor=0, scores=scores, controls=0, **HOW)
    assert is_open(found) == {(flow, layer, str(head)) for flow, layer, head in paths}


def test_where_nothing_is_known_there_is_a_note_in_place_of_faithfulness(samples) -> None:
    found = wb.smallest_pathway(planted_model({}), samples, flows=[TO_LAST], controls=0, **HOW)
    assert "not above that without any edge" in found.note
    assert found.areas.empty


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"flows": "video -> last @ heads 1"}, "names heads"),
        ({"floor": -1}, "floor=-1"),
        ({"batch": 0}, "batch=0: give a whole number from 1"),
        ({"controls": 0.5}, "controls=0.5"),
        ({"modes": ["fathful"]}, "faithful"),
        ({"scores": pd.DataFrame({"flow": []})}, "layer"),
    ],
)
def test_what_cannot_be_is_refused(samples, settings, message) -> None:
    with pytest.raises(RunError, match=message):
        wb.smallest_pathway(planted_model({}), samples, **settings, **HOW)
