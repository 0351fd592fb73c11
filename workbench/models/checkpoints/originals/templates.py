"""Chat templates of checkpoints that came without one: what stands around the video and the question."""

from __future__ import annotations

_PARTS = """\
{% if message.content is string %}{{ message.content }}{% else %}\
{% for part in message.content %}{% if part.type == 'video' %}VIDEO{% else %}{{ part.text }}{% endif %}\
{% endfor %}{% endif %}"""


def chat(system: str, user: str, end: str, assistant: str, *, video: str) -> str:
    """A template: `system`, every user's message between `user` and `end`, every answer behind `assistant`.

    `video` is what a video is written as.
    """
    written = {"system": system, "user": user, "end": end, "assistant": assistant, "VIDEO": video}
    quoted = {name: "{{ " + repr(text) + " }}" for name, text in written.items()}
    parts = _PARTS.replace("VIDEO", quoted["VIDEO"])
    return (
        f"{quoted['system']}{{% for message in messages %}}{{% if message.role == 'user' %}}{quoted['user']}"
        f"{parts}{quoted['end']}{{% else %}}{quoted['assistant']}{parts}{quoted['end']}{{% endif %}}{{% endfor %}}"
        f"{{% if add_generation_prompt %}}{quoted['assistant']}{{% endif %}}"
    )


CHATML = chat(
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n",
    "<|im_start|>user\n",
    "<|im_end|>\n",
    "<|im_start|>assistant\n",
    video="<video>\n",
)
"""conv_templates["qwen_1_5"] of the LLaVA-NeXT and LongVA repositories."""
