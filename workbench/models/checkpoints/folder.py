"""Checkpoint folders: where they are, and whether they are whole. Nothing is loaded here."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path
from typing import Any, NamedTuple

from workbench.errors import ModelError
from workbench.models.families import FAMILIES

_SAFE, _SAFE_INDEX = "model.safetensors", "model.safetensors.index.json"
_PICKLES = ("pytorch_model*.bin", "*.pt", "*.pth", "consolidated*")
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model")
_EMBEDDED = "mini/"
_BLOCK = 1 << 20  # bytes read at a time


class Checkpoint(NamedTuple):
    """A checkpoint folder and what people call it."""

    name: str
    folder: Path


def find(
    name_or_path: str | Path,
    *,
    revision: str | None = None,
    allow_pickle: bool = False,
    trust_remote_code: bool = False,
) -> Checkpoint:
    """The folder of an embedded model ("mini/video-ft"), of a path, or of a hub id, which may be downloaded.

    Raises ModelError where there is none.
    """
    name = str(name_or_path)
    if revision is not None and (name.startswith(_EMBEDDED) or Path(name_or_path).expanduser().exists()):
        raise ModelError(
            f"revision={revision!r} names a commit of the hub, and {name} is on this machine. Leave it out, "
            "or give the hub id."
        )
    if name.startswith(_EMBEDDED):
        from workbench.mini import checkpoint  # not needed by anybody who brings a model

        return Checkpoint(name, checkpoint(name.removeprefix(_EMBEDDED)))
    path = Path(name_or_path).expanduser()
    if path.is_dir():
        return Checkpoint(path.resolve().name, path)
    if path.is_file():
        raise ModelError(f"{path} is a file. Give the folder of the checkpoint: {path.parent}.")
    if isinstance(name_or_path, Path) or name.startswith((".", "/", "~")) or name.count("/") != 1:
        raise ModelError(
            f"There is no checkpoint folder {name}. Give a folder with config.json, a hub id such as "
            "'llava-hf/LLaVA-NeXT-Video-7B-hf', or 'mini/video-ft' for the embedded model."
        )
    return Checkpoint(name, _download(name, revision, allow_pickle, trust_remote_code))


def _download(name: str, revision: str | None, allow_pickle: bool, trust_remote_code: bool) -> Path:
    from huggingface_hub import snapshot_download

    wanted = ["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt"]
    wanted += ["*.bin"] if allow_pickle else []
    wanted += ["*.py"] if trust_remote_code else []
    try:
        folder = snapshot_download(name, revision=revision, allow_patterns=wanted, ignore_patterns=["*/*"])
    except Exception as error:  # network, rights, names: the hub raises many kinds
        raise ModelError(
            f"{name} is no folder on this machine, and the hub did not give it "
            f"({type(error).__name__}: {str(error).splitlines()[0]}). With a network: check the name, the "
            "revision and "
            "your rights (huggingface-cli login). Without one: download it elsewhere with `hf download "
            f"{name} --local-dir FOLDER`, copy the folder here, and give its path."
        ) from error
    return Path(folder)


def check(folder: Path, *, allow_pickle: bool = False) -> str:
    """Looks a folder over before anything is loaded, and gives its model_type.

    Raises ModelError with cause and remedy: no config, another architecture, no weights, weights cut off or
    only as pickles, no tokenizer.
    """
    if not (folder / "config.json").is_file():
        adapter = (folder / "adapter_config.json").is_file()
        hint = (
            "This is an adapter: merge it into its base model first (peft, merge_and_unload) and save that."
            if adapter
            else "Give the folder that config.json lies in, or save the model there with save_pretrained."
        )
        raise ModelError(f"{folder} has no config.json, so it is no checkpoint folder. {hint}")
    model_type = _model_type(folder / "config.json")
    _check_weights(folder, allow_pickle)
    if not any((folder / name).is_file() for name in _TOKENIZER_FILES):
        raise ModelError(
            f"{folder} has no tokenizer ({', '.join(_TOKENIZER_FILES)}). "
            "Copy the tokenizer's files from the original checkpoint."
        )
    return model_type


def _model_type(config: Path) -> str:
    found = _json(config)
    model_type = found.get("model_type")
    if model_type in FAMILIES:
        return model_type
    supported = "; ".join(f"{name} ({family.models})" for name, family in FAMILIES.items())
    said = f"is a {model_type!r} model" if model_type else "does not say its model_type"
    raise ModelError(
        f"{config} {said}, which is not among the supported families: {supported}. Use a checkpoint of one "
        "of them, or add a family (workbench/models/families)."
    )


def _check_weights(folder: Path, allow_pickle: bool) -> None:
    files = weight_files(folder)
    if not files:
        pickles = [path.name for pattern in _PICKLES for path in sorted(folder.glob(pattern))]
        if pickles and allow_pickle:
            return
        if pickles:
            raise ModelError(
                f"{folder} has its weights as pickles only ({pickles[0]}), which can run code when they are "
                "opened. "
                "Convert them to safetensors, or, if you trust their author, load(..., allow_pickle=True)."
            )
        raise ModelError(
            f"{folder} has no weights ({_SAFE} or {_SAFE_INDEX}). Download the checkpoint again with its "
            "weights."
        )
    for path in files:
        _check_safetensors(path)


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of the model in order; empty where there are none. Raises ModelError on a gap."""
    if (folder / _SAFE).is_file():
        return [folder / _SAFE]
    index = folder / _SAFE_INDEX
    if not index.is_file():
        return []
    weight_map = _json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise ModelError(f"{index} lists no weights (weight_map). Download the file again.")
    names = sorted({str(name) for name in weight_map.values()})
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise ModelError(
            f"{folder} lacks {len(missing)} of {len(names)} weight files: {', '.join(missing[:4])}. Download "
            "them."
        )
    return [folder / name for name in names]


def _check_safetensors(path: Path) -> None:
    """Compares the size of the file with what its header announces."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        header_size = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        header = file.read(header_size) if 0 < header_size <= size - 8 else b""
    try:
        tensors = json.loads(header)
        ends = [entry["data_offsets"][1] for name, entry in tensors.items() if name != "__metadata__"]
    except (ValueError, KeyError, TypeError, AttributeError):
        pointer = " It is a Git LFS pointer: run `git lfs pull`." if start == b"version " else ""
        raise ModelError(
            f"{path} is no whole safetensors file ({size} bytes, header unreadable).{pointer} Download it "
            "again."
        ) from None
    wanted = 8 + header_size + max(ends, default=0)
    if size != wanted:
        raise ModelError(
            f"{path} is cut off or damaged: it has {size} bytes, and its header announces {wanted}. Download "
            "it again."
        )


def hash_weights(folder: Path) -> str:
    """sha256 over the weights' safetensors files, in order (over every file *.bin where there are none)."""
    digest = hashlib.sha256()
    for path in weight_files(folder) or sorted(folder.glob("*.bin")):
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()


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
