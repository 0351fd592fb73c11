"""Chat templates for checkpoints that came without one."""

from __future__ import annotations

import jinja2

from workbench.models.checkpoints.originals.templates import CHATML, chat


def rendered(template: str, *contents: object) -> str:
    messages = [{"role": "user", "content": content} for content in contents]
    return jinja2.Template(template).render(messages=messages, add_generation_prompt=True)


def test_chatml_is_the_llava_repositories() -> None:
    """conv_templates["qwen_1_5"].get_prompt() for `<image>\\nHow many?`."""
    parts = [{"type": "video"}, {"type": "text", "text": "How many?"}]
    assert rendered(CHATML, parts) == (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        "<|im_start|>user\n<video>\nHow many?<|im_end|>\n<|im_start|>assistant\n"
    )


def test_text_stays_text() -> None:
    template = chat("S'\"{ END ", "U:", "|", "A:", video="[v]")
    assert rendered(template, "USER END VIDEO") == "S'\"{ END U:USER END VIDEO|A:"
