"""The config and the weights of a checkpoint folder, refused where they do not fit each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from workbench.errors import ModelError
from workbench.models.checkpoints.config import check_config
from workbench.models.checkpoints.ends import generation_settings
from workbench.models.checkpoints.folder import CheckpointFolder, in_short
from workbench.models.checkpoints.formats import Format
from workbench.models.defaults import fresh_defaults
from workbench.models.families import Family

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig, PreTrainedModel

    from workbench.models.checkpoints.originals import Becomes, Shapes

_SHOWN = 4  # names of weights in a message
_ROOM = 2
"""A model may have so many times the numbers of its files: weights that are tied, or may be missing."""


def read_config(folder: CheckpointFolder, form: Format, *, trust_remote_code: bool) -> PretrainedConfig:
    """The config of transformers' class. Raises ModelError where config.json describes no model, or one that
    cannot be traced."""
    check_config(folder)
    try:
        with _quiet(), fresh_defaults():
            return form.config(folder, trust_remote_code=trust_remote_code)
    except ModelError:  # has its own remedy
        raise
    except Exception as error:  # a config can be wrong in every way
        raise ModelError(
            f"{folder.path / 'config.json'} describes no model ({in_short(error)}). "
            "Copy it again from the original checkpoint."
        ) from error


def read_weights(
    folder: CheckpointFolder,
    form: Format,
    family: Family,
    config: PretrainedConfig,
    dtype: torch.dtype,
    *,
    allow_pickle: bool,
) -> PreTrainedModel:
    """The model on the CPU, every weight from the folder. Raises ModelError where they do not fit it.

    Its generation settings are the tokens that end an answer, and nothing else.
    """
    generation = generation_settings(folder)
    try:
        with _quiet(), fresh_defaults():
            _check_size(folder, family, config)
            hf, info = form.weights(folder, family, config, dtype, allow_pickle=allow_pickle)
    except ModelError:
        raise
    except Exception as error:  # weights can be wrong in every way
        raise ModelError(
            f"{folder.path} cannot be loaded as {family.model_class} ({in_short(error)}). Check config.json "
            "against the original checkpoint, and download the weights again."
        ) from error
    check_fit(info, folder, family)
    hf.generation_config = generation
    return hf


def read_structure(folder: CheckpointFolder, family: Family, config: PretrainedConfig) -> PreTrainedModel:
    """The model's modules without numbers, on torch's device "meta". Raises ModelError where config.json
    describes a model far larger than the files."""
    import torch

    with _quiet(), fresh_defaults():
        _check_size(folder, family, config)
        with torch.device("meta"):
            structure = family.load_class()(config)
    structure.generation_config = generation_settings(folder)
    return structure.eval().requires_grad_(False)


def _check_size(folder: CheckpointFolder, family: Family, config: PretrainedConfig) -> None:
    """Raises ModelError where the config describes a far larger model than the files hold, before anything
    of it takes memory: places without a weight would be filled with random numbers."""
    import torch

    if not folder.stored:
        return  # pickles tell nothing before they are read
    with torch.device("meta"):
        skeleton = family.load_class()(config)
    wanted = sum(weight.numel() for weight in skeleton.parameters())
    found = sum(weight.numbers for weight in folder.stored.values())
    if wanted > _ROOM * found + 10_000:
        raise ModelError(
            f"{folder.path / 'config.json'} describes a model of {wanted:,} numbers, and the weights are "
            f"{found:,}. Copy config.json again from the checkpoint that the weights belong to."
        )


_REMEDY = "Use the checkpoint in transformers' own format (a '-hf' repository), or convert it."


def check_fit(
    info: dict[str, Any], folder: CheckpointFolder, family: Family, *, remedy: str = _REMEDY
) -> None:
    """Raises ModelError for weights that found no place, and places without a weight, which would be random.

    `info` is what transformers says of a load: missing_keys, unexpected_keys, mismatched_keys.
    """
    missing = sorted(set(info.get("missing_keys", ())) - set(family.optional_weights))
    unexpected = sorted(
        key
        for key in info.get("unexpected_keys", ())
        if not any(fnmatchcase(key, pattern) for pattern in family.surplus_weights)
    )
    mismatched = sorted(
        str(entry[0] if isinstance(entry, tuple) else entry) for entry in info.get("mismatched_keys", ())
    )
    problems = [
        f"{len(keys)} {what} ({', '.join(keys[:_SHOWN])}{', ..' if len(keys) > _SHOWN else ''})"
        for keys, what in (
            (missing, "missing"),
            (unexpected, "without a place in the model"),
            (mismatched, "of another shape"),
        )
        if keys
    ]
    if problems:
        harm = "The model would be partly random" if missing or mismatched else "They would be left out"
        raise ModelError(
            f"The weights in {folder.path} do not fit {family.model_class}: {'; '.join(problems)}. {harm}. "
            f"{remedy}"
        )


def check_conversion(
    folder: CheckpointFolder, family: Family, config: Any, shapes: Shapes, made: Becomes
) -> None:
    """Raises ModelError where the converted weights would not be those of the model, name by name."""
    import torch

    with torch.device("meta"):
        skeleton = family.load_class()(config)
        given = {name: torch.empty(stored.shape, dtype=torch.bfloat16) for name, stored in shapes.items()}
    wanted = {name: tuple(weight.shape) for name, weight in skeleton.state_dict().items()}
    if config.tie_word_embeddings:
        wanted.pop("lm_head.weight", None)
    found: dict[str, tuple[int, ...]] = dict(made.zeros)
    for name, weight in given.items():
        try:
            new = made.rename(name, weight)
        except Exception as error:  # a shape that cannot be taken apart as this format's are
            raise ModelError(
                f"{folder.path}: {name} has the shape {tuple(weight.shape)}, which does not fit config.json "
                f"({type(error).__name__}). Download the checkpoint again."
            ) from error
        if twice := sorted(set(new) & set(found)):
            raise ModelError(f"{folder.path} holds {twice[0]} twice, once as {name}. Download it again.")
        found |= {key: tuple(value.shape) for key, value in new.items()}
    info = {
        "missing_keys": set(wanted) - set(found),
        "unexpected_keys": set(found) - set(wanted),
        "mismatched_keys": {name for name in set(wanted) & set(found) if wanted[name] != found[name]},
    }
    remedy = "Download config.json and the weights again: they must belong to one checkpoint."
    check_fit(info, folder, family, remedy=remedy)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' progress bar, and without its report of what our own error says."""
    from transformers.utils import logging

    shown, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if shown:
            logging.enable_progress_bar()
