"""A user's own questions in a file: options in three forms, nearest matches, clips beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import workbench as wb
from tests.data.benchmarks import BENCHMARKS, clip_bytes
from workbench.data.tables import is_table
from workbench.errors import SampleError

HEAD = "video,question,answer"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.mp4").write_bytes(clip_bytes(str(tmp_path)))
    return tmp_path


def saved(folder: Path, text: str, name: str = "mine.csv") -> Path:
    (folder / name).write_text(text, "utf-8")
    return folder / name


@pytest.mark.parametrize(
    "text",
    [
        f"{HEAD},options\na.mp4,Where?,there,here | there\n",
        f"{HEAD},option_a,option_b\na.mp4,Where?,there,here,there\n",
        f"{HEAD},option_b,option_a\na.mp4,Where?,B,there,here\n",
        f"{HEAD},optionA,optionB,optionC\na.mp4,Where?,there,here,there,\n",
        f"{HEAD},option1,option0\na.mp4,Where?,there,there,here\n",
    ],
)
def test_options_in_one_column_or_in_many(text: str, folder: Path) -> None:
    (sample,) = wb.samples(saved(folder, text))
    assert sample.options == ("here", "there")
    assert sample.true_option == "there"
    assert sample.video == folder / "a.mp4"
    assert sample.task == "mine"


def test_all_columns(folder: Path) -> None:
    text = (
        "id,task,video,question,options,answer,start,end,stem,open_answer,group,facet_light\n"
        "q1,places,a.mp4,Where?,here|there,here,0.2,1,It is,here,pair 1,day\n"
        "q2,,a.mp4,And then?,,,,,So it,ran,,\n"
    )
    first, second = wb.samples(str(saved(folder, text)))
    assert (first.id, first.task, first.start, first.end) == ("q1", "places", 0.2, 1.0)
    assert (first.stem, first.open_answer, first.group) == ("It is", "here", "pair 1")
    assert first.facets == (("light", "day"),)
    assert (second.task, second.options, second.open_answer) == ("mine", (), "ran")


def test_a_table_saved_from_samples_comes_back(folder: Path) -> None:
    made = wb.samples(saved(folder, f"{HEAD},options,facet_x\na.mp4,Where?,there,here|there,1\n"))
    frame = made.to_dataframe()
    for name in ("frame.parquet", "frame.jsonl", "frame.json"):
        table = frame.drop(columns="facets").assign(options=frame["options"].map(list))
        if name.endswith("parquet"):
            table.to_parquet(folder / name)
        else:
            table.to_json(folder / name, orient="records", lines=name.endswith("jsonl"))
        (again,) = wb.samples(folder / name)
        assert (again.options, again.answer, again.question) == (("here", "there"), 1, "Where?")
    (again,) = wb.Samples.from_dataframe(frame)
    assert again == made[0]


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("video,qestion,answer", "column 'qestion', which would be ignored.*Did you mean 'question'"),
        ("video,question,choices", "Did you mean 'options'"),
        ("clip,question", "Did you mean 'video'"),
        ("question,answer", "no column 'video'"),
        ("video,question,weather", "put facet_ before it"),
    ],
)
def test_a_wrong_column_is_named_with_the_nearest(head: str, said: str, folder: Path) -> None:
    with pytest.raises(SampleError, match=said):
        wb.samples(saved(folder, f"{head}\n" + ",".join("x" for _ in head.split(",")) + "\n"))


def test_rows_that_cannot_be_used_are_listed(folder: Path) -> None:
    text = (
        f"{HEAD},options,start\n"
        "a.mp4,Where?,there,here|there,\n"
        "gone.mp4,Where?,there,here|there,\n"
        "../a.mp4,Where?,there,here|there,\n"
        "a.mp4,Where?,nowhere,here|there,\n"
        "a.mp4,Where?,there,here|there,soon\n"
    )
    found = wb.samples(saved(folder, text))
    assert len(found) == 1
    assert [skipped.id for skipped in found.skipped] == ["mine/2", "mine/3", "mine/4", "mine/5"]
    for skipped, said in zip(
        found.skipped, ("beside the table", "leads out", "nowhere", "start"), strict=True
    ):
        assert said in skipped.reason
    with pytest.raises(SampleError, match="options twice"):
        wb.samples(saved(folder, f"{HEAD},options,option_a\na.mp4,W?,x,x|y,x\n"))


def test_clips_elsewhere(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("tables")
    file = saved(other, f"{HEAD},options\na.mp4,Where?,there,here|there\n")
    assert wb.samples(file, root=folder)[0].video == folder / "a.mp4"
    whole = saved(other, f"{HEAD},options\n{folder / 'a.mp4'},Where?,there,here|there\n", "whole.csv")
    assert wb.samples(whole)[0].video == folder / "a.mp4"
    with pytest.raises(SampleError, match="leads out"):
        wb.samples(whole, root=folder)


def test_what_is_a_table(folder: Path) -> None:
    assert is_table("x.csv")
    assert is_table(folder / "x.parquet")
    assert not is_table("mini")
    (folder / "folder.json").mkdir()
    assert not is_table(folder / "folder.json")
    with pytest.raises(SampleError, match="There is no file"):
        wb.samples(folder / "none.csv")
    with pytest.raises(SampleError, match="has no rows"):
        wb.samples(saved(folder, HEAD + "\n"))


@pytest.mark.parametrize("time", ["1" + "0" * 400, "1e999", "NaN", "-1", "true", '"soon"', "[]"])
@pytest.mark.parametrize("bound", ["start", "end"])
def test_bounds_that_are_no_seconds_are_skipped(bound: str, time: str, tmp_path: Path) -> None:
    made = BENCHMARKS["table.jsonl"]()
    made.rows[0][bound] = "HERE"
    root = made.write(tmp_path / "set", made.content().replace(b'"HERE"', time.encode()))
    found = made.load(root)
    assert len(found) == 2
    (skipped,) = found.skipped
    assert bound in skipped.reason
    assert skipped.reason.startswith("line 1 ")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"option_a": "here", "option_b": "there", "option A": 1}, "two columns for one option"),
        ({"option_a": {"x": 1}, "option A": {"x": 2}}, "two columns for one option"),
        ({"facets": ["x"], "facet_light": "day"}, "facets is"),
        ({"facets": "x", "facet_light": "day"}, "facets is"),
    ],
)
def test_columns_that_contradict_one_another_cost_their_row(
    row: dict[str, object], said: str, folder: Path
) -> None:
    usual = {"video": "a.mp4", "question": "Where?"}
    rows = [{**usual, **row}, {**usual, "options": ["here", "there"]}]
    found = wb.samples(saved(folder, "".join(json.dumps(one) + "\n" for one in rows), "mine.jsonl"))
    assert len(found) == 1
    assert said in found.skipped[0].reason


def test_ids_of_rows_that_are_skipped_can_be_printed(folder: Path) -> None:
    bad = '{"video": "gone.mp4", "question": "Where?", "task": "\\ud800\\u001b[2J"}\n'
    good = '{"video": "a.mp4", "question": "Where?", "stem": "It is"}\n'
    (skipped,) = wb.samples(saved(folder, bad + good, "mine.jsonl")).skipped
    assert skipped.id == "\\ud800\\x1b[2J/1"
