"""The text around a question comes from the checkpoint's chat template."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.tiny import tiny_clip, tiny_prompt
from workbench.errors import ModelError, PromptError
from workbench.models import load

TEMPLATES = {
    "parts": (None, "USER: ", "\n", " ASSISTANT:", " "),
    "plain text": (
        "{% for m in messages %}[{{ m['role'] }}] {{ m['content'] + '' }} [end]\n{% endfor %}",
        "[user] ",
        "\n",
        " [end]\n",
        "",
    ),
}


@pytest.mark.parametrize("kind", TEMPLATES)
@pytest.mark.parametrize("file", ["chat_template.jinja", "chat_template.json", "processor_config.json"])
def test_chat_templates_are_taken_apart(folder: Path, kind: str, file: str) -> None:
    template, *expected = TEMPLATES[kind]
    text = template or (folder / "chat_template.jinja").read_text("utf-8")
    (folder / "chat_template.jinja").unlink()
    (folder / file).write_text(text if file.endswith("jinja") else json.dumps({"chat_template": text}))
    assert [*load(folder).turn] == expected


OTHER = "{{ 'OTHER ' }}" + TEMPLATES["plain text"][0]
DEFAULT = TEMPLATES["plain text"][0]
AS_LIST = [{"name": "other", "template": OTHER}, {"name": "default", "template": DEFAULT}]
AS_OBJECT = {"other": OTHER, "default": DEFAULT}


def only(folder: Path, file: str, templates: Any) -> Path:
    """The folder with these templates in this file, and no other."""
    (folder / "chat_template.jinja").unlink()
    path = folder / file
    said = json.loads(path.read_text("utf-8")) if path.exists() else {}
    path.write_text(json.dumps({**said, "chat_template": templates}))
    return folder


@pytest.mark.parametrize("templates", [AS_LIST, AS_OBJECT], ids=["list", "object"])
@pytest.mark.parametrize("file", ["tokenizer_config.json", "chat_template.json", "processor_config.json"])
def test_of_several_templates_the_one_called_default_is_used(folder: Path, file: str, templates: Any) -> None:
    if (file, templates) == ("tokenizer_config.json", AS_OBJECT):
        pytest.skip("transformers writes a list there")
    assert load(only(folder, file, templates)).turn.opening == "[user] "


@pytest.mark.parametrize("file", ["tokenizer_config.json", "chat_template.json", "processor_config.json"])
def test_several_templates_without_a_default_are_refused(folder: Path, file: str) -> None:
    templates = [{"name": name, "template": DEFAULT} for name in ("rag", "tool_use")]
    with pytest.raises(ModelError, match=r"2 chat templates \(rag, tool_use\), and none is called 'default'"):
        load(only(folder, file, templates))


def test_templates_in_a_folder_stand_beside_the_default(folder: Path) -> None:
    further = folder / "additional_chat_templates"
    further.mkdir()
    for name in ("rag", "tool_use"):
        (further / f"{name}.jinja").write_text(OTHER)
    assert load(folder).turn.opening == "USER: "
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(ModelError, match="2 chat templates"):
        load(folder)
    (further / "default.jinja").write_text(DEFAULT)
    assert load(folder).turn.opening == "[user] "


@pytest.mark.parametrize("file", ["tokenizer_config.json", "chat_template.json", "processor_config.json"])
@pytest.mark.parametrize("wrong", [3, [DEFAULT], {"default": 3}, [{"name": "default"}], {}, []], ids=str)
def test_what_is_no_template_is_refused_and_never_replaced(folder: Path, file: str, wrong: Any) -> None:
    if file == "tokenizer_config.json" and not isinstance(wrong, int):
        says = "tokenizer|chat_template"
    else:
        says = "chat_template"
    with pytest.raises(ModelError, match=says):
        load(only(folder, file, wrong))


def test_a_template_of_another_encoding_or_size_is_refused(folder: Path) -> None:
    (folder / "chat_template.jinja").write_bytes(b"\xff\xfe{{ 1 }}")
    with pytest.raises(ModelError, match=r"chat_template\.jinja"):
        load(folder)
    (folder / "chat_template.jinja").write_text("x" * 2**21)
    with pytest.raises(ModelError, match="2,097,152 bytes; at most 1,048,576"):
        load(folder)


def test_a_template_without_end_is_refused_in_bounded_time(folder: Path) -> None:
    loop = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    (folder / "chat_template.jinja").write_text(loop)
    model = load(folder)
    with pytest.raises(PromptError, match="does not end within 5 s"):
        model.encode(tiny_clip(), "What moves?")


def test_without_a_template_the_familys_own_is_used(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    model = load(folder)
    assert model.template is None
    assert tiny_prompt(model).text.startswith("USER: <video>\nQuestion:")
    assert tiny_prompt(model).text.endswith(" ASSISTANT: Best option:(")


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("Hello", "writes the video 0 times and the question 0 times"),
        ("{{ messages[0]['content'] | join(' ') }}<video>", "encode\\(..., turn="),
        ("{{ messages[0]['content'][1]['text'] }} <video>", "puts the question before the video"),
        ("{{ raise_exception('No videos') }}", "No videos"),
        ("{% for", "cannot be used"),
    ],
)
def test_a_template_that_loses_the_video_or_the_question_is_refused(
    folder: Path, template: str, says: str
) -> None:
    (folder / "chat_template.jinja").write_text(template)
    model = load(folder)
    with pytest.raises(PromptError, match=says):
        model.encode(tiny_clip(), "What moves?")
