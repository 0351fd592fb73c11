"""Models that lie on several devices, or partly on the disk: accelerate moves weights to where they are used.

Between uses such weights are on no device ("meta"). What reads a weight itself, instead of calling its
module, asks for it here.
"""

from __future__ import annotations

import shutil
import tempfile
import warnings
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from workbench.errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

DeviceMap = str | Mapping[str, str | int]
""" "auto", or the name of a module -> "cpu", "disk", or the number of a GPU."""


@contextmanager
def present(module: Any) -> Iterator[None]:
    """The weights of this module, not of modules below it, are where it runs while the context is open."""
    if not hasattr(module, "_hf_hook"):
        yield
        return
    from accelerate.utils import align_module_device

    with align_module_device(module):
        yield


def dispatched(hf: PreTrainedModel, device_map: DeviceMap) -> PreTrainedModel:
    """The model on the devices of the map, "auto" filling GPUs evenly; what fits on none goes to
    the memory of the machine, and then to the disk.

    Raises ModelError where accelerate is not there, or the map does not fit the model.
    """
    try:
        import accelerate
    except ImportError:
        raise ModelError(
            "device_map= needs accelerate, which is not installed: pip install accelerate. Or give one "
            "device= that holds the whole model."
        ) from None
    whole: Any = getattr(hf, "_no_split_modules", None) or []
    if isinstance(device_map, str):
        if device_map != "auto":
            raise ModelError(
                f"device_map={device_map!r} is not offered: use 'auto', or a dict from the names of modules "
                "to 'cpu', 'disk' or the number of a GPU."
            )
        most: Any = accelerate.utils.get_balanced_memory(hf, no_split_module_classes=whole)
        places: dict[str, Any] = dict(
            accelerate.infer_auto_device_map(hf, max_memory=most, no_split_module_classes=whole)
        )
    else:
        places = dict(device_map)
    lone = places.keys() & dict(hf.named_parameters()).keys()
    folder = None
    if "disk" in places.values():
        folder = tempfile.mkdtemp(prefix="workbench-weights-")
        weakref.finalize(hf, shutil.rmtree, folder, ignore_errors=True)
    try:
        with warnings.catch_warnings():
            if lone:  # which it warns of as no modules, and wants to be given
                warnings.filterwarnings("ignore", "The following device_map keys")
            main: Any = str(_main(places))  # as text: it compares it with "cpu"
            accelerate.dispatch_model(hf, places, offload_dir=folder, main_device=main)
    except (ValueError, KeyError, RuntimeError, AttributeError) as error:
        raise ModelError(
            f"device_map= does not fit {type(hf).__name__} ({error!s:.200}). Name modules of the model, or "
            "use device_map='auto'."
        ) from error
    for name in lone:  # such as LLaVA's newline: accelerate moves what modules hold, when they are called
        weight = hf.get_parameter(name)
        weight.data = weight.data.to(main_device(hf))
    return hf


def main_device(hf: PreTrainedModel) -> torch.device:
    """Where a model's inputs go."""
    places = getattr(hf, "hf_device_map", None)
    return hf.device if places is None else _main(places)


def _main(places: Mapping[str, Any]) -> torch.device:
    """Where inputs go: the first GPU of the map, or else the CPU."""
    gpus = [place for place in places.values() if place not in ("cpu", "disk")]
    if not gpus:
        return torch.device("cpu")
    return torch.device("cuda", gpus[0]) if isinstance(gpus[0], int) else torch.device(gpus[0])
