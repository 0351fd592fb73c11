"""What a run folder says about itself: settings that decide the numbers, and where they were computed."""

from __future__ import annotations

import datetime
import hashlib
import importlib.metadata
import json
import platform
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from workbench.errors import RunError
from workbench.version import __version__

FORMAT = 1
"""Version of the run folder's layout."""

_PACKAGES = ("torch", "transformers", "nnsight")
_COMMAND: ContextVar[str | None] = ContextVar("command", default=None)


@contextmanager
def made_by(words: Sequence[str]) -> Iterator[None]:
    """Runs begun inside say in their manifest that this command line made them."""
    before = _COMMAND.set(shlex.join(words))
    try:
        yield
    finally:
        _COMMAND.reset(before)


def new_manifest(kind: str, settings: Mapping[str, Any], model: Any) -> dict[str, Any]:
    """The manifest of a run that starts now. On resume `settings` must agree; the rest is for the record."""
    return {
        "format": FORMAT,
        "kind": kind,
        "settings": json.loads(json.dumps(settings)),
        "created": now(),
        "finished": None,
        **provenance(model),
        "resumed": [],
    }


def model_settings(model: Any) -> dict[str, Any]:
    """The settings of a model that decide its numbers."""
    return {
        "model": str(model.name),
        "weights_sha256": str(model.weights_hash),
        "dtype": str(model.dtype).removeprefix("torch."),
        "attention": str(model.attention),
        "device": str(model.device).split(":")[0],
    }


def data_settings(samples: Any) -> dict[str, Any]:
    """What decides a run's rows: the annotations, and which samples in which order."""
    ids = [sample.id for sample in samples]
    return {
        "data": str(getattr(samples, "name", "samples")),
        "data_sha256": str(getattr(samples, "fingerprint", "")),
        "samples": len(ids),
        "sample_ids_sha256": hash_of(ids),
    }


def hash_of(lines: Iterable[str]) -> str:
    """sha256 of some lines of text."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def provenance(model: Any = None) -> dict[str, Any]:
    """The command line, versions and device of this process; the command is None where Python was asked."""
    versions = {"workbench": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return {
        "command": _COMMAND.get(),
        "versions": versions,
        "platform": f"{platform.system()} {platform.machine()}",
        "device_name": device_name(model),
    }


def device_name(model: Any) -> str:
    """The name of the chip that a model runs on, for example "NVIDIA H100 80GB HBM3"."""
    device = str(getattr(model, "device", "cpu"))
    if device.startswith("cuda"):
        import torch

        return torch.cuda.get_device_name(torch.device(device))
    if not device.startswith("cpu"):
        return device
    return f"cpu ({_cpu_name()})"


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def now() -> str:
    """The time, UTC, ISO 8601, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest at `path`. Raises RunError where it cannot be read."""
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        known, _, _, _ = (manifest[key] for key in ("format", "kind", "settings", "resumed"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise RunError(
            f"{path} is not a run's manifest ({error}). Name a folder that a run has written, or delete this "
            "folder and run again."
        ) from error
    if known != FORMAT:
        raise RunError(
            f"{path} has format {known}; this version of the workbench reads format {FORMAT}. "
            "Read it with the version named in it, or run again into another folder."
        )
    return manifest


_CONTENT = {
    "sample_ids_sha256": ("samples",),
    "data_sha256": ("data", "samples"),
    "weights_sha256": ("model",),
}
"""Hashes in the settings, and the settings that name what they are of."""


def check_same(folder: Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Raise RunError where the run in `folder` was begun with other settings than those now asked for."""
    if old["kind"] != new["kind"]:
        raise RunError(
            f"{folder} holds the results of another analysis ({old['kind']}, and this is {new['kind']}). "
            "Choose another folder (out=), or delete it to start over."
        )
    before, now_asked = old["settings"], new["settings"]
    different = [key for key in sorted({*before, *now_asked}) if before.get(key) != now_asked.get(key)]
    lines = []
    for key in different:
        if (names := _CONTENT.get(key)) is None:
            lines.append(
                f"{key}: {_short(before.get(key))} in the folder, {_short(now_asked.get(key))} asked for"
            )
        elif not set(names) & set(different):  # else the lines of these names tell more than a hash does
            lines.append(
                f"{names[0]}: {_short(before.get(names[0]))} as in the folder, but with other content"
            )
    if lines:
        told = "\n".join(f"  {line}" for line in lines)
        raise RunError(
            f"{folder} holds a run with other settings:\n{told}\n"
            "A folder keeps the settings, and the samples, that its run began with. Choose another folder "
            "(--out; out= in Python), ask for what this one has, or delete it to start over."
        )


def _short(value: Any, width: int = 120) -> str:
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= width else text[: width - 3] + "..."
