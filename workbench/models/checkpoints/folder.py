"""A checkpoint folder: its files, each opened and read once, and whether they are whole."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from workbench.errors import ModelError
from workbench.foreign import MOST_BYTES, read_bytes, read_json, validated
from workbench.models.checkpoints.headers import Stored, read_header

_SAFE, _SAFE_INDEX = "model.safetensors", "model.safetensors.index.json"
_BIN, _BIN_INDEX = "pytorch_model.bin", "pytorch_model.bin.index.json"
_PICKLES = ("pytorch_model*.bin", "*.pt", "*.pth", "consolidated*")
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model")
_READ_BY_OTHERS = (*_TOKENIZER_FILES, "merges.txt")
"""Files that only transformers and tokenizers read, without a bound of their own."""
_READ_BEFORE = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
"""Objects that transformers reads too, so that they are checked before."""
_ADAPTER = ("adapter_config.json", "adapter_model.safetensors", "adapter_model.bin")
RECORD = "conversion.json"
"""What a conversion has done so far: the folder has no config.json before it is finished."""
_BLOCK = 1 << 20  # bytes read at a time
_MOST_TEXT = 2**20  # bytes of a template; the longest known have 20 KB


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
            self._read[name] = read_object(path) if path.exists() else None
        return self._read[name]

    def text(self, name: str) -> str | None:
        """A text file of the folder; None where there is none. Raises ModelError where it is no text."""
        path = self.path / name
        if not path.exists():
            return None
        content = read_bytes(path, error=ModelError, most_bytes=_MOST_TEXT)
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as problem:
            raise ModelError(
                f"{path} is not UTF-8 text (byte {problem.start}). Copy the file again."
            ) from problem

    @property
    def config(self) -> dict[str, Any]:
        """config.json. Raises ModelError where there is none, or none that can be read."""
        found = self.json("config.json")
        if found is not None:
            return found
        self._check_adapter()
        if (begun := self.json(RECORD)) is not None:
            raise ModelError(
                f"{self.path} is a conversion of {begun.get('source')!r:.120} that was not finished. Start "
                "the same `workbench convert` again: it goes on from there."
            )
        raise ModelError(
            f"{self.path} has no config.json, so it is no checkpoint folder. "
            "Give the folder that config.json lies in, or save the model there with save_pretrained."
        )

    @cached_property
    def weight_files(self) -> tuple[Path, ...]:
        """The safetensors files of the model in order; empty where there are none. Raises ModelError on a
        gap."""
        return self._listed(_SAFE, _SAFE_INDEX)

    @cached_property
    def pickle_files(self) -> tuple[Path, ...]:
        """The pickled files of the model, as `weight_files`."""
        return self._listed(_BIN, _BIN_INDEX)

    def _listed(self, alone: str, index: str) -> tuple[Path, ...]:
        if (self.path / alone).exists():
            return (self.path / alone,)
        found = self.json(index)
        if found is None:
            return ()
        source = str(self.path / index)
        weight_map = found.get("weight_map")
        if not weight_map:
            raise ModelError(f"{source} lists no weights (weight_map). Download the file again.")
        names = sorted(set(validated(dict[str, str], weight_map, source=source, error=ModelError).values()))
        if odd := [name for name in names if not _plain(name)]:
            raise ModelError(
                f"{source} lists {odd[0]!r:.80}, which is no name of a file in this folder. Weights are read "
                "from the folder alone: put them there, and list their names."
            )
        missing = [name for name in names if not (self.path / name).exists()]
        if missing:
            raise ModelError(
                f"{self.path} lacks {len(missing)} of {len(names)} weight files: {', '.join(missing[:4])}. "
                "Download them."
            )
        return tuple(self.path / name for name in names)

    @cached_property
    def stored(self) -> Mapping[str, Stored]:
        """What the safetensors files hold, by name. Raises ModelError where a file is not whole."""
        return {name: entry for path in self.weight_files for name, entry in read_header(path).items()}

    @cached_property
    def weight_names(self) -> frozenset[str]:
        """Names of the weights in the safetensors files. Raises ModelError where a file is not whole."""
        return frozenset(self.stored)

    @cached_property
    def weights_hash(self) -> str:
        """sha256 over the files that the weights are loaded from, in order.

        Raises ModelError where they are gone since the model was loaded.
        """
        digest = hashlib.sha256()
        try:
            for path in self.weight_files or self.pickle_files:
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

        Raises ModelError with cause and remedy: an adapter, no weights, weights cut off or only as pickles,
        no tokenizer, files that are none or larger than any tokenizer.
        """
        self._check_adapter()
        if not self.weight_files:
            self._check_pickles(allow_pickle)
        assert self.weight_names is not None  # reads every header
        if not any((self.path / name).exists() for name in _TOKENIZER_FILES):
            raise ModelError(
                f"{self.path} has no tokenizer ({', '.join(_TOKENIZER_FILES)}). "
                "Copy the tokenizer's files from the original checkpoint."
            )
        for name in _READ_BY_OTHERS:
            _check_file(self.path / name)
        for name in _READ_BEFORE:
            self.json(name)
        self.text("chat_template.jinja")

    def _check_adapter(self) -> None:
        if not any((self.path / name).exists() for name in _ADAPTER):
            return
        whose = (self.json(_ADAPTER[0]) or {}).get("base_model_name_or_path")
        base = f" (its base is {whose!r:.120})" if whose else ""
        raise ModelError(
            f"{self.path} holds an adapter{base}. This is an adapter: load its base with "
            "adapter=FOLDER, or merge it into the base (peft, merge_and_unload) and save that. Where whole "
            "weights lie beside it and the adapter is not to be used, move the adapter's files away."
        )

    def _check_pickles(self, allow_pickle: bool) -> None:
        pickles = [path.name for pattern in _PICKLES for path in sorted(self.path.glob(pattern))]
        if pickles and allow_pickle:
            if not self.pickle_files:
                raise ModelError(
                    f"{self.path} has pickles ({pickles[0]}), but neither {_BIN} nor {_BIN_INDEX}, which are "
                    "the ones that can be loaded. Convert the checkpoint to safetensors."
                )
            return
        if pickles:
            raise ModelError(
                f"{self.path} has its weights as pickles only ({pickles[0]}), which can run code when they "
                "are opened. Convert them to safetensors, or, if you trust their author, load(..., "
                "allow_pickle=True), or `workbench convert SRC DST --allow-pickle`."
            )
        raise ModelError(
            f"{self.path} has no weights ({_SAFE} or {_SAFE_INDEX}). Download the checkpoint again with its "
            "weights."
        )


