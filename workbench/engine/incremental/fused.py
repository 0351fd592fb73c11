"""Norms, rotations and gates in fewer passes over memory than the models' own code makes.

Written out, as models write it, an RMS norm passes over memory six times, a rotation five and the gate of an
MLP five; on a GPU, together they cost half as much as the matrix products. On a CPU an MLP takes as many rows
at a time as leave its activations in the cache.

Axes: b batch, H query heads, K key/value heads, s position, e head dim.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_ROTATION = "apply_rotary_pos_emb"
_MLP = ("gate_proj", "up_proj", "down_proj")
_ROWS = 4
_CACHED_ROWS = 512
"""Rows of an MLP at a time on a CPU: enough to read its weights seldom, few enough to stay in the cache."""
_known: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()
_parts: WeakKeyDictionary[nn.Module, _Parts] = WeakKeyDictionary()
"""By layer: to look for them every time takes as long as many a cut."""


@contextmanager
def fused(layers: Iterable[nn.Module]) -> Iterator[None]:
    """Norms, rotations and gates of these decoder layers run in fewer passes while the context is open.

    Only what a trial shows to compute the same is replaced. Results are rounded less often: float32 stays
    within its rounding, bfloat16 moves by about its last digit.
    """
    with ExitStack() as until:
        homes: dict[str, Any] = {}
        for layer in layers:
            if layer not in _parts:
                _parts[layer] = _Parts.of(layer)
            parts = _parts[layer]
            homes.update(parts.homes)
            for module, forward in parts.forwards:
                until.callback(put, module, "forward", vars(module).get("forward"))
                module.forward = forward
        for home in homes.values():
            own = vars(home).get(_ROTATION)
            if own is not None and rotates_halves(own):
                until.callback(setattr, home, _ROTATION, own)
                setattr(home, _ROTATION, _rotation(own))
        yield


class _Parts(NamedTuple):
    """What is replaced in a layer."""

    forwards: list[tuple[nn.Module, Callable[[Tensor], Tensor]]]
    """Modules, each with its forward in fewer passes."""
    homes: dict[str, Any]
    """Python modules that hold its code."""

    @classmethod
    def of(cls, layer: nn.Module) -> _Parts:
        modules = list(layer.modules())
        forwards = [(module, _norm(module)) for module in filter(is_rms_norm, modules)]
        forwards += [(module, _mlp(module)) for module in filter(is_gated_mlp, modules)]
        names = {type(module).__module__ for module in modules}
        return cls(forwards, {name: sys.modules[name] for name in names})


def is_rms_norm(module: nn.Module) -> bool:
    """Does this module compute weight * x / rms(x), and nothing more?"""
    if not type(module).__name__.endswith("RMSNorm") or hasattr(module, "_hf_hook"):
        return False
    if module not in _known:
        _known[module] = _is_rms_norm(module)
    return _known[module]


def is_gated_mlp(module: nn.Module) -> bool:
    """Does this module compute down(silu(gate(x)) * up(x)), and nothing more?"""
    if not all(isinstance(getattr(module, name, None), nn.Module) for name in _MLP):
        return False
    if hasattr(module, "_hf_hook"):
        return False
    if module not in _known:
        _known[module] = _is_gated_mlp(module)
    return _known[module]


@functools.cache
def has_triton() -> bool:
    """Whether Triton is here, which comes with torch for CUDA."""
    return importlib.util.find_spec("triton") is not None


def rotates_halves(function: Callable[..., Any]) -> bool:
    """Does this function rotate query and key, first half against second half, as Llama's does?"""
    if function not in _known:
        _known[function] = _rotates_halves(function)
    return _known[function]


@torch.no_grad()
def _is_rms_norm(module: nn.Module) -> bool:
    weight = getattr(module, "weight", None)
    if not isinstance(weight, Tensor) or weight.ndim != 1 or _eps(module) is None:
        return False
    trial = 3 * _random(_ROWS, len(weight)).to(weight.device, weight.dtype)
    # Two roundings may part by two units in the last place.
    rtol = 4 * torch.finfo(weight.dtype).eps
    return torch.allclose(_norm(module)(trial), module(trial), rtol=rtol, atol=1e-6)


@torch.no_grad()
def _is_gated_mlp(module: nn.Module) -> bool:
    weight = next(module.gate_proj.parameters(), None)  # type: ignore[union-attr]
    if weight is None or not weight.is_floating_point() or weight.ndim != 2:
        return False
    trial = _random(_ROWS, weight.shape[1]).to(weight.device, weight.dtype)
    try:
        own = module(trial)
    except (TypeError, RuntimeError, IndexError):
        return False
    expected = _mlp(module)(trial)
    if not isinstance(own, Tensor) or own.shape != expected.shape:
        return False
    # Sums of many products, rounded in another place.
    bound = 4 * torch.finfo(weight.dtype).eps * float(own.abs().max())
    return float((own - expected).abs().max()) <= bound


