from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.data import Sample
from workbench.measures.text import is_right, letter_said, option_said

CHOICE = Sample(id="1", task="t", video=Path("1.mp4"), question="Where?", options=("left", "right"), answer=1)
WORDS = Sample(id="2", task="t", video=Path("2.mp4"), question="Where?", open_answer="To the left")


@pytest.mark.parametrize(
    ("text", "says", "right"),
    [("(B) right", "right", True), ("Answer: A", "left", False), ("Perhaps", "Perhaps", False)],
)
def test_an_option_is_named_by_its_letter(text: str, says: str, right: bool) -> None:
    assert option_said(CHOICE, text) == says
    assert is_right(CHOICE, text) is right


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("to the LEFT.", True),
        ("To the left, of course", True),
        ("To the right", False),
        ("", False),
    ],
)
def test_an_open_answer_comes_first(text: str, right: bool) -> None:
    assert is_right(WORDS, text) is right


def test_nothing_is_right_where_the_truth_is_not_known() -> None:
    unknown = Sample(id="3", task="t", video=Path("3.mp4"), question="Where?", options=("left", "right"))
    assert not is_right(unknown, "(A)")


COLOURS = ("red", "blue", "green", "yellow")
RECORDED: dict[str | None, tuple[str, ...]] = {
    "A": (
        "Option A is correct because it moves",
        "Choice A because it moves.",
        "The correct option is A because",
        "A because it moves left",
        "red",
        "Red.",
        "The answer is red.",
        "I choose option A",
        "I would go with A.",
        "(A) red, not (B) blue",
    ),
    "B": (
        "The answer is (B).",
        "B. Two",
        "b",
        "Option B is correct",
        "I'd say B",
        "The answer is not A, it is B.",
        "**Answer:** B",
        "**B**",
        "$\\boxed{B}$",
        "\\boxed{\\text{B}}",
        "Best option: (B)",
        "<think>It could be (A).</think>\n\nB",
        "B：left",
        "Ｂ．",
        "答案：B",
        "答案是B",
        "选B",
        "选项B",
        "<answer>B</answer>",
        "Final answer: B",
        "A: left\nB: right\nAnswer: B",
        "The answer: (B) two",
        "The dot moves left, therefore B.",
        "B)",
        "B, because",
        "(b) two",
        "I choose B",
        "I pick (B)",
        "I think it is B",
        "B) blue\n\nExplanation: the A frame",
        "The answer is B, since C shows nothing",
        "Sure! The answer is B",
        "```\nB\n```",
        '{"answer": "B"}',
        "<think>\n\n</think>\n\nB",
        "blue. The ball is blue",
    ),
    "C": (
        "I believe the answer is C",
        "It is not B. The answer is C.",
        "It goes left, so A.</think>(C)",
        "Assistant: C",
        "（C）",
        "C。",
        "Answer - C",
        "The best answer is: C) green",
    ),
    "D": (
        "◁think▷maybe A◁/think▷ D",
        "The video shows a ball. Option D.",
        "Answer: [D]",
        "D\nD\nD",
        "The correct answer is option (D): none of them",
    ),
    None: (
        "(B) or (C)",
        "A and B",
        "Both A and B are possible",
        "I cannot tell from the video.",
        "I'm sorry, but I cannot answer.",
        "<think>Option A seems right. But B.</think>",
        "B or maybe C",
        "A.\nB.\nC.\nD.",
        "None of the above",
        "E",
        "A B",
        "<think>The circle goes left",
        "A red ball",
        "As an AI model, I cannot watch videos.",
        "A/B",
        "Answer: A, C",
        "neither A nor B",
        "",
        "...",
        "Between B and C, the better one is C",
        "It can't be A",
        "I don't know",
        "blue and red",
    ),
}
"""Answers as models write them, by the letter that a reader takes them for."""


@pytest.mark.parametrize(
    ("text", "letter"), [(text, letter) for letter, texts in RECORDED.items() for text in texts]
)
def test_the_letter_is_what_a_reader_takes_it_for(text: str, letter: str | None) -> None:
    assert letter_said(text, COLOURS) == letter


def test_the_longest_option_that_a_text_begins_with_is_meant() -> None:
    assert letter_said("left, then right", ("left", "left, then right")) == "B"
    assert letter_said("left", ("left", "left, then right")) == "A"


@given(st.text(), st.sampled_from([("red", "blue"), COLOURS]))
def test_any_text_chooses_an_option_or_none(text: str, options: tuple[str, ...]) -> None:
    assert letter_said(text, options) in (None, *"ABCD"[: len(options)])


@pytest.mark.parametrize(
    "filling", ["A or ", "not A", "<think>", "<answer>", "\\boxed{", "(A) x\n", "option ", " "]
)
def test_long_answers_take_linear_time(filling: str) -> None:
    def seconds(times: int) -> float:
        begin = time.process_time()
        letter_said(filling * times, COLOURS)
        return time.process_time() - begin

    # The best of three: the machine may be busy.
    assert min(seconds(20_000) for _ in range(3)) < 0.2 + 8 * seconds(5_000)
