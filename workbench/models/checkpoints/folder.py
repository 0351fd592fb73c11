"""A checkpoint folder: its files, each opened and read once, and whether they are whole."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from workbench.errors import ModelError

_SAFE, _SAFE_INDEX = "model.safetensors", "model.safetensors.index.json"
_PICKLES = ("pytorch_model*.bin", "*.pt", "*.pth", "consolidated*")
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model")
_BLOCK = 1 << 20  # bytes read at a time


@dataclass(frozen=True, eq=False)
class CheckpointFolder:
    """A checkpoint folder and what people call it. What was read once is kept."""

    name: str
    path: Path

    @cached_property
    def _read(self) -> dict[str, dict[str, Any] | None]:
        return {}

    def json(self, name: str) -> dict[str, Any] | None:
        """What a json file of the folder says; None where there is no such file. Do not change it.

        Raises ModelError where it is no json object.
        """
        if name not in self._read:
            path = self.path / name
            self._read[name] = _json(path) if path.is_file() else None
        return self._read[name]

    @property
    def config(self) -> dict[str, Any]:
        """config.json. Raises ModelError where there is none, or none that can be read."""
        found = self.json("config.json")
        if found is not None:
            return found
        adapter = (self.path / "adapter_config.json").is_file()
        hint = (
            "This is an adapter: merge it into its base model first (peft, merge_and_unload) and save that."
            if adapter
            else "Give the folder that config.json lies in, or save the model there with save_pretrained."
        )
        raise ModelError(f"{self.path} has no config.json, so it is no checkpoint folder. {hint}")

    @cached_property
    def weight_files(self) -> tuple[Path, ...]:
        """The safetensors files of the model in order; empty where there are none. Raises ModelError on a
        gap."""
        if (self.path / _SAFE).is_file():
            return (self.path / _SAFE,)
        index = self.json(_SAFE_INDEX)
        if index is None:
            return ()
        weight_map = index.get("weight_map")
        if not isinstance(weight_map, dict) or not weight_map:
            raise ModelError(
                f"{self.path / _SAFE_INDEX} lists no weights (weight_map). Download the file again."
            )
        names = sorted({str(name) for name in weight_map.values()})
        missing = [name for name in names if not (self.path / name).is_file()]
        if missing:
            raise ModelError(
                f"{self.path} lacks {len(missing)} of {len(names)} weight files: {', '.join(missing[:4])}. "
                "Download them."
            )
        return tuple(self.path / name for name in names)

    @cached_property
    def weight_names(self) -> frozenset[str]:
        """Names of the weights in the safetensors files. Raises ModelError where a file is not whole."""
        return frozenset(name for path in self.weight_files for name in _names(path))

    @cached_property
    def weights_hash(self) -> str:
        """sha256 over the safetensors files, in order (over every file *.bin where there are none).

        Raises ModelError where they are gone since the model was loaded.
        """
        digest = hashlib.sha256()
        try:
            for path in self.weight_files or sorted(self.path.glob("*.bin")):
                with path.open("rb") as file:
                    while block := file.read(_BLOCK):
                        digest.update(block)
        except OSError as error:
            raise ModelError(
                f"The weights of {self.name} can no longer be read ({in_short(error)}), and a run notes "
                "their hash. Leave the folder in place while the model is used."
            ) from error
        return digest.hexdigest()

    def check(self, *, allow_pickle: bool = False) -> None:
        """Looks the folder over before anything is loaded.

        Raises ModelError with cause and remedy: no weights, weights cut off or only as pickles, no tokenizer.
        """
        if not self.weight_files:
            self._check_pickles(allow_pickle)
        assert self.weight_names is not None  # reads every header
        if not any((self.path / name).is_file() for name in _TOKENIZER_FILES):
            raise ModelError(
                f"{self.path} has no tokenizer ({', '.join(_TOKENIZER_FILES)}). "
                "Copy the tokenizer's files from the original checkpoint."
            )

    def _check_pickles(self, allow_pickle: bool) -> None:
        pickles = [path.name for pattern in _PICKLES for path in sorted(self.path.glob(pattern))]
        if pickles and allow_pickle:
            return
        if pickles:
            raise ModelError(
                f"{self.path} has its weights as pickles only ({pickles[0]}), which can run code when they "
                "are opened. "
                "Convert them to safetensors, or, if you trust their author, load(..., allow_pickle=True)."
            )
        raise ModelError(
            f"{self.path} has no weights ({_SAFE} or {_SAFE_INDEX}). Download the checkpoint again with its "
            "weights."
        )


def _names(path: Path) -> list[str]:
    """The weights in a safetensors file, whose size must be what its header announces."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return list(file.keys())
    except SafetensorError as error:
        size = path.stat().st_size
        if "incomplete metadata" in str(error):
            raise ModelError(
                f"{path} is cut off or damaged: it has {size} bytes, and its header announces another size. "
                "Download it again."
            ) from None
        with path.open("rb") as file:
            pointer = file.read(8) == b"version "
        raise ModelError(
            f"{path} is no whole safetensors file ({size} bytes, header unreadable)."
            f"{' It is a Git LFS pointer: run `git lfs pull`.' if pointer else ''} Download it again."
        ) from None


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ModelError(f"{path} is no readable json ({error}). Copy the file again.") from error
    if not isinstance(found, dict):
        raise ModelError(
            f"{path} must hold a json object, not a {type(found).__name__}. Copy the file again."
        )
    return found


def in_short(error: Exception) -> str:
    """What an error of somebody else's says, in one line."""
    lines = " ".join(str(error).split())
    return f"{type(error).__name__}: {lines[:300]}" if lines else type(error).__name__
