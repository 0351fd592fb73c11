"""A prompt's ids are those of the Hugging Face processor; every row lies in the span that its text says."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors
from transformers import LlavaNextVideoProcessor, LlavaOnevisionProcessor, Qwen2_5_VLProcessor

from tests.tiny import FAMILY_NAMES, FamilyName, tiny_clip, tiny_folder, tiny_model, tiny_prompt, tiny_sample
from workbench.data import Sample, build_prompt
from workbench.errors import ClipError, PromptError
from workbench.models import Prompt, Turn, VideoLLM, load
from workbench.models.tokens import control_tokens
from workbench.video import write_clip

ODD = Sample(
    id="odd/1",
    task="odd",
    video=Path("odd.mp4"),
    question="Is left\nleft of left? Options: (A) left 🙂é東",
    options=("left", "left left", "(A) left", " right 🙂"),
    answer=1,
)


@pytest.fixture(params=FAMILY_NAMES)
def model(request: pytest.FixtureRequest) -> VideoLLM:
    return tiny_model(request.param)


def said(model: VideoLLM, prompt: Prompt, span: str) -> str:
    """The text of a span's rows."""
    return str(model.tokenizer.decode(prompt.input_ids[0, prompt.layout[span]].tolist())).strip()


def replaced_by_hugging_face(model: VideoLLM, prompt: Prompt) -> str:
    """The prompt's text with the placeholder expanded by the family's processor.

    Its own class cannot be made without torchvision, but the method that expands needs only a few settings.
    """
    frames = {"pixel_values_videos": prompt.inputs["pixel_values_videos"].numpy()}
    if model.family.model_type == "llava_next_video":
        settings = SimpleNamespace(patch_size=7, video_token="<video>")
        video = LlavaNextVideoProcessor.replace_video_token(settings, frames, 0)  # type: ignore[arg-type]
    elif model.family.model_type == "llava_onevision":
        settings = SimpleNamespace(num_image_tokens=16, video_token="<video>")
        video = LlavaOnevisionProcessor.replace_video_token(settings, frames, 0)  # type: ignore[arg-type]
    else:
        settings = SimpleNamespace(video_processor=SimpleNamespace(merge_size=2), video_token="<|video_pad|>")
        grid = {"video_grid_thw": prompt.inputs["video_grid_thw"].numpy()}
        video = Qwen2_5_VLProcessor.replace_video_token(settings, grid, 0)  # type: ignore[arg-type]
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
    gap = " " if model.family.model_type == "llava_next_video" else ""
    assert tiny_prompt(model).text == f"{rendered}{gap}Best option:("


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
    layout = tiny_prompt(model).layout
    assert layout["last"].tolist() == [layout.length - 1]
    rows = [layout[name] for name in ("system", "video", "gap", "question", "tail", "last")]
    assert np.concatenate(rows).tolist() == list(range(layout.length))
    assert layout["video"].tolist() == layout["frame[:] + separator"].tolist()
    assert all(layout.tokens[row] == model.placeholder for row in layout["video"])


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


LITERALS = ("<video>", "<|video_pad|>", "<|im_end|>", "</s>", "<|im_start|>", "<tool_call>", "<unk>", "<s>")


@pytest.mark.parametrize("where", ["question", "option", "stem"])
def test_text_that_spells_a_special_token_stays_text(model: VideoLLM, where: str) -> None:
    text = "Is " + "it".join(LITERALS) + " there?"
    sample = tiny_sample()
    if where == "question":
        sample = dataclasses.replace(sample, question=text)
    elif where == "option":
        sample = dataclasses.replace(sample, options=("left", text, "up"))
    else:
        sample = dataclasses.replace(sample, stem=text).open_ended()
    prompt, plain = model.encode(sample, clip=tiny_clip()), tiny_prompt(model)
    layout = prompt.layout
    assert layout["video"].tolist() == plain.layout["video"].tolist()
    assert torch.equal(
        prompt.input_ids[0, : layout["video"][-1] + 1], plain.input_ids[0, : layout["video"][-1] + 1]
    )
    steering = {*control_tokens(model.tokenizer).values()}
    own = [row for row, token_id in enumerate(prompt.input_ids[0].tolist()) if token_id in steering]
    assert len(own) == sum(token_id in steering for token_id in plain.input_ids[0].tolist())
    span = {"question": "nonoption", "option": "option[B]", "stem": "text"}[where]
    assert text in said(model, prompt, span)
    assert torch.isfinite(model.logits(prompt)).all()


def test_a_tokenizer_that_knows_a_special_token_only_as_such_refuses_it(tmp_path: Path) -> None:
    """Words split at white space: "<video>" in a question would be the placeholder's own entry."""
    folder = tmp_path / "words"
    shutil.copytree(tiny_folder(), folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    split = Tokenizer(models.WordLevel(tokenizer.get_vocab(), unk_token="<unk>"))
    split.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    split.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for token in ("<unk>", "<video>")]
    )
    split.save(str(folder / "tokenizer.json"))
    model = load(folder, device="cpu")
    assert tiny_prompt(model).layout["frame[0]"].size == 4
    with pytest.raises(PromptError, match="contains <video>, which this tokenizer can only read"):
        model.encode(tiny_clip(), "Is there a <video> here?")


