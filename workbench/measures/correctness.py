"""Whether a token is the right answer, and how to name it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.data import Sample
    from workbench.models import Prompt, VideoLLM


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """What one sample's first answer token may be."""

    answer: str
    """The true letter, or the true words; empty where the data set does not tell."""
    right: frozenset[int]
    """Token ids that count as the right answer; empty where it is not known."""
    letters: Mapping[int, str]
    """Token id -> option letter, for every spelling; empty for open-ended samples."""

    @property
    def knows(self) -> bool:
        """Whether there is a right answer to compare with."""
        return bool(self.right)

    def is_right(self, token_id: int) -> bool:
        """Whether this token opens the right answer."""
        return token_id in self.right

    def name(self, token_id: int, text: str) -> str:
        """The letter that a token stands for, or the token's own text without surrounding space."""
        return self.letters.get(token_id, text.strip())


UNKNOWN = "its true answer is not known, so nothing can be called correct"
"""Why a sample is skipped where correctness counts."""
NO_OPTIONS = "it has no options, so there are no letters to choose from"
"""Why a sample is skipped where letters are compared."""


def judge(model: VideoLLM, sample: Sample, prompt: Prompt) -> Judge:
    """Multiple choice: any spelling of the true letter. Open-ended: the answer's first non-empty sub-token.

    Map the Flow, appendix H ("the first tokenized subword of the complete answer").
    """
    if sample.options and prompt.answer_ids:
        letters = {token: letter for letter, tokens in prompt.answer_ids.items() for token in tokens}
        true = sample.true_letter
        right = frozenset() if true is None else frozenset(prompt.answer_ids[true])
        return Judge(answer=true or "", right=right, letters=letters)
    words = sample.open_answer or sample.true_option or ""
    return Judge(answer=words, right=first_tokens(model, words), letters={})


def first_tokens(model: VideoLLM, words: str) -> frozenset[int]:
    """The ids that can open `words`: as written, in lower case and capitalised, after a space or not."""
    found = set()
    for spelling in {words, words.lower(), words[:1].upper() + words[1:]} - {""}:
        for text in (spelling, " " + spelling):
            for token in model.tokenizer.encode(text, add_special_tokens=False):
                if model.token_text(token).strip():
                    found.add(int(token))
                    break
    return frozenset(found)
