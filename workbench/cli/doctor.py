"""workbench doctor: what is installed, what is missing for which feature, and what the GPUs can hold."""

from __future__ import annotations

import platform
import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Iterator
from importlib import metadata
from typing import NamedTuple

from packaging.requirements import Requirement

import workbench
from workbench.cli.printed import print_table

DISTRIBUTION = "video-llm-workbench"
FEATURES = {
    "notebooks": "JupyterLab, and the viewer in it",
    "offload": "device_map=: a model on several GPUs, or partly on the disk",
    "ray": "--workers: several copies of the model, on one machine or many",
    "quantized": "load_in=: models in 4 and 8 bits",
    "timm": "PerceptionLM's vision tower",
}
"""What each extra is for; those of developers are not told."""
_SPARE = 0.75
"""Of a GPU's memory, for weights; a sweep of Map the Flow's set took 6 GB beside them at 7B."""
_BYTES = {"bfloat16": 2.0, "4bit": 0.6}
"""A parameter takes so many; in 4 bits embeddings and vision tower stay as they are."""


class Found(NamedTuple):
    """One package that is asked for."""

    package: str
    wanted: str
    installed: str
    """Its version; empty where there is none."""
    extra: str
    """The extra that wants it; empty where everything does."""
    fits: bool
    """Whether it is there, in the range."""


def add(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Its parser."""
    doctor = commands.add_parser(
        "doctor", help="what is installed, what is missing for which feature, and GPUs"
    )
    doctor.set_defaults(act=_examine)


def _examine(chosen: Namespace) -> int:
    system = f"{platform.system()} {platform.machine()}"
    print(f"workbench {workbench.__version__}, Python {sys.version.split()[0]}, {system}\n")
    packages = list(found())
    rows = [(one.package, one.wanted, one.installed or "missing", _told(one)) for one in packages]
    print_table(("package", "wanted", "here", ""), rows)
    print()
    for extra, what in FEATURES.items():
        lacking = [one.package for one in packages if one.extra == extra and not one.fits]
        how = f"no ({', '.join(lacking)}): pip install '{DISTRIBUTION}[{extra}]'" if lacking else "yes"
        print(f"{extra:10} {what}: {how}")
    print()
    for line in devices():
        print(line)
    wrong = [one.package for one in packages if not one.extra and not one.fits]
    if wrong:
        print(f"\nNot as wanted: {', '.join(wrong)}. Install again: pip install {DISTRIBUTION}")
    return 1 if wrong else 0


def found() -> Iterator[Found]:
    """Every package that this version asks for on this machine: first those that are always needed."""
    wanted = [Requirement(text) for text in metadata.requires(DISTRIBUTION) or ()]
    for extra in ("", *FEATURES):
        for one in wanted:
            always = one.marker is None or one.marker.evaluate({"extra": ""})
            here = one.marker is not None and one.marker.evaluate({"extra": extra})
            if one.name == DISTRIBUTION or (not always if not extra else always or not here):
                continue
            version = _version(one.name)
            fits = bool(version) and one.specifier.contains(version, prereleases=True)
            yield Found(one.name, _range(one), version, extra, fits)


def devices() -> Iterator[str]:
    """A line for each GPU, with the models that it can hold, or that there is none."""
    import torch

    if not torch.cuda.is_available():
        yield "No CUDA GPU is seen by torch: models run on the CPU, the embedded one well."
        return
    for number in range(torch.cuda.device_count()):
        told = torch.cuda.get_device_properties(number)
        room = told.total_memory * _SPARE / 1e9
        held = ", ".join(f"{room / size:.0f}B in {name}" for name, size in _BYTES.items())
        yield f"cuda:{number} {told.name}, {told.total_memory / 2**30:.0f} GiB: models of up to {held}"


def _told(one: Found) -> str:
    if one.fits:
        return ""
    return "needed" if not one.extra else f"for [{one.extra}]"


def _range(one: Requirement) -> str:
    """Lower end first."""
    return ",".join(sorted(map(str, one.specifier), reverse=True))


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
