"""The tokenizer of a checkpoint folder."""

from __future__ import annotations

import math
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from workbench.errors import ModelError
from workbench.models.checkpoints.folder import CheckpointFolder, in_short, read_object
from workbench.prompts.tokens import control_tokens

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

_MOST_GROWTH = 1024
_VOCABULARIES = ("tokenizer.model", "spiece.model")
"""Files that may stand in for a tokenizer.json."""


def read_tokenizer(
    folder: CheckpointFolder, config: PretrainedConfig, *, trust_remote_code: bool
) -> PreTrainedTokenizerBase:
    """The tokenizer. Raises ModelError where it cannot be read or does not know where its tokens lie.

    `config` is the model's: transformers would otherwise read config.json again, its author's habits
    included.
    """
    from transformers import AutoTokenizer

    _check_packages(folder)
    try:
        _check_growth(folder)
        tokenizer = AutoTokenizer.from_pretrained(
            folder.path, config=config, trust_remote_code=trust_remote_code, local_files_only=True
        )
    except BaseException as error:  # broken files raise every kind, panics of tokenizers' Rust included
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise ModelError(
            f"The tokenizer in {folder.path} cannot be read ({in_short(error)}). Copy its files again."
        ) from error
    if not getattr(tokenizer, "is_fast", False):
        raise ModelError(
            f"The tokenizer in {folder.path} cannot say where its tokens lie in the text. Convert it to a "
            "tokenizer.json (AutoTokenizer.from_pretrained(..., use_fast=True).save_pretrained(FOLDER))."
        )
    return tokenizer


def _check_packages(folder: CheckpointFolder) -> None:
    """Raises ModelError where the vocabulary is in a form that packages read which are not installed:
    transformers would name another one, or none."""
    if any((folder.path / name).exists() for name in ("tokenizer.json", "vocab.json")):
        return
    for name in _VOCABULARIES:
        path = folder.path / name
        if not path.is_file():
            continue
        with path.open("rb") as file:
            # A sentencepiece model is a protobuf message, which its first piece begins; tiktoken's is text.
            needed = ("sentencepiece", "protobuf") if file.read(1) == b"\n" else ("tiktoken",)
        if lacking := [package for package in needed if not _installed(package)]:
            raise ModelError(
                f"{folder.path} has its tokenizer as {name} alone, which is read with "
                f"{' and '.join(needed)}: pip install {' '.join(lacking)}. Or put the tokenizer.json of the "
                "original checkpoint beside it, where there is one."
            )


def _installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


def _check_growth(folder: CheckpointFolder) -> None:
    """Raises ModelError where tokenizer.json would make a text grow without bound: a chain of replacements
    that each double it ends the process, which no `except` can stop."""
    path = folder.path / "tokenizer.json"
    if not path.exists():
        return
    said = read_object(path)
    for part in ("normalizer", "pre_tokenizer", "decoder"):
        growth = math.prod(_growth(step) for step in _steps(said.get(part)))
        if growth > _MOST_GROWTH:
            raise ModelError(
                f"{path}: its {part} makes a text up to {growth:,.0f} times as long; at most {_MOST_GROWTH} "
                "is allowed. Copy the file from the original checkpoint."
            )


def _steps(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        yield part
    if isinstance(part, dict | list):
        for inside in part.values() if isinstance(part, dict) else part:
            yield from _steps(inside)


def _growth(step: dict[str, Any]) -> float:
    """How many times as long a text can be after a step of a tokenizer, in characters."""
    if step.get("type") == "ByteLevel":
        return 4  # bytes of a character, each written as one
    content, pattern = step.get("content"), step.get("pattern")
    if step.get("type") != "Replace" or not isinstance(content, str):
        return 1
    literal = pattern.get("String") if isinstance(pattern, dict) else None
    return max(1, len(content) / len(literal) if isinstance(literal, str) and literal else len(content) + 1)


def check_tokenizer(
    folder: CheckpointFolder, tokenizer: PreTrainedTokenizerBase, video_token: int, rows: int
) -> None:
    """Raises ModelError where the tokenizer belongs to another model than the one whose video token has the
    id `video_token`, and whose embedding has so many rows."""
    token = tokenizer.convert_ids_to_tokens(video_token)
    if not isinstance(token, str) or token not in control_tokens(tokenizer):
        raise ModelError(
            f"The config in {folder.path} gives the video token the id {video_token}, which the "
            "tokenizer knows as "
            f"{token!r}, no special token. Copy the tokenizer's files from the original checkpoint."
        )
    if len(tokenizer) > rows:
        raise ModelError(
            f"The tokenizer in {folder.path} has {len(tokenizer)} tokens, and the model {rows}. "
            "Copy the tokenizer's files from the original checkpoint."
        )
