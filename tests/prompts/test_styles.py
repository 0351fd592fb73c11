"""The words of a prompt, and the spans that they carry."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.data.options import LETTERS
from workbench.data.sample import Sample
from workbench.errors import PromptError, shown
from workbench.prompts.styles import (
    STYLES,
    CharRange,
    Piece,
    PromptText,
    Style,
    build_prompt,
    check_style,
    default_style,
)

# Any text that a sample may hold, and awkward ones: marks, line breaks, words of the prompt itself.
texts = st.one_of(
    st.text(min_size=1, max_size=20).filter(str.strip),
    st.sampled_from(
        ["(A) left", "Options:", "\nOptions:\n(A) x", "{q}", "<video>", "</s>", "A", "left.", " left ", "%s"]
    ),
)


@st.composite
def questions(draw: st.DrawFn) -> Sample:
    options = draw(st.lists(texts, min_size=2, max_size=26, unique_by=str.strip))
    answer = draw(st.none() | st.integers(0, len(options) - 1))
    return Sample(
        id="t/1", task="t", video=Path("a.mp4"), question=draw(texts), options=tuple(options), answer=answer
    )


@st.composite
def open_questions(draw: st.DrawFn) -> Sample:
    return Sample(id="t/1", task="t", video=Path("a.mp4"), question=draw(texts), stem=draw(st.none() | texts))


multiple_choice = st.sampled_from([name for name, style in STYLES.items() if style.takes_options])

SAMPLE = Sample(
    id="t/1",
    task="t",
    video=Path("a.mp4"),
    question="Which direction does the red circle move?",
    options=("left", "right."),
    answer=1,
)


def test_mvbench_reads_as_the_authors_write_it() -> None:
    prompt = build_prompt(SAMPLE)
    assert prompt.text == (
        "Question: Which direction does the red circle move?\n"
        "Options:\n(A) left\n(B) right.\nOnly give the best option."
    )
    assert prompt.answer_prefix == "Best option:("
    assert prompt.style == "mvbench"


def test_letter_reads_as_lmms_eval_writes_it() -> None:
    prompt = build_prompt(SAMPLE, "letter")
    assert prompt.text == (
        "Which direction does the red circle move?\nA. left\nB. right.\n"
        "Answer with the option's letter from the given choices directly."
    )
    assert prompt.answer_prefix == ""


def test_open_asks_the_question_alone_and_the_stem_opens_the_answer() -> None:
    sample = Sample(
        id="t/1", task="t", video=Path("a"), question="Where to?", stem="It moves", open_answer="left"
    )
    prompt = build_prompt(sample, "open")
    assert prompt.pieces == (Piece("Question: Where to?", ("question", "nonoption")),)
    assert prompt.answer_prefix == "It moves"


def test_the_pieces_of_mvbench() -> None:
    assert build_prompt(SAMPLE).pieces == (
        Piece("Question: Which direction does the red circle move?", ("question", "nonoption")),
        Piece("\nOptions:\n", ("question",)),
        Piece("(A) left", ("question", "option[A]", "false_options")),
        Piece("\n", ("question",)),
        Piece("(B) right.", ("question", "option[B]", "true_option")),
        Piece("\nOnly give the best option.", ()),
    )


@given(questions())
def test_mvbench_is_that_text_for_every_question(sample: Sample) -> None:
    lines = [f"({letter}) {option}" for letter, option in zip(LETTERS, sample.options, strict=False)]
    wanted = f"Question: {sample.question}\nOptions:\n" + "\n".join(lines) + "\nOnly give the best option."
    assert build_prompt(sample, "mvbench").text == wanted


def cut(prompt: PromptText, name: str) -> list[str]:
    return [prompt.text[part.start : part.end] for part in prompt.ranges().get(name, ())]


@given(questions(), multiple_choice)
def test_spans_hold_what_they_are_called(sample: Sample, style: str) -> None:
    prompt = build_prompt(sample, style)
    before, after = STYLES[style].mark
    marked = [f"{before}{x}{after}{option}" for x, option in zip(LETTERS, sample.options, strict=False)]
    assert cut(prompt, "nonoption") == [STYLES[style].before_question + sample.question]
    for letter, text in zip(LETTERS, marked, strict=False):
        assert cut(prompt, f"option[{letter}]") == [text]
    known = sample.answer is not None
    assert cut(prompt, "true_option") == ([marked[sample.answer]] if sample.answer is not None else [])
    assert cut(prompt, "false_options") == [
        text for i, text in enumerate(marked) if known and i != sample.answer
    ]


@given(questions(), multiple_choice)
def test_spans_nest(sample: Sample, style: str) -> None:
    prompt = build_prompt(sample, style)
    ranges = prompt.ranges()
    (question,) = ranges["question"]
    (nonoption,) = ranges["nonoption"]
    options = [ranges[f"option[{letter}]"][0] for letter in sample.letters]
    # The question is one run: it opens with its own words and closes with the last option.
    assert question == CharRange(nonoption.start, options[-1].end)
    assert question.start == len(STYLES[style].opening)
    # Inside it: the question's words, then the options in order, none over another.
    run = [nonoption, *options]
    assert all(left.end < right.start for left, right in itertools.pairwise(run))
    # The true and the false options share the options among them.
    if sample.answer is not None:
        assert sorted(ranges["true_option"] + ranges.get("false_options", ())) == options
    assert set(ranges) <= {"question", "nonoption", "true_option", "false_options"} | {
        f"option[{letter}]" for letter in sample.letters
    }


@given(questions(), multiple_choice)
def test_every_piece_has_text_and_ranges_are_those_of_the_pieces(sample: Sample, style: str) -> None:
    prompt = build_prompt(sample, style)
    assert all(piece.text for piece in prompt.pieces)
    owners: list[set[str]] = [set(piece.spans) for piece in prompt.pieces for _ in piece.text]
    for name, parts in prompt.ranges().items():
        inside = {i for part in parts for i in range(part.start, part.end)}
        assert inside == {i for i, spans in enumerate(owners) if name in spans}


@given(open_questions())
def test_an_open_question_is_one_span(sample: Sample) -> None:
    prompt = build_prompt(sample, "open")
    assert prompt.text == f"Question: {sample.question}"
    assert prompt.ranges()["question"] == prompt.ranges()["nonoption"] == (CharRange(0, len(prompt.text)),)
    assert prompt.answer_prefix == (sample.stem or "")


def test_a_style_of_one_s_own() -> None:
    style = Style(
        name="mine",
        description="",
        before_question="Q ",
        before_options=" | ",
        mark=("[", "]"),
        between_options=" ",
        answer_prefix="Answer",
    )
    prompt = build_prompt(SAMPLE, style)
    assert prompt.text == "Q Which direction does the red circle move? | [A]left [B]right."
    assert cut(prompt, "true_option") == ["[B]right."]
    assert prompt.answer_prefix == "Answer"
    assert prompt.style == "mine"


def test_an_unknown_style_is_refused_with_near_matches() -> None:
    with pytest.raises(PromptError, match=r"'mvbnch' does not exist.*Did you mean 'mvbench'"):
        build_prompt(SAMPLE, "mvbnch")


@pytest.mark.parametrize("style", ["mvbench", "letter"])
def test_a_style_with_options_needs_options(style: str) -> None:
    with pytest.raises(PromptError, match="open-ended"):
        build_prompt(Sample(id="1", task="t", video=Path("a"), question="Where?", stem="It moves"), style)


def test_the_open_style_does_not_drop_options_in_silence() -> None:
    with pytest.raises(PromptError, match=r"2 options.*leaves out"):
        build_prompt(SAMPLE, "open")


def test_the_default_style_always_fits() -> None:
    opened = Sample(id="1", task="t", video=Path("a"), question="Where?")
    assert default_style(SAMPLE) == "mvbench"
    for sample in (SAMPLE, opened):
        assert build_prompt(sample, default_style(sample)).pieces


@pytest.mark.parametrize("style", [5, [], "x" * 10**6], ids=shown)
def test_what_names_no_style_is_refused(style: Any) -> None:
    for use in (check_style, lambda name: build_prompt(SAMPLE, name)):
        with pytest.raises(PromptError, match=r"prompt style .* does not exist.*Styles: mvbench, letter"):
            use(style)
