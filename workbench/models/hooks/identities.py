"""Which identities of the residual stream hold in a decoder, so that points are only what their names say.

resid_pre + attn_out = resid_mid and resid_mid + mlp_out = resid_post hold where norms stand before attention
and MLP, and what these give is added as it is. Layers with norms behind them (OLMo 2), on both sides (GLM-4,
Gemma), or with a multiplier (Granite) have modules of the same names that hold something else. Which it is
shows in numbers: a few tokens are run through the decoder until every kind of its layers has been seen.

Axes: b batch (1), s position, d model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from workbench.models.families import Family

ATTENTION = ("hook_attn_out", "attn.hook_result")
MIDDLE = ("hook_resid_mid", "hook_mlp_in", "ln2.hook_scale", "ln2.hook_normalized")
MLP = ("hook_mlp_out",)
"""Points below a block that claim to be what attention adds, the stream between, and what the MLP adds."""

_TOKENS = 3
_NEAR = 0.02
"""Of the size of what is compared: more than bfloat16 rounds, less than any norm or multiplier changes."""
_known: WeakKeyDictionary[nn.Module, list[dict[str, str]]] = WeakKeyDictionary()


@dataclass
class _Seen:
    """What passed one layer."""

    pre: Tensor | None = None
    attention: Tensor | None = None
    middle: Tensor | None = None
    mlp: Tensor | None = None
    post: Tensor | None = None
    inside: list[Tensor] = field(default_factory=list)
    """What its parts gave."""


class _Enough(Exception):
    """Every kind of layer has been run."""


def absent(
    hf: PreTrainedModel, family: Family, places: Mapping[str, tuple[str, ...]]
) -> list[dict[str, str]]:
    """For each decoder layer, the points below it that would not be what their names say, with the reason.

    `places` are the modules below a block of "hook_attn_out", "hook_resid_mid" and "hook_mlp_out", as in the
    table of points. Tried once a model.
    """
    decoder = family.decoder(hf)
    if decoder in _known:
        return _known[decoder]
    judged, ran = _tried(hf, family, places)
    if ran:  # what stands on it now, a hook that waits for a whole prompt, may be gone the next time
        _known[decoder] = judged
    return judged


def found(block: nn.Module, paths: Sequence[str]) -> nn.Module | None:
    """The first of these modules below a block that exists."""
    for path in paths:
        module: nn.Module | None = block
        for part in path.split(".") if path else ():
            module = getattr(module, part, None)
        if isinstance(module, nn.Module):
            return module
    return None


def _tried(
    hf: PreTrainedModel, family: Family, places: Mapping[str, tuple[str, ...]]
) -> tuple[list[dict[str, str]], bool]:
    """What each layer lacks, and whether the decoder could be run."""
    layers = list(family.decoder_layers(hf))
    kinds = [_kind(layer) for layer in layers]
    wanted = {kind: kinds.index(kind) for kind in kinds}
    seen = {number: _Seen() for number in wanted.values()}
    try:
        with _watching(layers, seen, places), torch.no_grad():
            family.decoder(hf)(
                input_ids=torch.arange(1, 1 + _TOKENS, device=hf.device)[None], use_cache=False
            )
    except _Enough:
        pass
    except Exception as error:  # a decoder that takes more than token ids
        reason = f"the decoder could not be run on a few tokens ({type(error).__name__}: {error!s:.80})"
        return [dict.fromkeys((*ATTENTION, *MIDDLE, *MLP), reason) for _ in layers], False
    judged = {kind: _judged(layers[number], seen[number]) for kind, number in wanted.items()}
    return [judged[kind] for kind in kinds], True


def _kind(layer: Any) -> Any:
    told = getattr(layer, "attention_type", getattr(layer, "layer_type", None))
    return type(layer), told, tuple(name for name, _ in layer.named_children())


@contextmanager
def _watching(
    layers: Sequence[Any], seen: Mapping[int, _Seen], places: Mapping[str, tuple[str, ...]]
) -> Iterator[None]:
    with ExitStack() as stack:
        for number, into in seen.items():
            layer = layers[number]
            before = partial(_keep_input, into, "pre")
            stack.callback(layer.register_forward_pre_hook(before, with_kwargs=True).remove)
            if (norm := found(layer, places["hook_resid_mid"])) is not None:
                before = partial(_keep_input, into, "middle")
                stack.callback(norm.register_forward_pre_hook(before, with_kwargs=True).remove)
            for name, row in (("attention", "hook_attn_out"), ("mlp", "hook_mlp_out")):
                if (module := found(layer, places[row])) is not None:
                    stack.callback(module.register_forward_hook(partial(_keep_output, into, name)).remove)
            for child in layer.children():
                stack.callback(child.register_forward_hook(partial(_keep_part, into)).remove)
            stack.callback(layer.register_forward_hook(partial(_keep_output, into, "post")).remove)
        stack.callback(layers[max(seen)].register_forward_hook(_stop).remove)
        yield


def _keep_input(into: _Seen, name: str, module: nn.Module, args: Any, kwargs: Any) -> None:
    given = args[0] if args else kwargs.get("hidden_states")
    if isinstance(given, Tensor):
        setattr(into, name, given.clone())


def _keep_output(into: _Seen, name: str, module: nn.Module, args: Any, output: Any) -> None:
    value = output[0] if isinstance(output, tuple) else output
    if isinstance(value, Tensor):
        setattr(into, name, value.clone())


def _keep_part(into: _Seen, module: nn.Module, args: Any, output: Any) -> None:
    value = output[0] if isinstance(output, tuple) else output
    if isinstance(value, Tensor):
        into.inside.append(value.clone())


def _stop(module: nn.Module, args: Any, output: Any) -> None:
    raise _Enough


def _judged(layer: nn.Module, seen: _Seen) -> dict[str, str]:
    """The points of a layer that are not what their names say."""
    name = type(layer).__name__
    pre, attention, mlp, post = seen.pre, seen.attention, seen.mlp, seen.post
    if pre is None or post is None:
        return dict.fromkeys((*ATTENTION, *MIDDLE, *MLP), f"{name} does not show its residual stream")
    changed = f"{name} normalises or scales it before it is added to the residual stream"
    if seen.middle is None:  # attention and MLP side by side, after one norm
        both = attention is not None and mlp is not None and _adds(pre, attention + mlp, post)
        return {} if both else dict.fromkeys((*ATTENTION, *MLP), changed)
    middle = seen.middle
    gone: dict[str, str] = {}
    parts = [part for part in seen.inside if part.shape == pre.shape == middle.shape]
    if not any(_adds(pre, _scaled(part, middle - pre), middle) for part in parts):
        reason = f"the norm that would hold it has another input than the residual stream in {name}"
        gone |= dict.fromkeys(MIDDLE, reason)
    if attention is None or not _adds(pre, attention, middle):
        gone |= dict.fromkeys(ATTENTION, changed)
    if mlp is None or not _adds(middle, mlp, post):
        gone |= dict.fromkeys(MLP, changed)
    return gone


def _adds(before: Tensor, part: Tensor, after: Tensor) -> bool:
    """Whether before + part = after, up to what the type rounds."""
    if not before.shape == part.shape == after.shape:  # several streams, as in Gemma 3n
        return False
    rounding = 2 * torch.finfo(after.dtype).eps * float(after.float().norm())
    off = (before.float() + part.float() - after.float()).norm()
    return bool(off <= _NEAR * float(part.float().norm()) + rounding)


def _scaled(part: Tensor, like: Tensor) -> Tensor:
    """The part, times the number that brings it nearest to `like`."""
    part, flat = part.float(), like.float().flatten()
    return part * (torch.dot(flat, part.flatten()) / part.square().sum().clamp(min=1e-30))
