"""The settings that decide a run's numbers, and how those of a folder differ from those asked for."""

from __future__ import annotations

import hashlib
import json
import operator
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import RunError
from workbench.models.checkpoints.identity import identity_of, stop_tokens

if TYPE_CHECKING:
    from workbench.data import Samples
    from workbench.models import VideoLLM


def model_settings(model: VideoLLM, *, writes_text: bool = False) -> dict[str, Any]:
    """The settings of a model that decide its numbers; with `writes_text`, what ends a text too."""
    return {
        "model": str(model.name),
        "weights_sha256": str(model.weights_hash),
        "dtype": str(model.dtype).removeprefix("torch."),
        "attention": str(model.attention),
        "device": str(model.device).split(":")[0],
        **({"adapter_sha256": model.adapter.sha256} if model.adapter is not None else {}),
        **({"load_in": model.load_in} if model.load_in is not None else {}),
        **({"remote": model.remote} if model.remote is not None else {}),
        **({"setting": model.setting.name} if model.setting is not None else {}),
        **identity_of(model.checkpoint, model.template, model.pixels, processor=model.family.guessed),
        **({"stop_tokens": stop_tokens(model.structure)} if writes_text else {}),
    }


def data_settings(samples: Samples) -> dict[str, Any]:
    """What decides a run's rows: the annotations, and which samples in which order. The clips' contents are
    kept with each sample."""
    from workbench.data.hub import record_of

    ids = [sample.id for sample in samples]
    fetched = None if samples.source is None else record_of(samples.source)
    return {
        "data": samples.name,
        "data_sha256": samples.fingerprint,
        "samples": len(ids),
        "sample_ids_sha256": hash_of(ids),
        **({} if fetched is None else {"data_revision": "@".join(fetched)}),
    }


def as_seed(seed: object) -> int:
    """A seed. Raises RunError where it is no whole number from 0 that 64 bits hold."""
    try:
        number = operator.index(seed)  # pyright: ignore[reportArgumentType]
    except TypeError:
        number = -1
    if isinstance(seed, bool) or not 0 <= number < 2**63:
        raise RunError(f"seed={seed!r}: give a whole number from 0, for example 0.")
    return number


def hash_of(lines: Iterable[str]) -> str:
    """sha256 of some lines of text."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def hash_of_settings(kind: str, settings: Mapping[str, Any]) -> str:
    """sha256 of an analysis and its settings: it ties each sample's record to its run."""
    text = json.dumps([kind, settings], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


_CONTENT = {
    "sample_ids_sha256": ("samples",),
    "data_sha256": ("data", "samples"),
    "weights_sha256": ("model",),
}
"""Hashes in the settings, and the settings that name what they are of."""
_PARTS = (
    "config_sha256",
    "tokenizer_sha256",
    "chat_template_sha256",
    "pixels",
    "code_sha256",
    "adapter_sha256",
    "stop_tokens",
)
"""Parts of a checkpoint beside its weights. Runs of older versions do not say what theirs were."""


def check_same(folder: Path, old: Mapping[str, Any], new: Mapping[str, Any], *, legacy: bool) -> None:
    """Raise RunError where the run in `folder` was begun with other settings than those now asked for.

    Takes two manifests. `legacy`: an older version began the run, so that what it did not record is not
    compared.
    """
    if old["kind"] != new["kind"]:
        raise RunError(
            f"{folder} holds the results of another analysis ({old['kind']}, and this is {new['kind']}). "
            "Choose another folder (out=), or delete it to start over."
        )
    lines = differences(old["settings"], new["settings"], legacy=legacy)
    if lines:
        told = "\n".join(f"  {line}" for line in lines)
        raise RunError(
            f"{folder} holds a run with other settings:\n{told}\n"
            "A folder keeps the settings, and the samples, that its run began with. Choose another folder "
            "(--out; out= in Python), ask for what this one has, or delete it to start over."
        )


def differences(
    before: Mapping[str, Any],
    asked: Mapping[str, Any],
    *,
    legacy: bool = False,
    where: tuple[str, str] = ("in the folder", "asked for"),
) -> list[str]:
    """What differs between the settings of a folder and those asked for, a line each; `where` calls these."""
    first, second = where
    if legacy and "separators" in asked:  # an older version knew one choice
        before = {"separators": "video", **before}
    different = [key for key in sorted({*before, *asked}) if before.get(key) != asked.get(key)]
    if legacy:
        different = [key for key in different if key in before or key not in _PARTS]
    lines = []
    for key in different:
        then, now = _short(before.get(key)), _short(asked.get(key))
        if key in _PARTS:
            if "model" not in different:  # else that line says it
                what = key.removesuffix("_sha256").replace("_", " ")
                kind = "sha256 " if key.endswith("_sha256") else ""
                lines.append(f"{what} of the model: {kind}{then} {first}, {kind}{now} {second}")
        elif (names := _CONTENT.get(key)) is None:
            lines.append(f"{key}: {then} {first}, {now} {second}")
        elif not set(names) & set(different):  # else the lines of these names tell more than a hash does
            lines.append(f"{names[0]}: {_short(before.get(names[0]))} as {first}, but with other content")
    return lines


def _short(value: Any, width: int = 120) -> str:
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= width else text[: width - 3] + "..."
