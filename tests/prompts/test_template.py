"""The text around a question comes from the checkpoint's chat template."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tiny import tiny_clip, tiny_prompt
from workbench.errors import PromptError
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
