"""The tokenizer of a checkpoint folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.errors import ModelError
from workbench.models.checkpoints.folder import CheckpointFolder, in_short
from workbench.prompts.tokens import control_tokens

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerBase


def read_tokenizer(
    folder: CheckpointFolder, config: PretrainedConfig, *, trust_remote_code: bool
) -> PreTrainedTokenizerBase:
    """The tokenizer. Raises ModelError where it cannot be read or does not know where its tokens lie.

    `config` is the model's: transformers would otherwise read config.json again, its author's habits
    included.
    """
    from transformers import AutoTokenizer

    try:
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


def check_tokenizer(
    folder: CheckpointFolder, tokenizer: PreTrainedTokenizerBase, config: PretrainedConfig, video_token: int
) -> None:
    """Raises ModelError where the tokenizer belongs to another model than `config`, whose video token has the
    id `video_token`."""
    token = tokenizer.convert_ids_to_tokens(video_token)
    if not isinstance(token, str) or token not in control_tokens(tokenizer):
        raise ModelError(
            f"The config in {folder.path} gives the video token the id {video_token}, which the "
            "tokenizer knows as "
            f"{token!r}, no special token. Copy the tokenizer's files from the original checkpoint."
        )
    rows: int = config.get_text_config().vocab_size
    if len(tokenizer) > rows:
        raise ModelError(
            f"The tokenizer in {folder.path} has {len(tokenizer)} tokens, and the model {rows}. "
            "Copy the tokenizer's files from the original checkpoint."
        )
