"""What a safetensors file holds, told by its header alone."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

from workbench.errors import ModelError


class Stored(NamedTuple):
    """A weight in a file."""

    dtype: str
    """As safetensors calls it: "F32", "BF16", "F8_E4M3"."""
    shape: tuple[int, ...]

    @property
    def numbers(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)


def read_header(path: Path) -> dict[str, Stored]:
    """The weights in a safetensors file by name, none of them read.

    Headers of more than 100 MB are refused unread. Raises ModelError where the file is none, or its size is
    not what its header announces.
    """
    from safetensors import safe_open

    if not path.is_file():
        raise ModelError(f"{path} is not a file. Download the weights again.")
    try:
        with safe_open(path, framework="pt") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            return {name: Stored(str(s.get_dtype()), tuple(s.get_shape())) for name, s in slices.items()}
    except Exception as error:  # SafetensorError, and what lies below it
        raise ModelError(_diagnosis(path, str(error))) from None


def _diagnosis(path: Path, said: str) -> str:
    size = path.stat().st_size
    if "incomplete metadata" in said:
        return (
            f"{path} is cut off or damaged: it has {size} bytes, and its header announces another size. "
            "Download it again."
        )
    with path.open("rb") as file:
        pointer = file.read(8) == b"version "
    return (
        f"{path} is no whole safetensors file ({size} bytes, header unreadable)."
        f"{' It is a Git LFS pointer: run `git lfs pull`.' if pointer else ''} Download it again."
    )
