"""Templates are rendered as transformers renders them, and within bounds, whatever they try."""

from __future__ import annotations

import time
from typing import Any

import jinja2
import pytest

from tests.tiny import FAMILY_NAMES, FamilyName, tiny_folder, tiny_model
from workbench.prompts.sandbox import LONGEST, render
from workbench.prompts.template import rendered

PARTS = [{"type": "video"}, {"type": "text", "text": "What moves?"}]
TEMPLATES = (
    "{{ bos_token }}{% for m in messages %}\n  {%- if m.role == 'user' %}\n    {{ m.content }}\n{% endif %}\n"
    "{% endfor %}{% if add_generation_prompt %}>{% endif %}",
    "{% for m in messages %}{% if loop.first %}{% continue %}{% endif %}x{% endfor %}"
    "[{{ tools }}{{ documents }}]",
    "{{ messages | tojson }} {{ messages | tojson(indent=2) }} {{ '<ä>' | tojson }}",
    "{% set ns = namespace(n=0, self=1) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}"
    "{% endfor %}{{ ns.n }}",
    "{% generation %}{{ messages[0].content | length }}{% endgeneration %}",
    "{{ dict(a=1) }}{{ dict.fromkeys('ab') }}",
    "{% macro part(p) %}{{ p['type'] | upper | trim }}{% endmacro %}{{ part({'type': ' video '}) }}",
    "{{ strftime_now('%Y') }}",
    "{{ undefined_name }}{{ (1, 2) | join(',') }}",
)


def asked(content: Any) -> dict[str, Any]:
    return {
        "bos_token": "<s>",
        "messages": [{"role": "user", "content": content}],
        "tools": None,
        "documents": None,
        "add_generation_prompt": True,
    }


def by_transformers(template: str, content: Any, family: FamilyName = "llava_next_video") -> str:
    messages = [{"role": "user", "content": content}]
    text = tiny_model(family).tokenizer.apply_chat_template(
        messages, chat_template=template, tokenize=False, add_generation_prompt=True
    )
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("content", [PARTS, "<video>\nWhat moves?"], ids=["parts", "text"])
def test_text_is_what_transformers_renders(template: str, content: Any) -> None:
    assert render(template, asked(content)) == by_transformers(template, content)


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_so_it_is_for_checkpoints_own_templates_in_another_process(family: FamilyName) -> None:
    template = (tiny_folder(family) / "chat_template.jinja").read_text("utf-8")
    tokens = tiny_model(family).tokenizer.special_tokens_map
    assert rendered(template, [PARTS], tokens) == [{"text": by_transformers(template, PARTS, family)}]


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ messages.append(1) }}",
        "{{ messages[0].update({}) }}",
        "{% set ns = namespace(__class__=1) %}",
        "{% set ns = namespace() %}{% set ns._a = 1 %}",
        "{% include '/etc/passwd' %}",
        "{% import '/etc/passwd' as secret %}",
        "{{ raise_exception('no') }}",
        "{{ range(10 ** 9) | list }}",
        "{% for",
        "x" * (LONGEST + 1),
    ],
    ids=lambda template: template[:40],
)
def test_what_a_template_may_not_do_raises(template: str) -> None:
    with pytest.raises((jinja2.TemplateError, OverflowError, TypeError)):
        render(template, asked(PARTS))


ENDLESS = {
    "a loop of 10^10": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "a text that doubles": "{% set ns = namespace(s='ab') %}{% for i in range(60) %}"
    "{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s }}",
    "a text of 10^11": "{{ 'a' * 10**11 }}",
    "a number of 10^9 digits": "{{ 10 ** (10 ** 9) }}",
    "a macro of itself": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "nesting": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "a text without end": "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}",
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_a_template_without_end_is_ended(kind: str) -> None:
    started = time.monotonic()
    (problem,) = {answer["problem"] for answer in rendered(ENDLESS[kind], [PARTS, "text"], {})}
    assert problem
    assert time.monotonic() - started < 60
