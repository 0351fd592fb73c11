"""The text around a question, taken from a chat template."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.errors import PromptError
from workbench.prompts.turn import Turn

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_QUESTION = "[[the-question-goes-here]]"


def turn_of(template: str, tokenizer: PreTrainedTokenizerBase, placeholder: str) -> Turn:
    """Renders a chat template around one video and one question, and takes it apart.

    Raises PromptError where the template cannot be rendered, or loses the video or the question.
    """
    # Templates of Video-LLMs take parts; templates of language models take plain text.
    parts = [{"type": "video"}, {"type": "text", "text": _QUESTION}]
    problems: list[str] = []
    for content in (parts, f"{placeholder}\n{_QUESTION}"):
        try:
            rendered = _render(template, tokenizer, content)
        except Exception as error:  # a template is a program and may raise anything
            problems.append(str(error) or type(error).__name__)
            continue
        if rendered.count(placeholder) == 1 and rendered.count(_QUESTION) == 1:
            opening, rest = rendered.split(placeholder)
            if _QUESTION in rest:
                bridge, closing = rest.split(_QUESTION)
                gap = "" if closing[-1:].isspace() else " "
                return Turn(opening=opening, bridge=bridge, closing=closing, answer_gap=gap)
            problems.append("it puts the question before the video")
        else:
            problems.append(
                f"it writes the video {rendered.count(placeholder)} times and the question "
                f"{rendered.count(_QUESTION)} times"
            )
    raise PromptError(
        "The checkpoint's chat template cannot be used for one video and one question: "
        f"{'; '.join(problems)}. "
        "Say what stands around the question yourself: encode(..., turn=Turn(opening=.., bridge=.., "
        "closing=.., answer_gap=..))."
    )


def _render(template: str, tokenizer: PreTrainedTokenizerBase, content: Any) -> str:
    rendered = tokenizer.apply_chat_template(
        [{"role": "user", "content": content}],
        chat_template=template,
        tokenize=False,
        add_generation_prompt=True,
    )
    assert isinstance(rendered, str)
    return rendered
