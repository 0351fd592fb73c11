"""What a user writes is text, whatever it spells; and a letter has several spellings."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import torch
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors

from tests.tiny import FAMILY_NAMES, tiny_clip, tiny_folder, tiny_model, tiny_prompt, tiny_sample
from workbench.errors import PromptError
from workbench.models import Prompt, VideoLLM, load
from workbench.prompts.tokens import control_tokens, encode_text


@pytest.fixture(params=FAMILY_NAMES)
def model(request: pytest.FixtureRequest) -> VideoLLM:
    return tiny_model(request.param)


def said(model: VideoLLM, prompt: Prompt, span: str) -> str:
    """The text of a span's rows."""
    return str(model.tokenizer.decode(prompt.input_ids[0, prompt.layout[span]].tolist())).strip()


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
    template = (folder / "chat_template.jinja").read_text("utf-8")
    (folder / "chat_template.jinja").write_text("{{ bos_token }}A chat. " + template)
    settings = json.loads((folder / "config.json").read_text("utf-8"))
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


def test_a_text_by_itself_has_no_control_tokens(model: VideoLLM) -> None:
    ids = encode_text(model.tokenizer, " moves left")
    assert "".join(map(model.token_text, ids)).split() == ["moves", "left"]
    assert not set(ids) & set(control_tokens(model.tokenizer).values())
    with pytest.raises(PromptError, match="as a control token"):
        encode_text(model.tokenizer, f"moves {model.placeholder} left")


def test_what_a_tokenizer_raises_is_an_error_of_the_prompt(tmp_path: Path) -> None:
    """A pattern that tries every way to read "aaa.." is given up by tokenizers with a panic of Rust."""
    folder = Path(shutil.copytree(tiny_folder("llava_onevision"), tmp_path / "model"))
    said = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    split = {"type": "Split", "pattern": {"Regex": "(?=(a+)+b)"}, "behavior": "Isolated", "invert": False}
    said["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [split, said["pre_tokenizer"]]}
    (folder / "tokenizer.json").write_text(json.dumps(said))
    model = load(folder, device="cpu")
    with pytest.raises(PromptError, match=r"tokenizer cannot read this text \(PanicException"):
        model.encode(tiny_clip(), "a" * 4000)
