"""The text around a question, taken from a chat template."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from workbench.errors import PromptError
from workbench.prompts import sandbox
from workbench.prompts.turn import Turn

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_QUESTION = "[[the-question-goes-here]]"
_WAIT = 60  # seconds by the clock, for a machine that is busy with something else


def turn_of(template: str, tokenizer: PreTrainedTokenizerBase, video: str) -> Turn:
    """Renders a chat template around one video and one question, and takes it apart.

    `video` is what the template writes where the video goes: a placeholder, perhaps with marks around it. It
    is rendered in a process of its own, with bounds on time, memory and length. Raises PromptError where
    the template cannot be rendered within them, or loses the video or the question.
    """
    # Templates of Video-LLMs take parts; templates of language models take plain text.
    parts = [{"type": "video"}, {"type": "text", "text": _QUESTION}]
    problems: list[str] = []
    for answer in rendered(template, (parts, f"{video}\n{_QUESTION}"), tokenizer.special_tokens_map):
        text = answer.get("text")
        if text is None:
            problems.append(answer["problem"])
        elif text.count(video) == 1 and text.count(_QUESTION) == 1:
            opening, rest = text.split(video)
            if _QUESTION in rest:
                bridge, closing = rest.split(_QUESTION)
                gap = "" if closing[-1:].isspace() else " "
                return Turn(opening=opening, bridge=bridge, closing=closing, answer_gap=gap)
            problems.append("it puts the question before the video")
        else:
            problems.append(
                f"it writes the video {text.count(video)} times and the question "
                f"{text.count(_QUESTION)} times"
            )
    raise PromptError(
        "The checkpoint's chat template cannot be used for one video and one question: "
        f"{'; '.join(problems)}. Templates of this family write the video as {video}. "
        "Say what stands around the question yourself: encode(..., turn=Turn(opening=.., bridge=.., "
        "closing=.., answer_gap=..))."
    )


def rendered(template: str, contents: Sequence[Any], tokens: Mapping[str, Any]) -> list[dict[str, str]]:
    """What a template writes for one user's message with each of these contents: {"text": ..}, or
    {"problem": ..} where it raises. `tokens` are the special tokens by name, which templates may write."""
    named = {name: token if isinstance(token, list) else str(token) for name, token in tokens.items()}
    asked = [
        {
            **named,
            "messages": [{"role": "user", "content": content}],
            "tools": None,
            "documents": None,
            "add_generation_prompt": True,
        }
        for content in contents
    ]
    return _answers(json.dumps({"template": template, "variables": asked}, default=str))


@lru_cache(maxsize=64)
def _answers(request: str) -> list[dict[str, str]]:
    bounds = f"{sandbox.SECONDS} s or {sandbox.MEMORY / 2**30:.0f} GiB"
    try:
        child = subprocess.run(
            [sys.executable, "-P", sandbox.__file__],
            input=request.encode("ascii"),
            capture_output=True,
            timeout=_WAIT,
            check=False,
            # Whatever this process can import, the other can.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
    except subprocess.TimeoutExpired:
        return [{"problem": f"it does not end within {_WAIT} s"}]
    if child.returncode:
        last = child.stderr.decode(errors="replace").strip().splitlines()[-1:]
        return [{"problem": f"it does not end within {bounds}{f' ({last[0][:200]})' if last else ''}"}]
    return json.loads(child.stdout)
