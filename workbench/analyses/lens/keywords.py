"""Keyword lists: which words count as spatial or temporal, and which tokens of a vocabulary say them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import pandas as pd

from workbench.errors import RunError, near_matches
from workbench.files import write_whole
from workbench.measures.correctness import first_tokens
from workbench.mini.world import COLOURS, OPPOSITE, PALINDROMES, PLACES, SHAPES
from workbench.spelling import nfc

if TYPE_CHECKING:
    from workbench.data import Sample
    from workbench.models import VideoLLM

Matched = Literal["whole word", "first sub-token"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeywordList:
    """Words that are counted together."""

    name: str
    words: tuple[str, ...]
    """In lower case, each once."""

    def __post_init__(self) -> None:
        """Raises RunError for a list without a name or words."""
        words = tuple(dict.fromkeys(" ".join(nfc(str(word)).lower().split()) for word in self.words))
        if not self.name.strip() or not words or "" in words:
            raise RunError(
                f"A keyword list {self.name!r} of {len(self.words)} words is not usable: give it a name and "
                "at least one word, none of them empty."
            )
        object.__setattr__(self, "words", words)


MTF_SPATIAL = KeywordList(
    name="spatial",
    words=(
        *("bag", "bed", "blank", "book", "box", "cabinet", "camera", "clothes", "cup", "door", "floor"),
        *("food", "glass", "laptop", "paper", "person", "phone", "sandwich", "table"),
    ),
)
"""Map the Flow, Table D, as printed."""

MTF_TEMPORAL = KeywordList(
    name="temporal",
    words=(
        *("close", "down", "drink", "eat", "hold", "on", "open", "put", "sit", "take", "throw", "tidy"),
        "up",
    ),
)
"""Map the Flow, Table D, as printed: 13 separate words, particles of its verbs among them."""

MINI_SPATIAL = KeywordList(name="spatial (mini)", words=(*COLOURS, *SHAPES, *PLACES))
"""What one frame of the embedded world shows: colours, shapes, places."""

MINI_TEMPORAL = KeywordList(
    name="temporal (mini)",
    words=tuple(dict.fromkeys([*(action.split()[0] for action in OPPOSITE), *PALINDROMES, "changes"])),
)
"""What only several frames of the embedded world show: its actions."""

MINI_ORDER = KeywordList(
    name="order (mini)",
    words=("begin", "begins", "beginning", "end", "first", "last", "before", "after"),
)
"""Words of the embedded world's questions that name a moment. They are about time and no action."""

BUILT_IN: dict[str, tuple[KeywordList, ...]] = {
    "mtf": (MTF_SPATIAL, MTF_TEMPORAL),
    "mini": (MINI_SPATIAL, MINI_TEMPORAL, MINI_ORDER),
}
"""Sets of lists by name."""

STOP_WORDS = frozenset(
    (
        *("a", "an", "the", "of", "in", "on", "at", "to", "from", "into", "with", "by", "for", "and", "or"),
        *("is", "are", "was", "were", "be", "been", "being", "it", "its", "this", "that", "these", "those"),
        *("there", "he", "she", "they", "them", "his", "her", "their", "what", "which", "who", "how"),
        *("where", "when", "why", "does", "do", "did", "done", "has", "have", "had", "not", "no", "yes"),
        *("than", "then", "as", "if", "video"),
    )
)
"""Left out of lists that are made from questions."""


class KeywordMatch(NamedTuple):
    """The tokens of one vocabulary that say one keyword."""

    keyword_list: str
    keyword: str
    matched: Matched
    """ "whole word" where the vocabulary has it as one token, else "first sub-token"."""
    token_ids: tuple[int, ...]
    tokens: tuple[str, ...]
    """What these tokens say: every spelling, with its leading space where it has one."""
    shared_with: tuple[str, ...]
    """Keywords that share one of the tokens; a hit counts for each of them."""


def match_keywords(
    model: VideoLLM, lists: KeywordList | str | Iterable[KeywordList | str]
) -> list[KeywordMatch]:
    """Which tokens count as which keyword (Map the Flow, section 4.2 and Table D).

    A keyword that some token says as a whole is matched by all such tokens: with or without a leading space,
    in any case. Otherwise its first sub-token counts, again in these spellings; a phrase ("pick up") always
    goes by its first. Words that are no list form one called "words". Raises RunError where no token can
    open a keyword.
    """
    lists = as_lists(lists)
    index = _whole_words(model, {word for entry in lists for word in entry.words})
    found: list[KeywordMatch] = []
    for entry in lists:
        for word in entry.words:
            ids = index.get(word, [])
            matched: Matched = "whole word" if ids else "first sub-token"
            if not ids:
                unknown: object = model.tokenizer.unk_token_id
                ids = sorted(id for id in first_tokens(model, word) if id != unknown)
            if not ids:
                raise RunError(
                    f"The keyword {word!r} of the list {entry.name!r} cannot be written with the vocabulary "
                    f"of {model.name}. Leave it out, or use lists made for this model (keywords='mini' for "
                    "the embedded one)."
                )
            tokens = tuple(dict.fromkeys(model.token_text(id) for id in ids))
            found.append(KeywordMatch(entry.name, word, matched, tuple(ids), tokens, ()))
    users: dict[int, list[str]] = {}
    for match in found:
        for id in match.token_ids:
            users.setdefault(id, []).append(match.keyword)
    return [
        match._replace(
            shared_with=tuple(
                dict.fromkeys(w for id in match.token_ids for w in users[id] if w != match.keyword)
            )
        )
        for match in found
    ]