def test_whole_words_and_punctuation_marks_may_be_tokens(tmp_path: Path) -> None:
    """Word-level tokens, unknown words among them, after a template that writes <s> itself."""
    folder = tmp_path / "words"
    shutil.copytree(tiny_folder(), folder)
    special = ["<unk>", "<s>", "</s>", "<video>", "<image>"]
    text = "A chat USER ASSISTANT Question Options Only give the best option Best : ? ( ) . B C left right up"
    known = text.split()
    words = {word: number for number, word in enumerate([*special, *known])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer.save(str(folder / "tokenizer.json"))
    template = (folder / "chat_template.jinja").read_text()
    (folder / "chat_template.jinja").write_text("{{ bos_token }}A chat. " + template)
    settings = json.loads((folder / "config.json").read_text())
    settings |= {"video_token_index": 3, "image_token_index": 4}
    (folder / "config.json").write_text(json.dumps(settings))
    model = load(folder, device="cpu")
    prompt = tiny_prompt(model)
    assert prompt.input_ids[0].tolist().count(1) == 1
    assert prompt.layout.tokens[-4:] == ("Best", "option", ":", "(")
    assert [prompt.layout.tokens[row] for row in prompt.layout["option[B]"]] == ["(", "B", ")", "right"]
    unknown = ["<unk>"] * 3
    said = [prompt.layout.tokens[row] for row in prompt.layout["nonoption"]]
    assert said == ["Question", ":", *unknown, "the", *unknown, "?"]
    assert prompt.answer_ids == {"A": (words["A"],), "B": (words["B"],), "C": (words["C"],)}
    spelt = model.encode(tiny_clip(), "Only <video> or </s>?")
    assert spelt.input_ids[0].tolist().count(3) == 16
    assert 2 not in spelt.input_ids[0].tolist()
    row = spelt.layout["question"][0]
    assert spelt.layout.tokens[row] == "Only"


def test_a_tokenizer_that_appends_a_token_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "appends"
    shutil.copytree(tiny_folder(), folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 2)])
    tokenizer.save(str(folder / "tokenizer.json"))
    with pytest.raises(PromptError, match="puts '</s>' after the prompt"):
        tiny_prompt(load(folder, device="cpu"))


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


def test_answer_ids_are_every_spelling_of_a_letter(model: VideoLLM) -> None:
    prompt = tiny_prompt(model)
    assert set(prompt.answer_ids) == {"A", "B", "C"}
    for letter, ids in prompt.answer_ids.items():
        after_bracket = model.tokenizer(f"Best option:({letter}", add_special_tokens=False)["input_ids"]
        assert after_bracket[-1] in ids  # type: ignore[index]
        assert {model.token_text(token_id).strip() for token_id in ids} == {letter}
        assert len(ids) == len(set(ids))
    bytewise = model.tokenizer.convert_tokens_to_ids("<0x41>")
    if isinstance(bytewise, int) and model.token_text(bytewise) == "A":
        assert bytewise in prompt.answer_ids["A"]


def test_a_video_file_is_read(tmp_path: Path) -> None:
    frames = tiny_clip(16, height=48, width=64).frames
    path = write_clip(tmp_path / "clip.mp4", frames, fps=8)
    model = tiny_model()
    sample = dataclasses.replace(tiny_sample(), video=path)
    assert model.encode(sample).layout.n_frames == 8
    assert model.encode(sample, frames=4).layout.n_frames == 4
    assert model.encode(path, "What moves?", frames="uniform(3)").layout.n_frames == 3
    late = model.encode(dataclasses.replace(sample, start=1.0), frames=2)
    assert min(time for times in late.layout.frame_times for time in times) >= 1.0
    with pytest.raises(ClipError):
        model.encode(tiny_sample())


def test_another_clip_may_take_the_place_of_the_samples_video() -> None:
    model, clip = tiny_model(), tiny_clip()
    backwards = dataclasses.replace(clip, frames=clip.frames[::-1].copy())
    forwards, reverse = tiny_prompt(model), model.encode(tiny_sample(), clip=backwards)
    assert torch.equal(forwards.inputs["pixel_values_videos"].flip(1), reverse.inputs["pixel_values_videos"])
    assert torch.equal(forwards.input_ids, reverse.input_ids)


@pytest.mark.parametrize(
    ("arguments", "options", "says"),
    [
        ((tiny_sample(), "And this?"), {}, "brings its own question"),
        ((tiny_sample(),), {"options": ["a", "b"]}, "brings its own question"),
        ((tiny_sample(),), {"clip": tiny_clip(), "frames": 4}, "frames are already chosen"),
        ((tiny_clip(), "What?"), {"frames": 4}, "frames=4 would do nothing"),
        ((tiny_clip(), "What?"), {"clip": tiny_clip()}, "give the clip first"),
        ((tiny_clip(),), {}, "A clip needs a question"),
        ((3, "What?"), {}, "not from int"),
        ((tiny_sample(),), {"clip": tiny_clip(), "style": "mvbnch"}, "Did you mean 'mvbench'"),
        ((tiny_sample(),), {"clip": tiny_clip(), "style": "open"}, "leaves out"),
        ((tiny_sample(),), {"clip": 3}, "not from int"),
    ],
)
def test_requests_that_contradict_themselves_are_refused(arguments: tuple, options: dict, says: str) -> None:
    with pytest.raises(PromptError, match=says):
        tiny_model().encode(*arguments, **options)


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
    assert tiny_prompt(model, pixels=larger).layout.grid == (4, 5)
    assert tiny_prompt(model).layout.grid == (2, 2)


def test_both_backends_make_nearly_the_same_pixels(model: VideoLLM) -> None:
    ours, pil = tiny_prompt(model), tiny_prompt(model, backend="pil")
    one, other = ours.inputs["pixel_values_videos"], pil.inputs["pixel_values_videos"]
    assert (one - other).abs().max() < 0.05
