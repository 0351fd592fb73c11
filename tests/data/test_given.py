"""A list, a DataFrame or samples in place of a data set's name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import workbench as wb
from workbench.errors import SampleError


def row(number: int, task: str = "way", **more: object) -> dict[str, Any]:
    clip = {"video": f"{number}.mp4", "question": "Which way?", "task": task}
    return clip | {"options": "left|right", "answer": "right"} | more


@pytest.fixture
def here(tmp_path: Path) -> Path:
    for number in range(4):
        (tmp_path / f"{number}.mp4").touch()
    return tmp_path


def test_a_list_and_a_table_give_what_a_file_of_the_same_rows_gives(here: Path) -> None:
    rows = [row(0), row(1, options=["left", "right"], answer="B"), row(2, "other")]
    table = pd.DataFrame(rows)
    table.drop(index=1).to_csv(here / "questions.csv", index=False)
    listed, tabled = wb.samples(rows, root=here), wb.samples(table, root=here)
    assert [(s.options, s.answer, s.video.name) for s in listed] == [
        (("left", "right"), 1, f"{number}.mp4") for number in range(3)
    ]
    assert listed.fingerprint == tabled.fingerprint
    stored = wb.samples(here / "questions.csv")
    assert [(s.question, s.options, s.answer) for s in stored] == [
        (s.question, s.options, s.answer) for s in (listed[0], listed[2])
    ]


def test_options_may_be_columns(here: Path) -> None:
    rows = [row(0, options=None, option_a="up", option_b="down", answer="down", facet_light="dim")]
    (found,) = wb.samples(rows, root=here)
    assert (found.options, found.answer, found.facets) == (("up", "down"), 1, (("light", "dim"),))


def test_tasks_and_limit_choose_among_them(here: Path) -> None:
    rows = [row(0), row(1), row(2, "Other Way"), row(3)]
    assert [s.video.name for s in wb.samples(rows, root=here, tasks="other_way")] == ["2.mp4"]
    assert wb.samples(rows, root=here, limit=2).counts() == {"way": 2, "Other Way": 1}
    with pytest.raises(SampleError, match=r"no question has the task 'wey'.*Did you mean 'way'"):
        wb.samples(rows, root=here, tasks=["wey"])


def test_samples_stay_what_they_are(here: Path) -> None:
    found = wb.samples([row(0), row(1)], root=here)
    assert [*wb.samples(found)] == [*wb.samples(list(found))] == [*found]
    assert [*wb.samples(found[1])] == [found[1]]
    with pytest.raises(SampleError, match="root='here' would be ignored"):
        wb.samples(found, root="here")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (7, "7 is no data set"),
        ({"video": "a.mp4"}, "a list of dicts with"),
        (["mini"], "is no data set: give one name"),
        ([], "the list of questions is empty"),
        ([{"video": "0.mp4", "opitons": "a|b"}], "key 'opitons' does not exist.*Did you mean 'options'"),
    ],
)
def test_what_holds_no_questions_is_refused(given: Any, said: str) -> None:
    with pytest.raises(SampleError, match=said):
        wb.samples(given)
