"""A prompt's ids are those of the Hugging Face processor; every row lies in the span that its text says."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.tiny import (
    FAMILY_NAMES,
    FamilyName,
    pixel_input,
    tiny_clip,
    tiny_family,
    tiny_folder,
    tiny_model,
    tiny_prompt,
    tiny_sample,
)
from workbench.data import Sample
from workbench.errors import PromptError
from workbench.interventions import Flow
from workbench.models import FAMILIES, Prompt, Turn, VideoLLM, load
from workbench.models.families import VideoInputs
from workbench.models.families.llava_next_video import LlavaNextVideo
from workbench.prompts import build_prompt
from workbench.prompts.partition import disjoint_spans, row_places
from workbench.prompts.turn import VideoPiece

ODD = Sample(
    id="odd/1",
    task="odd",
    video=Path("odd.mp4"),
    question="Is left\nleft of left? Options: (A) left 🙂é東",
    options=("left", "left left", "(A) left", " right 🙂"),
    answer=1,
)


@pytest.fixture(params=FAMILIES)
def model(request: pytest.FixtureRequest) -> VideoLLM:
    return tiny_model(request.param)


def said(model: VideoLLM, prompt: Prompt, span: str) -> str:
    """The text of a span's rows."""
    return str(model.tokenizer.decode(prompt.input_ids[0, prompt.layout[span]].tolist())).strip()


def replaced_by_hugging_face(model: VideoLLM, prompt: Prompt) -> str:
    """The prompt's text with the placeholder expanded by the family's processor.

    Its own class cannot be made without torchvision, but the method that expands needs only a few settings.
    """
    video = tiny_family(model.family.model_type).expanded(prompt.inputs)
    assert prompt.text.count(model.placeholder) == 1
    return prompt.text.replace(model.placeholder, video)


@pytest.mark.parametrize("sample", [tiny_sample(), ODD, tiny_sample().open_ended()], ids=lambda s: s.id)
def test_ids_are_those_of_the_processor(model: VideoLLM, sample: Sample) -> None:
    prompt = model.encode(sample, clip=tiny_clip())
    expected = model.tokenizer(replaced_by_hugging_face(model, prompt), return_tensors="pt")["input_ids"]
    assert torch.equal(prompt.input_ids, expected)


def test_the_text_is_the_rendered_chat_template(model: VideoLLM) -> None:
    words = build_prompt(tiny_sample())
    content: Any = [{"type": "video"}, {"type": "text", "text": words.text}]
    rendered = model.tokenizer.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
    )
    gap = "" if str(rendered)[-1].isspace() else " "
    marked = model.family.template_video(model.placeholder)
    shown = str(rendered).replace("<video>", marked).replace(marked, model.placeholder)
    in_front = tiny_family(model.family.model_type).in_front
    assert tiny_prompt(model).text == f"{in_front}{shown}{gap}Best option:("


@pytest.mark.parametrize("sample", [tiny_sample(), ODD], ids=["plain", "odd"])
def test_spans_say_what_they_should(model: VideoLLM, sample: Sample) -> None:
    prompt = model.encode(sample, clip=tiny_clip())
    options = {
        f"option[{letter}]": f"({letter}) {option}".strip()
        for letter, option in zip(sample.letters, sample.options, strict=True)
    }
    assert said(model, prompt, "nonoption") == f"Question: {sample.question}"
    for span, text in options.items():
        assert said(model, prompt, span) == text
    assert np.array_equal(prompt.layout["true_option"], prompt.layout["option[B]"])
    false = [span for span in options if span != "option[B]"]
    assert np.array_equal(prompt.layout["false_options"], prompt.layout[" + ".join(false)])
    assert said(model, prompt, "question") == build_prompt(sample).text.removesuffix(
        "\nOnly give the best option."
    )
    question = prompt.layout["question"]
    assert np.array_equal(question, np.arange(question[0], question[-1] + 1))
    assert said(model, prompt, "tail").startswith("Only give the best option.")
    assert said(model, prompt, "last").endswith("(")


def test_rows_part_into_spans(model: VideoLLM) -> None:
    layout = tiny_prompt(model, separators="video").layout
    assert layout["last"].tolist() == [layout.length - 1]
    names = ("system", "video + between", "gap", "question", "tail", "last")
    assert np.concatenate([layout[name] for name in names]).tolist() == list(range(layout.length))
    assert layout["video"].tolist() == layout["frame[:] + separator"].tolist()
    shown = {row for row, token in enumerate(layout.tokens) if token == model.placeholder}
    assert set(layout["frame[:]"]) <= shown <= set(layout["video"])