def _rotates_halves(function: Callable[..., Any]) -> bool:
    query, key, cos, sin = (_random(1, *shape) for shape in ((4, 3, 8), (2, 3, 8), (3, 8), (3, 8)))
    try:
        expected = function(query, key, cos, sin)
    except (TypeError, RuntimeError):
        return False
    return all(map(torch.allclose, (_rotated(query, cos, sin), _rotated(key, cos, sin)), expected))


def _norm(module: nn.Module) -> Callable[[Tensor], Tensor]:
    eps = _eps(module)

    def forward(hidden_states: Tensor) -> Tensor:
        weight = module.weight
        assert isinstance(weight, Tensor)
        if _on_cpu(hidden_states) and hidden_states.dtype == weight.dtype:
            return _normed(hidden_states, weight, eps)
        return F.rms_norm(hidden_states, weight.shape, weight, eps)

    return forward


def _normed(rows: Tensor, weight: Tensor, eps: float | None) -> Tensor:
    """weight * rows / rms(rows), over the last axis; torch's own makes more passes on a CPU."""
    size = torch.linalg.vector_norm(rows, dim=-1, keepdim=True)
    floor = torch.finfo(rows.dtype).eps if eps is None else eps
    return (rows * size.square_().div_(rows.shape[-1]).add_(floor).rsqrt_()).mul_(weight)


def _on_cpu(rows: Tensor) -> bool:
    """Whether rows are on a CPU, in a type that is worked out as it is."""
    return rows.device.type == "cpu" and rows.dtype in (torch.float32, torch.float64)


def _mlp(module: Any) -> Callable[[Tensor], Tensor]:
    def whole(x: Tensor) -> Tensor:
        return module.down_proj(_gated(module.gate_proj(x), module.up_proj(x)))

    def forward(x: Tensor) -> Tensor:
        if not _on_cpu(x) or x.shape[:-1].numel() <= _CACHED_ROWS:
            return whole(x)
        return torch.cat([whole(rows) for rows in x.flatten(0, -2).split(_CACHED_ROWS)]).view(x.shape)

    return forward


def _gated(gate: Tensor, up: Tensor) -> Tensor:
    """silu(gate) * up, which may take the place of `gate`."""
    if gate.device.type == "cuda" and has_triton():
        from workbench.engine.incremental.pointwise import gated

        with torch.cuda.device(gate.device):
            return gated(gate, up)
    return F.silu(gate, inplace=True).mul_(up)


def _rotation(own: Callable[..., Any]) -> Callable[..., Any]:
    def apply_rotary_pos_emb(
        q: Tensor, k: Tensor, cos: Tensor, sin: Tensor, *args: Any, **kwargs: Any
    ) -> Any:
        if args or kwargs or cos.shape[-1] != q.shape[-1]:
            return own(q, k, cos, sin, *args, **kwargs)
        if q.device.type == "cuda" and has_triton() and q.shape[-1] % 32 == 0 and len(q) == 1:
            from workbench.engine.incremental.pointwise import rotated

            with torch.cuda.device(q.device):
                return rotated(q, k, cos, sin)
        return _rotated(q, cos, sin), _rotated(k, cos, sin)

    return apply_rotary_pos_emb


def _rotated(rows: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Queries or keys (b, heads, s, e), each pair (i, i + e/2) turned by its angle; cos and sin (b, s, e)."""
    half = rows.shape[-1] // 2
    if _on_cpu(rows):
        cos, sin = cos[:, None], sin[:, None]
        turned = rows * cos
        turned[..., :half].addcmul_(rows[..., half:], sin[..., :half], value=-1)
        turned[..., half:].addcmul_(rows[..., :half], sin[..., half:])
        return turned
    turned = torch.empty_like(rows)
    for here, other, sign in ((slice(half), slice(half, None), -1), (slice(half, None), slice(half), 1)):
        part = turned[..., here]
        torch.mul(rows[..., here], cos[:, None, :, here], out=part)
        part.addcmul_(rows[..., other], sin[:, None, :, here], value=sign)
    return turned


def _eps(module: nn.Module) -> float | None:
    return getattr(module, "variance_epsilon", getattr(module, "eps", None))


def _random(*shape: int) -> Tensor:
    source = torch.Generator("cpu").manual_seed(sum(shape))
    return torch.randn(*shape, generator=source, dtype=torch.float32, device="cpu")


def put(module: nn.Module, name: str, value: Any) -> None:
    """Back to what the instance had before (nnsight keeps its own forward there), or to the class's."""
    if value is None:
        delattr(module, name)
    else:
        setattr(module, name, value)
