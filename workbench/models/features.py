"""What a vision tower makes of a clip, kept on the disk: rows that go into the decoder.

An entry is of the pixels' content, so that a clip and its reversed twin differ, and of all that decides its
bits: weights, config, dtype, attention, device and versions. The untouched forward of a sweep looks here.
"""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
import transformers
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary
from transformers import modeling_outputs
from transformers.utils.generic import ModelOutput

from workbench.cache import Kept, key_of, sum_of_tensor
from workbench.models.checkpoints.identity import identity_of
from workbench.models.vision import through
from workbench.version import __version__

if TYPE_CHECKING:
    from workbench.models.video_llm import VideoLLM
    from workbench.prompts.prompt import Prompt

_UNUSED = ("last_hidden_state", "hidden_states", "attentions")
"""Fields that no decoder takes, and that are many times as large as those it takes."""


class _Noted(NamedTuple):
    content: str
    kept: Kept | None


class _Tower(NamedTuple):
    """The part of a model that comes before its decoder."""

    modules: list[torch.nn.Module]
    hooks: int
    """That stand in it when the model is loaded: transformers has some of its own."""
    weights: list[tuple[Tensor, int]]
    """Each with its count of changes in place when the model was loaded."""


class _CannotKeep(Exception):
    """An argument or a result that cannot be told by its content."""


_noted: Any = WeakTensorKeyDictionary()
_towers: WeakKeyDictionary[VideoLLM, _Tower] = WeakKeyDictionary()
_identities: WeakKeyDictionary[VideoLLM, str] = WeakKeyDictionary()


def look_up(model: VideoLLM, prompt: Prompt) -> None:
    """Look for what is kept of a prompt's pixels, so that nobody waits later; does nothing without a cache.

    Safe in threads.
    """
    if model.cache is None or watch(model) is None:
        return
    for name, tensor in prompt.inputs.items():
        if name.startswith("pixel_values"):
            content = sum_of_tensor(tensor)
            _noted[tensor] = _Noted(content, model.cache.get("features", _key(model, content)))


@contextmanager
def kept_features(model: VideoLLM) -> Iterator[None]:
    """While the context is open features of pixels come from the model's cache, and are put into it.

    The tower runs as ever where hooks stand in it, its weights were changed in place, gradients are wanted,
    or its results are of a kind that cannot be kept.
    """
    tower = None if model.cache is None else watch(model)
    if tower is None or not _is_as_loaded(tower) or torch.is_grad_enabled() or torch.is_autocast_enabled():
        yield
        return
    with through(model, _Keeping(model).around):
        yield


