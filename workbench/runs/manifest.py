"""What a run folder says about itself: settings that decide the numbers, and where they were computed."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import platform
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from workbench.errors import RunError
from workbench.foreign import read_json, validated
from workbench.runs.settings import hash_of_settings
from workbench.version import __version__

FORMAT = 1
"""Version of the run folder's layout."""
_MOST_BYTES = 64 * 2**20

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
    plain = json.loads(json.dumps(settings))
    return {
        "format": FORMAT,
        "kind": kind,
        "settings": plain,
        "settings_sha256": hash_of_settings(kind, plain),
        "created": now(),
        "finished": None,
        **provenance(model),
        "resumed": [],
    }


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


class _Settings(BaseModel):
    """Settings that are read again. Each may be missing: analyses differ."""

    model_config = ConfigDict(extra="allow", strict=True)

    model: str = ""
    data: str = ""
    samples: Annotated[int, Field(ge=0, lt=10**9)] = 0
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    flows: list[str] = []
    windows: list[str] = []
    dtype: str = ""
    only_correct: bool = True


class _Manifest(BaseModel):
    """What a manifest must hold, and what it may."""

    model_config = ConfigDict(extra="allow", strict=True)

    format: int
    kind: str
    settings: _Settings
    resumed: list[dict[str, Any] | str]
    settings_sha256: str | None = None
    created: str = ""
    finished: str | None = None
    command: str | None = None
    versions: dict[str, str] = {}
    platform: str = ""
    device_name: str = ""


_DEFAULTS = {
    "created": "",
    "finished": None,
    "command": None,
    "versions": {},
    "platform": "",
    "device_name": "",
}


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest at `path`. Raises RunError where it cannot be read, or its settings were changed."""
    try:
        manifest = read_json(path, error=RunError, most_bytes=_MOST_BYTES)
        known = manifest.get("format") if isinstance(manifest, dict) else None
        if isinstance(known, int) and known != FORMAT:
            raise RunError(
                f"{path} has format {known}; this version of the workbench reads format {FORMAT}. "
                "Read it with the version named in it, or run again into another folder."
            )
        validated(_Manifest, manifest, source=str(path), error=RunError)
    except RunError as error:
        if "has format" in str(error):
            raise
        raise RunError(
            f"{path} is not a run's manifest ({error}) Name a folder that a run has written, or delete this "
            "folder and run again."
        ) from error
    if manifest.get("settings_sha256") not in (None, settings_sum(manifest)):
        raise RunError(
            f"The settings in {path} are damaged, or were changed: they are not those that its run was made "
            "with. Restore the file, or run again into another folder."
        )
    return {**_DEFAULTS, **manifest}


def settings_sum(manifest: Mapping[str, Any]) -> str:
    """The hash of a manifest's settings, which each sample's record names."""
    return hash_of_settings(manifest["kind"], manifest["settings"])


def is_legacy(manifest: Mapping[str, Any]) -> bool:
    """Whether a version began the run that did not yet tie samples and tables to it."""
    return manifest.get("settings_sha256") is None