def test_frames_have_their_times() -> None:
    assert tiny_prompt(tiny_model()).layout.frame_times == ((0.25,), (0.75,), (1.25,), (1.75,))
    groups = tiny_prompt(tiny_model("qwen2_5_vl"), n_frames=3).layout
    assert groups.n_frames == 2
    assert groups.frame_times == ((0.25, 0.75), (1.25,))


def test_separators_may_count_to_the_frame_they_follow() -> None:
    model = tiny_model("llava_onevision")
    apart, joined = tiny_prompt(model).layout, tiny_prompt(model, separators="frame").layout
    newline = apart["separator"].tolist()
    assert newline == [int(apart["video"][-1])]
    assert joined["frame[3]"].tolist() == [*apart["frame[3]"].tolist(), *newline]
    assert joined["cell[3,1,1]"].tolist() == apart["cell[3,1,1]"].tolist()
    assert joined["separator"].tolist() == newline
    with pytest.raises(PromptError, match="'video' or 'frame'"):
        tiny_prompt(model, separators="none")


def test_open_ended_questions_are_answered_after_the_stem(model: VideoLLM) -> None:
    prompt = model.encode(tiny_sample().open_ended(), clip=tiny_clip())
    assert prompt.text.endswith("The red circle moves")
    assert said(model, prompt, "question") == "Question: Which direction does the red circle move?"
    assert "true_option" not in prompt.layout
    assert prompt.answer_ids == {}


def test_a_free_question_is_put_as_it_is(model: VideoLLM) -> None:
    prompt = model.encode(tiny_clip(), "What happens first?")
    assert prompt.sample is None
    assert said(model, prompt, "question") == "What happens first?"
    assert prompt.text.endswith(model.turn.closing)
    choice = model.encode(tiny_clip(), "What moves?", options=["a ball", "a cat"])
    assert said(model, choice, "option[B]") == "(B) a cat"
    assert set(choice.answer_ids) == {"A", "B"}


def test_other_styles_are_at_hand(model: VideoLLM) -> None:
    prompt = tiny_prompt(model, style="letter")
    assert said(model, prompt, "option[B]") == "B. right"
    assert prompt.text.endswith(model.turn.closing)