def _plain(name: str) -> bool:
    """Whether this can only be the name of a file in the folder itself."""
    return 0 < len(name.encode(errors="replace")) < 256 and not set(name) & set("/\\\0:") and name[0] != "."


def _check_file(path: Path) -> None:
    """Raises ModelError where there is something of that name that is no file, or a huge one."""
    if not path.exists():
        return
    if not path.is_file():
        raise ModelError(f"{path} is not a file. Copy the file from the original checkpoint.")
    if path.stat().st_size > MOST_BYTES:
        raise ModelError(
            f"{path} has {path.stat().st_size:,} bytes; at most {MOST_BYTES:,} are read. It is damaged: "
            "copy it again."
        )


def read_object(path: Path) -> dict[str, Any]:
    """The object in a json file. Raises ModelError where it is none, or is nested deeper than any setting."""
    found = read_json(path, error=ModelError)
    if not isinstance(found, dict):
        raise ModelError(
            f"{path} must hold a json object, not a {type(found).__name__}. Copy the file again."
        )
    return found


def in_short(error: BaseException) -> str:
    """What an error of somebody else's says, in one line."""
    lines = " ".join(str(error).split())
    if isinstance(error, ModelError):
        return lines[:300].rstrip(".")
    return f"{type(error).__name__}: {lines[:300]}" if lines else type(error).__name__
