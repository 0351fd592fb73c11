"""An authors' checkpoint becomes a folder that transformers' own class reads: once, shard by shard.

What a folder would become is known from the headers of its files, so a checkpoint that does not fit is
refused before anything is written. The record of a conversion says which files are finished: a conversion
that was stopped goes on from there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from filelock import FileLock, Timeout
from pydantic import BaseModel
from safetensors.torch import save_file

from workbench.checksums import SUMS, sum_of_file
from workbench.errors import ModelError
from workbench.files import whole, write_whole
from workbench.foreign import validated
from workbench.models.checkpoints.config import check_config
from workbench.models.checkpoints.folder import RECORD, CheckpointFolder, read_object
from workbench.models.checkpoints.headers import read_header
from workbench.models.checkpoints.opening import beginning_of, shapes_of, size_of, weights_of
from workbench.models.checkpoints.originals import Becomes, Original, Shapes, original_of
from workbench.models.checkpoints.tokenizer import read_tokenizer
from workbench.models.checkpoints.weights import check_conversion
from workbench.models.defaults import fresh_defaults
from workbench.models.families import FAMILIES
from workbench.progress import progress_bar

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

LARGEST = 2 * 2**30
"""Bytes of a file that is written; less where a source file is smaller. Memory holds about two such files."""
_VERSION = 1
"""Of the names that are written; a conversion of another version starts over."""


class _Record(BaseModel):
    """What a conversion has done so far."""

    source: str
    format: str
    fingerprint: str
    """sha256 over what is converted, and how."""
    files: dict[str, str] = {}
    """sha256 of each finished file."""


class _Piece(NamedTuple):
    """A file to be written: weights of one source file."""

    source: Path
    names: tuple[str, ...]
    file: str
    zeros: Mapping[str, tuple[int, ...]] = {}


def convert(source: str | Path, destination: str | Path, *, allow_pickle: bool = False) -> Path:
    """Convert an authors' checkpoint, a folder or a hub id, to a folder that `load` reads; gives its path.

    The dtype stays. Memory holds at most two files of 2 GiB. A conversion that was stopped goes on when it is
    started again with the same source and destination. `SHA256SUMS` lists what was written.

    Raises ModelError: a format that is not known or needs no conversion, weights that are missing, without a
    place or of another shape, pickles (unless `allow_pickle`), a destination that holds something else; and
    WriteError.
    """
    from workbench.models.checkpoints.locate import find

    folder = find(source, allow_pickle=allow_pickle)
    original = original_of(folder)
    if original is None:
        raise ModelError(
            f"{folder.path} is in none of the formats that are converted "
            f"(model_type {folder.config.get('model_type')!r:.60}). What transformers knows is loaded as it "
            "is."
        )
    folder.check(allow_pickle=allow_pickle)
    check_config(folder)
    place = Path(destination).expanduser()
    _check_place(folder, place)
    place.mkdir(parents=True, exist_ok=True)
    lock = FileLock(place / ".conversion.lock")
    try:
        with lock.acquire(timeout=0):
            _convert(folder, original, place)
    except Timeout:
        raise ModelError(f"Another process is converting to {place}. Wait for it, or stop it.") from None
    return place


def _convert(folder: CheckpointFolder, original: Original, place: Path) -> None:
    shapes = shapes_of(folder)
    tokenizer = _tokenizer(folder, original)
    with fresh_defaults():
        made = original.becomes(folder, shapes, tokenizer)
        family = FAMILIES[made.config["model_type"]]
        config = family.config_class().from_dict(dict(made.config))
        _check_tokenizer(folder, tokenizer, made)
        check_conversion(folder, family, config, shapes, made)
    pieces = _pieces(folder, shapes, made)
    record = _record(folder, original, shapes, made, place)
    index: dict[str, str] = {}
    with progress_bar(len(pieces), what="convert", unit=" files") as bar:
        for piece in pieces:
            path = place / piece.file
            if record.files.get(piece.file) is None or not _is(path, record.files[piece.file]):
                record.files[piece.file] = _write(piece, made, path)
                write_whole(place / RECORD, record.model_dump_json(indent=1))
            index |= dict.fromkeys(read_header(path), piece.file)
            bar.update()
    _finish(folder, made, config, tokenizer, index, record, place)


def _tokenizer(folder: CheckpointFolder, original: Original) -> PreTrainedTokenizerBase:
    from transformers import PreTrainedConfig

    # Its own config would lead to its author's code.
    tokenizer: Any = read_tokenizer(folder, PreTrainedConfig(), trust_remote_code=False)
    token = original.placeholder(folder)
    if token not in tokenizer.get_vocab():
        from tokenizers import AddedToken

        tokenizer.add_tokens([AddedToken(token, special=True, normalized=False)], special_tokens=True)
    return tokenizer


def _check_tokenizer(folder: CheckpointFolder, tokenizer: Any, made: Becomes) -> None:
    rows = made.config["text_config"]["vocab_size"]
    if len(tokenizer) > rows:
        raise ModelError(
            f"The tokenizer in {folder.path} has {len(tokenizer)} tokens with the one for the video, and the "
            f"model {rows} rows. Copy the tokenizer's files from the original checkpoint."
        )


def _pieces(folder: CheckpointFolder, shapes: Shapes, made: Becomes) -> list[_Piece]:
    """What is written, file by file; every file has weights of one source file."""
    groups: list[tuple[Path, list[str]]] = []
    for path in folder.weight_files or folder.pickle_files:
        size = 0
        for name in sorted(read_header(path) if path.suffix == ".safetensors" else weights_of(path)):
            grown = size_of(shapes[name])
            if not groups or groups[-1][0] != path or size + grown > LARGEST:
                groups.append((path, []))
                size = 0
            groups[-1][1].append(name)
            size += grown
    named = [
        _Piece(path, tuple(names), f"model-{number:05}-of-{len(groups):05}.safetensors")
        for number, (path, names) in enumerate(groups, start=1)
    ]
    return [*named[:-1], named[-1]._replace(zeros=made.zeros)]


def _write(piece: _Piece, made: Becomes, path: Path) -> str:
    """Writes a file of the converted model; gives its sha256."""
    import torch

    opened = weights_of(piece.source)
    weights: dict[str, torch.Tensor] = {}
    for name in piece.names:
        for new, weight in made.rename(name, opened[name]()).items():
            weights[new] = weight.contiguous()
    kind = next(iter(weights.values())).dtype if weights else torch.float32
    weights |= {name: torch.zeros(shape, dtype=kind) for name, shape in piece.zeros.items()}
    # Parts of one tensor, and tied ones, share memory, which safetensors refuses.
    shared: set[int] = set()
    for name, weight in weights.items():
        if weight.untyped_storage().data_ptr() in shared or weight.nbytes < weight.untyped_storage().nbytes():
            weights[name] = weight.clone()
        shared.add(weight.untyped_storage().data_ptr())
    with whole(path) as unfinished:
        save_file(weights, unfinished, {"format": "pt"})
    return sum_of_file(path)


def _record(
    folder: CheckpointFolder, original: Original, shapes: Shapes, made: Becomes, place: Path
) -> _Record:
    """The record of this conversion, with the files that are finished already."""
    told = {
        "version": _VERSION,
        "config": made.config,
        "weights": {name: [stored.dtype, *stored.shape] for name, stored in sorted(shapes.items())},
        "files": [
            [path.name, path.stat().st_size, beginning_of(path)]
            for path in folder.weight_files or folder.pickle_files
        ],
    }
    fingerprint = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    new = _Record(source=folder.name, format=original.name, fingerprint=fingerprint)
    if not (place / RECORD).exists():
        write_whole(place / RECORD, new.model_dump_json(indent=1))
        return new
    source = place / RECORD
    old = validated(_Record, read_object(source), source=str(source), error=ModelError)
    if old.fingerprint != fingerprint:
        raise ModelError(
            f"{place} holds a conversion of {old.source!r:.80} ({old.format}), and this is another one, or "
            "of other files. Choose another folder, or remove it."
        )
    return old


def _finish(
    folder: CheckpointFolder,
    made: Becomes,
    config: Any,
    tokenizer: Any,
    index: dict[str, str],
    record: _Record,
    place: Path,
) -> None:
    """Everything beside the weights; config.json last, since a folder without it is no checkpoint."""
    tokenizer.chat_template = None
    tokenizer.save_pretrained(place)
    said = {
        key: value
        for key, value in (folder.json("generation_config.json") or {}).items()
        if key in ("eos_token_id", "pad_token_id", "bos_token_id")
    }
    ends = {key: folder.config[key] for key in ("eos_token_id", "pad_token_id") if key in folder.config}
    content: dict[str, str] = {
        "model.safetensors.index.json": _json({"metadata": {}, "weight_map": dict(sorted(index.items()))}),
        "video_preprocessor_config.json": _json(made.pixels),
        "chat_template.jinja": made.template,
        "generation_config.json": _json({**ends, **said}),
    }
    for name, text in content.items():
        write_whole(place / name, text)
    written = _json(json.loads(config.to_json_string(use_diff=False)))
    listed = {path.name: sum_of_file(path) for path in sorted(place.iterdir()) if _counts(path)}
    listed |= record.files | {"config.json": hashlib.sha256(written.encode()).hexdigest()}
    write_whole(place / SUMS, "".join(f"{listed[name]}  {name}\n" for name in sorted(listed)))
    write_whole(place / "config.json", written)


def _counts(path: Path) -> bool:
    return path.is_file() and path.name not in (SUMS, "config.json") and not path.name.startswith(".")


def _check_place(folder: CheckpointFolder, place: Path) -> None:
    """Raises ModelError where the destination is the source, no folder, or holds something else."""
    if place.exists() and not place.is_dir():
        raise ModelError(f"{place} is a file. Name a folder to convert to.")
    if place.exists() and place.resolve() == folder.path.resolve():
        raise ModelError(f"{place} is the checkpoint itself. Name another folder to convert to.")
    if place.exists() and not (place / RECORD).exists():
        others = sorted(path.name for path in place.iterdir() if path.name != ".conversion.lock")
        if others:
            raise ModelError(
                f"{place} holds other files ({', '.join(others[:3])}), and a conversion fills a folder of "
                "its own. Choose another one."
            )


def _is(path: Path, digest: str) -> bool:
    return path.is_file() and sum_of_file(path) == digest


def _json(said: Any) -> str:
    return json.dumps(said, indent=2, ensure_ascii=False) + "\n"