def _whole_words(model: VideoLLM, words: set[str]) -> dict[str, list[int]]:
    """Word -> the ids of all tokens that say just this word, in any case, spaces around it left out."""
    longest = 4 * max(map(len, words), default=0) + 8  # byte-level vocabularies write a letter as up to 4
    found: dict[str, list[int]] = {}
    special = set(model.tokenizer.all_special_ids)
    for token, token_id in model.tokenizer.get_vocab().items():
        if len(token) > longest or token_id in special:
            continue
        said = nfc(model.token_text(token_id)).strip().lower()
        if said in words:
            found.setdefault(said, []).append(token_id)
    return {word: sorted(ids) for word, ids in found.items()}


def as_lists(lists: KeywordList | str | Iterable[KeywordList | str]) -> tuple[KeywordList, ...]:
    """Keyword lists from lists, loose words, or a mixture. Raises RunError where two lists share a name."""
    entries = [lists] if isinstance(lists, KeywordList | str) else list(lists)
    made = [entry for entry in entries if isinstance(entry, KeywordList)]
    loose = [entry for entry in entries if not isinstance(entry, KeywordList)]
    if loose:
        made.append(KeywordList(name="words", words=tuple(loose)))
    names = [entry.name for entry in made]
    if len(set(names)) < len(names):
        raise RunError(f"Keyword lists need different names; these are called {', '.join(names)}.")
    return tuple(made)


def keyword_lists(name: str, samples: Sequence[Sample] | None = None) -> tuple[KeywordList, ...]:
    """Lists by name: "mtf" (Table D), "mini" (the embedded world), "options" or "questions" (made from
    `samples`, see `keywords_from`), or the path of a json file {"list": ["word", ..], ..}.

    Raises RunError for another name, or a file that cannot be read.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    if name in ("options", "questions"):
        if samples is None:
            raise RunError(f"keywords={name!r} are made from samples, and none were given.")
        return keywords_from(samples, name)  # type: ignore[arg-type]
    if name.endswith(".json"):
        return read_keywords(name)
    known = [*BUILT_IN, "options", "questions"]
    raise RunError(
        f"There are no keyword lists {name!r}.{near_matches(name, known)} Choose {', '.join(known)}, or a "
        'json file: {"spatial": ["cup", "door"], "temporal": ["open"]}.'
    )


def keywords_from(
    samples: Sequence[Sample],
    part: Literal["options", "questions"] = "options",
    *,
    min_samples: int = 3,
    most: int = 40,
) -> tuple[KeywordList, ...]:
    """One list a task: the words of its options (or its questions), the commonest first.

    A word counts once a sample and stays if at least `min_samples` have it; function words are left out. What
    is spatial or temporal among them is for a person to say: `write_keywords` writes a file to be edited.
    Raises RunError where no word is left.
    """
    counts: dict[str, Counter[str]] = {}
    for sample in samples:
        texts = sample.options if part == "options" else (sample.question,)
        words = {
            word for text in texts for word in re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?", nfc(text).lower())
        }
        counts.setdefault(sample.task, Counter()).update(words - STOP_WORDS)
    lists = []
    for task, counted in counts.items():
        ranked = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
        kept = [word for word, count in ranked if count >= min_samples][:most]
        if kept:
            lists.append(KeywordList(name=f"{part} of {task}", words=tuple(kept)))
    if not lists:
        raise RunError(
            f"No word occurs in the {part} of {min_samples} samples or more. Use more samples, or a smaller "
            "min_samples."
        )
    return tuple(lists)


def read_keywords(path: Path | str) -> tuple[KeywordList, ...]:
    """Lists from a json file {"list": ["word", ..], ..}. Raises RunError where it is no such file."""
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read as json ({error}).") from error
    usable = isinstance(found, dict) and all(
        isinstance(words, list) and all(isinstance(word, str) for word in words) for words in found.values()
    )
    if not usable or not found:
        raise RunError(
            f'{path} must hold lists of words by name: {{"spatial": ["cup"], "temporal": ["open"]}}.'
        )
    return tuple(KeywordList(name=name, words=tuple(words)) for name, words in found.items())


def write_keywords(lists: Iterable[KeywordList], path: Path | str) -> Path:
    """Write lists as a json file that `read_keywords` reads."""
    content = {entry.name: list(entry.words) for entry in lists}
    return write_whole(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def tokens_table(matches: Iterable[KeywordMatch]) -> pd.DataFrame:
    """What counts as which keyword: keyword_list, keyword, matched, tokens, token_ids, shared_with."""
    return pd.DataFrame(
        [
            {
                "keyword_list": match.keyword_list,
                "keyword": match.keyword,
                "matched": match.matched,
                "tokens": " | ".join(match.tokens),
                "token_ids": " ".join(map(str, match.token_ids)),
                "shared_with": ", ".join(match.shared_with),
            }
            for match in matches
        ]
    )
