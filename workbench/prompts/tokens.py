"""Small facts about tokenizers: what a token says, how a letter may be spelt, and text kept as plain text."""

from __future__ import annotations

import json
import re
import string
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from workbench.errors import PromptError

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerBase

_SPACE_MARK = "▁"  # how SentencePiece writes a space
_LONGEST_SPELLING = 6  # characters of a vocabulary entry that may still say one letter: "<0x41>"


class Encoded(NamedTuple):
    """Token ids, and the characters that each token covers."""

    ids: tuple[int, ...]
    offsets: tuple[tuple[int, int], ...]


class Part(NamedTuple):
    """A stretch of a prompt's text, and what its rows belong to."""

    text: str
    literal: bool = False
    """Whether it came from outside, so that "<video>" in it is seven characters and no placeholder."""
    spans: tuple[str, ...] = ()
    frame: int | None = None
    """The temporal unit that it belongs to."""


def token_text(tokenizer: PreTrainedTokenizerBase, token_id: int) -> str:
    """What a token says, with its leading space where it has one."""
    token = tokenizer.convert_ids_to_tokens(int(token_id))
    if not isinstance(token, str):
        return f"<id {token_id}>"  # a row of the embedding that no token uses
    if _SPACE_MARK in token:
        return token.replace(_SPACE_MARK, " ")
    return tokenizer.convert_tokens_to_string([token])


def spellings(tokenizer: PreTrainedTokenizerBase) -> dict[str, tuple[int, ...]]:
    """Letter A..Z -> all token ids that say just this letter, with or without spaces around it."""
    found: dict[str, list[int]] = {letter: [] for letter in string.ascii_uppercase}
    for token, token_id in tokenizer.get_vocab().items():
        if len(token) > _LONGEST_SPELLING:
            continue
        said = token_text(tokenizer, token_id).strip()
        if said in found:
            found[said].append(token_id)
    return {letter: tuple(sorted(ids)) for letter, ids in found.items()}


def control_tokens(tokenizer: PreTrainedTokenizerBase) -> dict[str, int]:
    """Tokens that steer the model rather than say something: special ones, and others in <angles>."""
    return {
        token.content: token_id
        for token_id, token in tokenizer.added_tokens_decoder.items()
        if token.special or re.fullmatch(r"<.+>", token.content)
    }


def encode_parts(tokenizer: PreTrainedTokenizerBase, parts: Sequence[Part]) -> Encoded:
    """Tokenises the parts as one text, so that the ids are those of the whole prompt.

    Control tokens that a literal part spells out stay plain text. Offsets count in the joined text.
    Raises PromptError where the tokenizer cannot write them as plain text.
    """
    text = "".join(part.text for part in parts)
    bos = tokenizer.bos_token
    special = not (isinstance(bos, str) and text.startswith(bos))  # as transformers' processors decide
    control = control_tokens(tokenizer)
    # transformers' wrapper, since some tokenizers do more in it than in tokenizer.json.
    with _readable():
        plain: Any = tokenizer(text, return_offsets_mapping=True, add_special_tokens=special)
    encoded = Encoded(
        tuple(plain["input_ids"]), tuple((start, end) for start, end in plain["offset_mapping"])
    )
    # A word that the tokenizer does not know is none of these, though it becomes the same token as "<unk>".
    names = {token_id: token for token, token_id in control.items() if token != tokenizer.unk_token}
    spelt = {token for token in control if any(token in part.text for part in parts if part.literal)}
    spelt |= {names[token_id] for token_id in _in_literal_parts(encoded, parts) if token_id in names}
    if not spelt:
        return encoded
    with _readable():
        encoded = _encode_renamed(tokenizer, parts, sorted(spelt), special)
    left = {names[token_id] for token_id in _in_literal_parts(encoded, parts) if token_id in names}
    if left:
        raise PromptError(
            f"The text of the question, its options or its stem contains {', '.join(sorted(left))}, which "
            "this tokenizer can only read as a control token. Take it out of the text."
        )
    return encoded


