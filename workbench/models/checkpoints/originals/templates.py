"""Chat templates of checkpoints that came without one: what stands around the video and the question."""

from __future__ import annotations

import re

_TEMPLATE = """\
SYSTEM{% for message in messages %}{% if message.role == 'user' %}USER{% else %}ASSISTANT{% endif %}\
{% if message.content is string %}{{ message.content }}{% else %}{% for part in message.content %}\
{% if part.type == 'video' %}VIDEO{% else %}{{ part.text }}{% endif %}{% endfor %}{% endif %}END\
{% endfor %}{% if add_generation_prompt %}ASSISTANT{% endif %}"""


def chat(system: str, user: str, end: str, assistant: str, *, video: str) -> str:
    """A template: `system`, every user's message between `user` and `end`, every answer behind `assistant`.

    `video` is what a video is written as.
    """
    said = {"SYSTEM": system, "USER": user, "END": end, "ASSISTANT": assistant, "VIDEO": video}
    return re.sub("|".join(said), lambda name: "{{ " + repr(said[name[0]]) + " }}", _TEMPLATE)


CHATML = chat(
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n",
    "<|im_start|>user\n",
    "<|im_end|>\n",
    "<|im_start|>assistant\n",
    video="<video>\n",
)
"""conv_templates["qwen_1_5"] of the LLaVA-NeXT and LongVA repositories."""