def test_a_prompt_that_is_too_long_is_refused_with_both_numbers(model: VideoLLM) -> None:
    per_frame = tiny_prompt(model).layout["frame[0]"].size
    with pytest.raises(PromptError, match=r"has \d+ tokens, .* takes at most 512 .*fewer frames"):
        tiny_prompt(model, n_frames=2 * 512 // per_frame)


def test_the_text_around_a_question_can_be_given() -> None:
    model = tiny_model()
    turn = Turn(opening="USER: ", bridge="\n USER: ", closing=" ASSISTANT:", answer_gap="")
    prompt = tiny_prompt(model, turn=turn)
    assert prompt.text.startswith("USER: <video>\n USER: Question:")
    assert prompt.text.endswith(" ASSISTANT:Best option:(")
    # The space belongs to the bridge, and the token " Qu" to the question.
    assert said(model, prompt, "nonoption") == "Question: Which direction does the red circle move?"
    assert prompt.layout.tokens[prompt.layout["question"][0]].startswith(" ")
    bare = tiny_prompt(model, turn=Turn(opening="", bridge="", closing="", answer_gap=""))
    with pytest.raises(PromptError, match="between opening and bridge"):
        tiny_prompt(model, turn=Turn(opening="<video>", bridge="", closing="", answer_gap=""))
    # The tokenizer's <s> lies before the video, though no text does.
    assert bare.layout["system"].tolist() == [0]
    assert bare.layout["frame[0]"].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_prompts_are_the_same_every_time(family: FamilyName) -> None:
    model = tiny_model(family)
    first, second = tiny_prompt(model), tiny_prompt(model)
    assert first.inputs.keys() == second.inputs.keys()
    assert all(torch.equal(first.inputs[name], second.inputs[name]) for name in first.inputs)
    assert "attention_mask" not in first.inputs
    assert len(first) == first.layout.length
    assert "moving_direction/tiny_3_1" in repr(first)


def test_pixel_settings_can_be_changed_for_one_prompt() -> None:
    model = tiny_model("qwen2_5_vl")
    larger = dataclasses.replace(model.pixels, size={"shortest_edge": 56 * 56, "longest_edge": 60 * 60})
    changed, usual = tiny_prompt(model, pixels=larger), tiny_prompt(model)
    assert changed.layout.grid == (4, 5)
    assert usual.layout.grid == (2, 2)
    assert (changed.pixels, usual.pixels) == (larger, model.pixels), "a prompt keeps how it was made"


def test_both_backends_make_nearly_the_same_pixels(model: VideoLLM) -> None:
    ours, pil = tiny_prompt(model), tiny_prompt(model, backend="pil")
    name = pixel_input(ours)
    one, other = ours.inputs[name], pil.inputs[name]
    assert (one - other).abs().max() < 0.05


class Stamped(LlavaNextVideo):
    """A family that writes text inside the video, as VideoLLaMA3 does: a comma belongs to the frame after
    it, and its own marks stand around each frame."""

    default_separators = "frame"

    def template_video(self, placeholder: str) -> str:
        return f"{placeholder}\n"

    def video_inputs(self, *args: Any, **kwargs: Any) -> VideoInputs:
        made = super().video_inputs(*args, **kwargs)
        pieces = []
        for piece in made.pieces:
            comma = "," if piece.frame else ""
            pieces += [
                VideoPiece(f"{comma}Time {piece.frame}s:", piece.frame, words=True),
                VideoPiece("</s>", piece.frame, separator=True),
                piece,
            ]
        return made._replace(pieces=(*pieces, VideoPiece("\n", made.pieces[-1].frame, words=True)))


@pytest.fixture
def stamped(monkeypatch: pytest.MonkeyPatch) -> VideoLLM:
    monkeypatch.setitem(FAMILIES, "llava_next_video", Stamped())
    return load(tiny_folder(), device="cpu")


def test_text_between_frames_is_neither_video_nor_question(stamped: VideoLLM) -> None:
    prompt = tiny_prompt(stamped, separators="video")
    layout = prompt.layout
    between = said(stamped, prompt, "between").replace(" ", "")
    assert between == "Time0s:,Time1s:,Time2s:,Time3s:"
    assert said(stamped, prompt, "separator").replace(" ", "") == "</s>" * 4
    assert layout["video"].size == 4 * 4 + 4
    assert all(layout[f"frame[{t}]"].size == 4 for t in range(4))
    assert said(stamped, prompt, "system") == "<s> USER:"
    parts = disjoint_spans(layout)
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(len(prompt)))
    assert parts["between"].tolist() == layout["between"].tolist()
    for other in ("video", "question", "system", "gap", "tail", "nonoption"):
        assert not np.intersect1d(layout["between"], layout[other]).size, other
    # It is text, and stands in front of frames that it cannot see.
    assert set(layout["between"]) < set(layout["text"])
    edges = Flow.parse("video -> text").edges(layout).dense()
    video = np.isin(np.arange(len(prompt)), layout["video"])
    assert edges.sum() == sum(video[:row].sum() for row in layout["text"])
    assert prompt.text.count("<video>") == 1
    assert "Time" not in prompt.text


def test_text_and_separators_are_counted_to_the_frame_that_they_name(stamped: VideoLLM) -> None:
    prompt = tiny_prompt(stamped)
    layout = prompt.layout
    assert [said(stamped, prompt, f"frame[{t}]").replace(" ", "") for t in range(4)] == [
        "Time0s:</s><video><video><video><video>",
        ",Time1s:</s><video><video><video><video>",
        ",Time2s:</s><video><video><video><video>",
        ",Time3s:</s><video><video><video><video>\n".strip(),
    ]
    assert set(layout["between"]) < set(layout["video"])
    assert layout["text"][0] > layout["video"][-1]
    assert set(prompt.input_ids[0, layout["cell[1,:,:]"]].tolist()) == {stamped.video_token_id}
    assert "between" not in disjoint_spans(layout)
    places = row_places(layout)
    assert {places[row].span for row in layout["between"]} == {"between"}
    assert {places[row].frame for row in layout["between"]} == {None}
    assert (
        layout["cell[:,:,:]"].tolist() == tiny_prompt(stamped, separators="video").layout["frame[:]"].tolist()
    )


def test_what_a_template_writes_for_the_video_is_replaced_whole(stamped: VideoLLM) -> None:
    """The template ends the video's line itself, and so does this family: it is not written twice."""
    assert stamped.turn.bridge == ""
    assert tiny_model().turn.bridge == "\n"
