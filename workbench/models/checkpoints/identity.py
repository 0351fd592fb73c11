"""What decides a checkpoint's numbers beside its weights, so that a run notices when it is another.

Hashes are of what the files say, not of how: the order of keys in a json, and keys that decide no number
(which version wrote it, where it lay), do not count. Versions of packages are for the run's manifest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from workbench.checksums import sum_of_file
from workbench.errors import ModelError
from workbench.models.checkpoints.folder import CheckpointFolder, in_short

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from workbench.prompts.pixels import PixelSettings

_UNTOLD = {
    *("_name_or_path", "name_or_path", "transformers_version", "processor_class"),
    *("dtype", "torch_dtype", "_attn_implementation", "attn_implementation", "chat_template"),
}
"""Keys that decide no number, or stand in the settings of a run by themselves."""
_TOKENIZER = (
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.json", "merges.txt", "vocab.txt", "tokenizer.model", "spiece.model"),
)
_PROCESSOR = ("processor_config.json", "preprocessor_config.json", "video_preprocessor_config.json")

_known: WeakKeyDictionary[CheckpointFolder, dict[str, str | None]] = WeakKeyDictionary()


def identity_of(
    folder: CheckpointFolder, template: str | None, pixels: PixelSettings, *, processor: bool = False
) -> dict[str, Any]:
    """Settings of a run: hashes of the checkpoint's config, tokenizer and chat template (None where the
    family's default is used), and what is done to frames; of code where there is some. Adapters have none,
    since `load` refuses them. With `processor` a hash of transformers' settings for frames and video too,
    where these are followed and not `pixels`.

    Files are read once a load. Raises ModelError where they are gone since.
    """
    if folder not in _known:
        _known[folder] = _of_files(folder)
    told = None if template is None else _sum([template.encode("utf-8", "surrogatepass")])
    whole = (
        {}
        if not processor
        else {"processor_sha256": _sum_of_files(folder.path / name for name in _PROCESSOR)}
    )
    done = {field.name: getattr(pixels, field.name) for field in fields(pixels) if field.name != "further"}
    done |= pixels.further
    return {
        **_known[folder],
        "chat_template_sha256": told,
        **whole,
        "pixels": json.loads(json.dumps(done, default=dict)),
    }


def stop_tokens(hf: PreTrainedModel) -> list[int]:
    """Tokens that end a text that the model writes."""
    found = getattr(hf.generation_config, "eos_token_id", None)
    return sorted(found) if isinstance(found, list) else [] if found is None else [int(found)]


def _of_files(folder: CheckpointFolder) -> dict[str, str | None]:
    try:
        found: dict[str, str | None] = {
            "config_sha256": _sum([_told(folder.json("config.json") or {})]),
            "tokenizer_sha256": _sum_of_files(folder.path / name for name in _TOKENIZER),
        }
        if code := sorted(folder.path.glob("*.py")):
            found["code_sha256"] = _sum_of_files(code)
    except OSError as error:
        raise ModelError(
            f"The files of {folder.name} can no longer be read ({in_short(error)}), and a run notes their "
            "hashes. Leave the folder in place while the model is used."
        ) from error
    return found


def _sum_of_files(paths: Iterable[Path]) -> str:
    parts = []
    for path in paths:
        if path.is_file():
            parts += [path.name.encode(), _content(path)]
    return _sum(parts)


def _content(path: Path) -> bytes:
    """A hash of the file, of what it says where it is a json of settings."""
    if path.name == "tokenizer_config.json":
        try:
            return hashlib.sha256(_told(json.loads(path.read_bytes()))).digest()
        except (ValueError, RecursionError):
            pass  # then its bytes
    return bytes.fromhex(sum_of_file(path))


def _told(settings: Any) -> bytes:
    return json.dumps(_without(settings), sort_keys=True, separators=(",", ":")).encode("ascii")


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without(inner) for key, inner in value.items() if key not in _UNTOLD}
    return [_without(inner) for inner in value] if isinstance(value, list) else value


def _sum(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()
