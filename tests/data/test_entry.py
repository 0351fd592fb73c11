"""Annotations from outside: their form, their ids, and why one is skipped."""

from __future__ import annotations

from typing import Any

import pytest

from tests.data.conftest import TASK, MakeFolder, entry, reason
from workbench.data import load_folder


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_null_and_no_words_are_as_good_as_absent(make_folder: MakeFolder, nothing: str | None) -> None:
    fields = entry(start=None, end=None, stem=nothing, open_answer=nothing)
    (sample,) = load_folder(make_folder({TASK: [fields]}))
    assert (sample.start, sample.end, sample.stem, sample.open_answer) == (None, None, None, None)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("just a text", "it is 'just a text', not an object"),
        (None, "it is None, not an object"),
        ([entry()], "not an object"),
        ({}, "'video' is missing"),
        (entry(question=...), "'question' is missing"),
        (entry(answer=...), "'answer' is missing"),
        (entry(answer=None), "'answer' is missing"),
        (entry(candidates=...), "there are no candidates"),
        (entry(candidates=[]), "there are no candidates"),
        (entry(question=""), "the question is empty"),
        (entry(question=" \n\t"), "the question is empty"),
        (entry(question=7), "question is 7: it should be a valid string"),
        (entry(candidates="left"), "candidates is 'left': it should be a valid list"),
        (entry(candidates={"A": "left"}), "it should be a valid list"),
        (entry(candidates=["left", 2]), "candidates[1] is 2: it should be a valid string"),
        (entry(candidates=["left", None]), "candidates[1] is None"),
        (entry(candidates=["left", "left", "right"]), "'left' is there twice"),
        (entry(candidates=["right"]), "1 option: a multiple-choice question has 2 to 26"),
        (entry(candidates=[*map(str, range(26)), "right"]), "27 options"),
        (entry(candidates=["right", ""]), "an option is empty"),
        (entry(answer="up"), "answer 'up' is not one of the options ['left', 'right']"),
        (entry(answer="Right"), "answer 'Right' is not one of the options"),
        (entry(answer=1), "answer is 1: it should be a valid string"),
        (entry(answer=["right"]), "answer is ['right']"),
        (entry(start=3, end=2), "start 3 s is not before end 2 s"),
        (entry(start=2, end=2), "start 2 s is not before end 2 s"),
        (entry(start=-1), "start is -1.0"),
        (entry(start="1.5"), "start is '1.5': it should be a valid number"),
        (entry(end=True), "end is True: it should be a valid number"),
        (entry(end=float("nan")), "end is nan: it should be a finite number"),
        (entry(end=float("inf")), "end is inf: it should be a finite number"),
        (entry(start=10**400), "start is"),
        (entry(stem=5), "stem is 5"),
        (entry(candidates=..., answer=..., stem=" "), "there are no candidates, and no stem"),
        (entry(candidates=..., stem="It moves"), "there is an answer but no options"),
        (entry(question="\ud800"), "question holds a broken character at position 0"),
        (entry(video=None), "video is None"),
        (entry(video=["a.mp4"]), "video is ['a.mp4']"),
    ],
)  # fmt: skip
def test_a_bad_entry_is_skipped_and_says_why(make_folder: MakeFolder, bad: Any, says: str) -> None:
    assert says in reason(make_folder, bad)


def test_a_deep_entry_is_skipped(make_folder: MakeFolder) -> None:
    deep: Any = "x"
    for _ in range(60):  # deeper than 100 levels no file is read
        deep = [deep]
    said = reason(make_folder, entry(question=deep))
    assert "question is [[" in said
    assert len(said) < 200


def test_spaces_around_the_answer_do_not_matter_and_options_stay_as_they_are(make_folder: MakeFolder) -> None:
    (sample,) = load_folder(make_folder({TASK: [entry(candidates=["left. ", "right."], answer="left.")]}))
    assert sample.options == ("left. ", "right.")
    assert sample.answer == 0


class TestIds:
    """Unique, and the same whatever the limit and whichever clips are there."""

    def test_more_questions_on_one_clip_are_numbered(self, make_folder: MakeFolder) -> None:
        root = make_folder({TASK: [entry(), entry(question="And then?"), entry(question="At last?")]})
        assert [s.id for s in load_folder(root)] == [f"{TASK}/clip_1", f"{TASK}/clip_1#2", f"{TASK}/clip_1#3"]

    def test_the_same_stem_in_two_folders_or_formats(self, make_folder: MakeFolder) -> None:
        clips = ("video/a/x.mp4", "video/b/x.mp4", "video/b/x.webm", "video/x#2.mp4")
        root = make_folder({TASK: [entry(video=clip) for clip in (clips[3], *clips[:3])]}, clips)
        ids = [sample.id for sample in load_folder(root)]
        assert ids == [f"{TASK}/x#2", f"{TASK}/x", f"{TASK}/x#3", f"{TASK}/x#4"]

    def test_a_skipped_entry_keeps_its_number(self, make_folder: MakeFolder) -> None:
        good = [entry(), entry(question="And then?"), entry(question="At last?")]
        bad = [entry(answer="up"), *good[1:]]
        whole = load_folder(make_folder({TASK: good}, at="whole"))
        less = load_folder(make_folder({TASK: bad}, at="less"))
        assert [s.id for s in less] == [s.id for s in whole][1:]
        assert less.skipped[0].id == whole[0].id

    def test_ids_without_a_clip_name(self, make_folder: MakeFolder) -> None:
        root = make_folder({TASK: [3, entry(video=None), entry(video="a\n\x1b[2Jb"), entry()]})
        assert [s.id for s in load_folder(root).skipped] == [
            f"{TASK}/entry-1",
            f"{TASK}/entry-2",
            f"{TASK}/a__[2Jb",
        ]