class _Keeping:
    """The functions of one model that turn pixels into features."""

    def __init__(self, model: VideoLLM) -> None:
        assert model.cache is not None
        self._model, self._cache = model, model.cache
        self._inside = False

    def around(self, name: str, compute: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(compute)  # transformers reads the names of its arguments
        def kept(*args: Any, **kwargs: Any) -> Any:
            if self._inside:  # one that another one calls
                return compute(*args, **kwargs)
            self._inside = True
            try:
                return self._found_or_made(name, compute, args, kwargs)
            finally:
                self._inside = False

        return kept

    def _found_or_made(self, name: str, compute: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        pixels = next((value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)), None)
        if pixels is None:
            return compute(*args, **kwargs)
        noted = _noted.get(pixels)
        content = sum_of_tensor(pixels) if noted is None else noted.content
        key = _key(self._model, content)
        try:
            call = key_of(name, _told(args), _told(kwargs))
        except _CannotKeep:
            return compute(*args, **kwargs)
        found = self._cache.get("features", key) if noted is None else noted.kept
        if found is not None and found.notes.get("call") == call:
            return _built(json.loads(found.notes["form"]), found.tensors, self._model, pixels.device)
        made = compute(*args, **kwargs)
        tensors: dict[str, Tensor] = {}
        try:
            form = json.dumps(_taken_apart(made, tensors, self._model))
        except _CannotKeep:
            return made
        self._cache.put_later("features", key, tensors, {"call": call, "form": form})
        return made


def _key(model: VideoLLM, content: str) -> str:
    if model not in _identities:
        told = identity_of(model.checkpoint, model.template, model.pixels)
        _identities[model] = key_of(
            __version__,
            model.weights_hash,
            told["config_sha256"],
            told.get("code_sha256"),
            None if model.adapter is None else model.adapter.sha256,
            model.load_in,
            model.dtype,
            model.attention,
        )
    return key_of(_identities[model], _how(model), content)


def watch(model: VideoLLM, *, anew: bool = False) -> _Tower | None:
    """The tower as it was when this was first asked, or now (`anew`).

    None where its features cannot be kept: of a family that nobody has described, or on several devices.
    """
    if model.family.guessed or getattr(model.hf, "hf_device_map", None) is not None:
        return None
    if anew or model not in _towers:
        inside = set(model.family.decoder(model.hf).modules())
        modules = [module for module in model.hf.modules() if module not in inside]
        weights: list[tuple[Tensor, int]] = [
            (weight, weight._version) for module in modules for weight in module.parameters(recurse=False)
        ]
        _towers[model] = _Tower(modules, _hooks(modules), weights)
    return _towers[model]


def _how(model: VideoLLM) -> str:
    """What else decides the last bits: where and by what is computed."""
    if model.device.type == "cuda":
        chip = (torch.cuda.get_device_name(model.device), torch.version.cuda, torch.backends.cudnn.version())
        flags = (
            torch.backends.cuda.matmul.allow_tf32,
            torch.backends.cudnn.allow_tf32,
            torch.backends.cudnn.deterministic,
            torch.backends.cudnn.benchmark,
            torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction,
            torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction,
        )
    else:
        chip = (model.device.type, platform.machine(), torch.backends.cpu.get_cpu_capability())
        flags = torch.get_num_threads(), torch.backends.mkldnn.is_available()
    return key_of(
        torch.__version__,
        transformers.__version__,
        torch.get_float32_matmul_precision(),
        torch.are_deterministic_algorithms_enabled(),
        *chip,
        *flags,
    )


def _is_as_loaded(tower: _Tower) -> bool:
    changed = any(weight._version != version for weight, version in tower.weights)
    return not changed and _hooks(tower.modules) == tower.hooks


def _hooks(modules: list[torch.nn.Module]) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in modules)


def _told(value: Any) -> str:
    """An argument as text that says all about it."""
    if isinstance(value, Tensor):
        noted = _noted.get(value)
        return f"tensor {sum_of_tensor(value) if noted is None else noted.content}"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name!r}: {_told(value[name])}' for name in sorted(value))}}}"
    if isinstance(value, list | tuple):
        return f"{type(value).__name__}({', '.join(map(_told, value))})"
    if value is None or isinstance(value, bool | int | float | str | torch.dtype):
        return repr(value)
    raise _CannotKeep


def _taken_apart(value: Any, tensors: dict[str, Tensor], model: VideoLLM) -> Any:
    """A result as JSON, in which numbers of `tensors` stand for its tensors."""
    if isinstance(value, Tensor):
        tensors[name := str(len(tensors))] = value
        return {"tensor": name}
    if isinstance(value, ModelOutput):
        if _output_class(type(value).__name__, model) is not type(value):
            raise _CannotKeep
        fields = {
            name: _taken_apart(inner, tensors, model) for name, inner in value.items() if name not in _UNUSED
        }
        return {"output": type(value).__name__, "fields": fields}
    if type(value) in (list, tuple):
        return {type(value).__name__: [_taken_apart(inner, tensors, model) for inner in value]}
    if value is None or isinstance(value, bool | int | float | str):
        return {"plain": value}
    raise _CannotKeep


def _built(form: Any, tensors: Mapping[str, Tensor], model: VideoLLM, device: torch.device) -> Any:
    """What was taken apart."""
    if "tensor" in form:
        return tensors[form["tensor"]].to(device)
    if "output" in form:
        fields = {name: _built(inner, tensors, model, device) for name, inner in form["fields"].items()}
        return _output_class(form["output"], model)(**fields)
    if "plain" in form:
        return form["plain"]
    ((kind, parts),) = form.items()
    built = (_built(part, tensors, model, device) for part in parts)
    return list(built) if kind == "list" else tuple(built)


def _output_class(name: str, model: VideoLLM) -> Any:
    """The class of outputs of this name: that of the model's module, or of one of its bases, or transformers'
    own; else None."""
    modules = [sys.modules[of.__module__] for of in type(model.hf.model).__mro__]
    for module in (*modules, modeling_outputs):
        found = getattr(module, name, None)
        if isinstance(found, type) and issubclass(found, ModelOutput):
            return found
    return None