def encode_text(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[int, ...]:
    """The tokens of a text by itself, without those that open or end a prompt.

    Raises PromptError where it spells a control token.
    """
    with _readable():
        ids = tuple(tokenizer(text, add_special_tokens=False)["input_ids"])
    names = {token_id: token for token, token_id in control_tokens(tokenizer).items()}
    if spelt := {names[token] for token in ids if token in names and token != tokenizer.unk_token_id}:
        raise PromptError(
            f"The text contains {', '.join(sorted(spelt))}, which this tokenizer reads as a control token. "
            "Take it out of the text, or give token ids."
        )
    return ids


@contextmanager
def _readable() -> Iterator[None]:
    """A tokenizer is a program of the checkpoint's author: what it raises becomes a PromptError."""
    try:
        yield
    except BaseException as error:  # panics of tokenizers' Rust are no Exception
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise PromptError(
            f"The checkpoint's tokenizer cannot read this text ({type(error).__name__}: {error!s:.200}). "
            "Copy the tokenizer's files again from the original checkpoint."
        ) from error


def _in_literal_parts(encoded: Encoded, parts: Sequence[Part]) -> set[int]:
    """Ids of the tokens that cover a character of a literal part."""
    literal = [flag for part in parts for flag in [part.literal] * len(part.text)]
    return {
        token_id
        for token_id, (start, end) in zip(encoded.ids, encoded.offsets, strict=True)
        if any(literal[start:end])
    }


def _encode_renamed(
    tokenizer: PreTrainedTokenizerBase, parts: Sequence[Part], spelt: Iterable[str], special: bool
) -> Encoded:
    """Renames the tokens that literal parts spell, in a copy of the tokenizer and in the prompt's own words.

    What the literal parts say is then no token of the copy, and everything else is tokenised as ever.
    """
    nonce = uuid4().hex
    new_names = {token: f"<|{number}-{nonce}|>" for number, token in enumerate(spelt)}
    copy, to_original = _renamed(tokenizer, new_names)
    added = [token.content for token in tokenizer.added_tokens_decoder.values()]
    longest_first = sorted(added, key=len, reverse=True)
    any_token = re.compile("|".join(map(re.escape, longest_first)))
    written: list[str] = []
    # Where each character of the written text lies in the original one.
    origin: list[int] = []
    position = 0
    for part in parts:
        done = 0
        for match in [] if part.literal else list(any_token.finditer(part.text)):
            name = new_names.get(match[0])
            if name is None:
                continue
            written += [part.text[done : match.start()], name]
            origin += range(position + done, position + match.start())
            origin += [position + match.start()] * len(name)
            done = match.end()
        written.append(part.text[done:])
        origin += range(position + done, position + len(part.text))
        position += len(part.text)
    origin.append(position)
    encoded = copy.encode("".join(written), add_special_tokens=special)
    return Encoded(
        tuple(to_original.get(token_id, token_id) for token_id in encoded.ids),
        tuple(
            (origin[start], origin[end - 1] + 1 if end > start else origin[end])
            for start, end in encoded.offsets
        ),
    )


def _renamed(
    tokenizer: PreTrainedTokenizerBase, new_names: dict[str, str]
) -> tuple[Tokenizer, dict[int, int]]:
    """A copy of the tokenizer with added tokens renamed, and its ids of added tokens -> the original ids."""
    from tokenizers import Tokenizer

    backend: Any = tokenizer.backend_tokenizer  # type: ignore[attr-defined]
    described: dict[str, Any] = json.loads(backend.to_str())
    original: dict[str, int] = {}
    for token in described["added_tokens"]:
        name = str(new_names.get(token["content"], token["content"]))
        original[name] = token["id"]
        token["content"] = name
    described["truncation"] = described["padding"] = None
    copy = Tokenizer.from_str(json.dumps(described))
    ids = {copy.token_to_id(name): token_id for name, token_id in original.items()}
    return copy, {now: before for now, before in ids.items() if now is not None}
