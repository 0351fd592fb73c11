"""The weights in a checkpoint's files: which there are, and each when it is called for."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import ModelError
from workbench.models.checkpoints.folder import CheckpointFolder
from workbench.models.checkpoints.headers import Stored

if TYPE_CHECKING:
    import torch

RISK = (
    "{folder} has its weights as pickles, which are opened because of allow_pickle. torch's reader of "
    "weights alone runs no code that it finds in them; a file made to use a fault of that reader still "
    "could. Open them only from authors that you trust, and use the checkpoint's safetensors where there "
    "are any."
)
"""The warning before pickles are opened."""
_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "I64": 8, "I32": 4}


def shapes_of(folder: CheckpointFolder) -> Mapping[str, Stored]:
    """Every weight by name. Pickles are opened for it, with a warning that says what that risks."""
    if folder.stored:
        return folder.stored
    warnings.warn(RISK.format(folder=folder.path), stacklevel=2)
    found: dict[str, Stored] = {}
    for path in folder.pickle_files:
        for name, read in weights_of(path).items():
            weight = read()
            found[name] = Stored(_dtype_name(weight), tuple(weight.shape))
    return found


def _dtype_name(weight: torch.Tensor) -> str:
    import torch

    names = {torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}
    return names.get(weight.dtype, str(weight.dtype))


def size_of(stored: Stored) -> int:
    """Bytes of a weight."""
    return stored.numbers * _BYTES.get(stored.dtype, 8)


def weights_of(path: Path) -> dict[str, Callable[[], torch.Tensor]]:
    """The weights of a file by name, each read when it is called for."""
    import torch
    from safetensors import safe_open

    if path.suffix == ".safetensors":
        file = safe_open(path, framework="pt")
        return {name: partial(file.get_tensor, name) for name in file.keys()}  # noqa: SIM118
    try:
        read = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        return {str(name): partial(torch.as_tensor, weight) for name, weight in read.items()}
    except Exception as error:  # what is no pickle, or holds more than weights
        raise ModelError(
            f"{path} cannot be opened as weights alone ({type(error).__name__}). Nothing else is opened "
            "here: save its state_dict as safetensors on a machine where you trust it."
        ) from error


def beginning_of(path: Path) -> str:
    """What tells one version of a large file from another, unread but for its first MiB."""
    with path.open("rb") as file:
        return hashlib.sha256(file.read(2**20)).hexdigest()
