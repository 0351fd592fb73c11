"""A sample refuses what cannot be asked, and says why."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from workbench.data.sample import Sample
from workbench.errors import SampleError, WorkbenchError, shown


def make(**changes: Any) -> Sample:
    fields: dict[str, Any] = {
        "id": "count/1",
        "task": "count",
        "video": Path("clip.mp4"),
        "question": "How many?",
        "options": ("one", "two", "three"),
        "answer": 1,
    }
    return Sample(**{**fields, **changes})


def test_letters_follow_the_options() -> None:
    sample = make()
    assert sample.letters == ("A", "B", "C")
    assert sample.true_letter == "B"
    assert sample.true_option == "two"


def test_26_options_reach_z() -> None:
    sample = make(options=tuple(f"option {n}" for n in range(26)), answer=25)
    assert sample.true_letter == "Z"


def test_an_unknown_answer_has_no_letter() -> None:
    sample = make(answer=None)
    assert sample.true_letter is None
    assert sample.true_option is None


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"id": " "}, "id is empty"),
        ({"task": "a/b"}, "slash"),
        ({"question": " \n"}, "question is empty"),
        ({"question": "half a pair \ud83d"}, "broken character at position 12"),
        ({"options": ("one",), "answer": 0}, "1 option: a multiple-choice question has 2 to 26"),
        ({"options": tuple(str(n) for n in range(27))}, "27 options"),
        ({"options": ("one", " "), "answer": 0}, "an option is empty"),
        ({"options": ("one", "two", "one ")}, "'one ' is there twice"),
        ({"options": ("one", "\udc00"), "answer": 0}, "an option holds a broken character"),
        ({"answer": 3}, "answer 3 is no index of the 3 options"),
        ({"answer": -1}, "answer -1 is no index"),
        ({"answer": True}, "answer True is no index"),
        ({"options": (), "answer": 0}, "there is an answer but no options"),
        ({"start": 3.0, "end": 2.0}, "start 3 s is not before end 2 s"),
        ({"start": 2.0, "end": 2.0}, "start 2 s is not before end 2 s"),
        ({"start": -1.0}, "start is -1.0"),
        ({"end": float("inf")}, "end is inf"),
        ({"end": float("nan")}, "end is nan"),
        ({"stem": ""}, "stem is empty"),
        ({"open_answer": " "}, "open_answer is empty"),
    ],
)
def test_what_cannot_be_asked_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(SampleError, match=re.escape(says)):
        make(**changes)


def test_its_errors_are_the_workbench_s_own_and_value_errors() -> None:
    assert issubclass(SampleError, WorkbenchError)
    assert issubclass(SampleError, ValueError)


def test_open_ended_drops_the_options_and_keeps_the_rest() -> None:
    sample = make(stem="The number is", open_answer="two", start=1.0, end=2.5)
    opened = sample.open_ended()
    assert (opened.options, opened.answer, opened.letters) == ((), None, ())
    assert (opened.id, opened.question, opened.video) == (sample.id, sample.question, sample.video)
    assert (opened.start, opened.end) == (1.0, 2.5)
    assert (opened.stem, opened.open_answer) == ("The number is", "two")
    assert opened.open_ended() == opened


def test_another_question_about_the_same_clip() -> None:
    asked = make(stem="It moves", open_answer="left").asked("What is there?")
    assert (asked.question, asked.stem, asked.open_answer, asked.options) == (
        "What is there?",
        None,
        None,
        (),
    )
    assert asked.video == make().video
    with pytest.raises(SampleError, match="the question is empty"):
        make().asked(" ")


def test_open_ended_needs_a_stem() -> None:
    with pytest.raises(SampleError, match="has no stem"):
        make().open_ended()


def test_a_path_as_text_and_options_in_a_list_are_taken() -> None:
    sample = make(video="clips/a.mp4", options=["one", "two"])
    assert sample.video == Path("clips/a.mp4")
    assert sample.options == ("one", "two")
    assert hash(sample) == hash(make(video="clips/a.mp4", options=("one", "two")))


@pytest.mark.parametrize("text", ["<video> </s> {0} %s $(rm)", "a\nb", "  spaces kept "])
def test_texts_are_kept_as_written(text: str) -> None:
    sample = make(question=text, options=(text, "other"), answer=0, stem=text)
    assert sample.question == sample.options[0] == sample.stem == text


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"id": 5}, "id is 5: it should be a text"),
        ({"task": None}, "task is None"),
        ({"task": " "}, "the task is empty"),
        ({"task": "all"}, "what tables call all tasks together"),
        ({"task": "ALL"}, "what tables call all tasks together"),
        ({"question": b"?"}, "question is b"),
        ({"stem": 3}, "stem is 3"),
        ({"video": None}, "video is None"),
        ({"options": "left"}, "options is 'left'"),
        ({"options": 5}, "options is 5"),
        ({"options": (1, 2)}, "option 1 is no text"),
        ({"answer": "0"}, "answer '0' is not one of the options"),
        ({"answer": 10**5000}, "is no index"),
        ({"start": "1"}, "start is '1'"),
        ({"end": 10**5000}, "end is"),
        ({"end": True}, "end is True"),
        ({"options": ("caf\u00e9", "cafe\u0301")}, "is there twice"),
        ({"subtitles": 5}, "subtitles is 5"),
        ({"subtitles": "abc"}, "subtitles is 'abc'"),
        ({"subtitles": ((0.0, 1.0),)}, "start, end, text"),
        ({"facets": 5}, "facets is 5"),
        ({"facets": ("ab",)}, "facets is"),
    ],
    ids=lambda value: shown(value, limit=30),
)
def test_what_is_of_another_type_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(SampleError, match=re.escape(says)):
        make(**changes)


def test_ids_and_tasks_have_one_spelling() -> None:
    one = make(id="caf\u00e9/1", task="caf\u00e9")
    two = make(id="cafe\u0301/1", task="cafe\u0301")
    assert (one.id, one.task) == (two.id, two.task)


def with_options(*options: str, answer: Any) -> Sample:
    return Sample(id="a", task="t", video=Path("a.mp4"), question="q", options=options, answer=answer)


@pytest.mark.parametrize(("answer", "index"), [("left", 0), (" right ", 1), ("B", 1), (1, 1), (None, None)])
def test_an_answer_is_taken_by_its_words_or_letter_too(answer: Any, index: int | None) -> None:
    assert with_options("left", "right", answer=answer).answer == index


def test_an_answer_that_means_two_options_needs_its_index() -> None:
    with pytest.raises(SampleError, match=r"'A' as text, 'B' as letter.: give its index"):
        with_options("B", "A", answer="A")
