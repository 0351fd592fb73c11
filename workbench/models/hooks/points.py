"""The hook points of a model: TransformerLens' names, and where each lives in the Hugging Face modules.

One table covers every family: a new one gets all points by having modules under one of the paths listed
here, and says in its `hook_places` where it differs. Layers count from 0 in hook names.

Axes: b batch, s position, d model, H query heads, K key/value heads, e head dim, m MLP, q query, k key, t
frame, p patch.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from torch import Tensor, nn

from workbench.errors import HookError
from workbench.models.attention import TAPS, kind_of
from workbench.models.hooks import forms
from workbench.models.hooks.identities import absent, found
from workbench.models.softmax import check_not_compiled

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from workbench.models.families import Family

Side = Literal["in", "out"]


class Row(NamedTuple):
    """One line of the table."""

    name: str
    """Below its block."""
    paths: tuple[str, ...]
    """Module below the block; the first that exists."""
    side: Side
    form: type[forms.Form]
    position_axis: int = 1
    on_request: bool = False
    """Costly or seldom wanted: run_with_cache keeps it only when it is named (TransformerLens has flags)."""
    steps: bool = False
    """Exists only where attention is computed step by step."""


_LN1 = ("input_layernorm",)
_LN2 = ("pre_feedforward_layernorm", "post_attention_layernorm")

# In forward order. hook_embed is what enters the decoder: the token embeddings, and at the video's rows what
# the projector made of it.
EMBED = Row("hook_embed", ("",), "in", forms.Whole)
BLOCK = (
    Row("hook_resid_pre", ("",), "in", forms.Whole),  # b s d
    Row("ln1.hook_scale", _LN1, "out", forms.Scale),  # b s 1
    Row("ln1.hook_normalized", _LN1, "out", forms.Normalized),  # b s d
    Row("attn.hook_q", ("self_attn.q_norm", "self_attn.q_proj"), "out", forms.Heads),  # b s H e
    Row("attn.hook_k", ("self_attn.k_norm", "self_attn.k_proj"), "out", forms.Heads),  # b s K e
    Row("attn.hook_v", ("self_attn.v_proj",), "out", forms.Heads),  # b s K e
    Row("attn.hook_rot_q", ("self_attn.hook_rot_q",), "out", forms.Whole),  # b s H e
    Row("attn.hook_rot_k", ("self_attn.hook_rot_k",), "out", forms.Whole),  # b s K e
    # b H q k, the next two
    Row("attn.hook_attn_scores", ("self_attn.hook_attn_scores",), "out", forms.Whole, 2, steps=True),
    Row("attn.hook_pattern", ("self_attn.hook_pattern",), "out", forms.Whole, 2, steps=True),
    Row("attn.hook_z", ("self_attn.hook_z",), "out", forms.Whole),  # b s H e
    Row("attn.hook_result", ("self_attn.o_proj",), "out", forms.HeadResults, on_request=True),  # b s H d
    Row("hook_attn_out", ("self_attn",), "out", forms.Whole),  # b s d
    Row("hook_resid_mid", _LN2, "in", forms.Shared),  # b s d
    Row("hook_mlp_in", _LN2, "in", forms.Branch, on_request=True),  # b s d
    Row("ln2.hook_scale", _LN2, "out", forms.Scale),  # b s 1
    Row("ln2.hook_normalized", _LN2, "out", forms.Normalized),  # b s d
    Row("mlp.hook_pre", ("mlp.gate_proj",), "out", forms.Whole),  # b s m
    Row("mlp.hook_pre_linear", ("mlp.up_proj",), "out", forms.Whole),  # b s m
    Row("mlp.hook_post", ("mlp.down_proj",), "in", forms.Whole),  # b s m
    Row("hook_mlp_out", ("mlp",), "out", forms.Whole),  # b s d
    Row("hook_resid_post", ("",), "out", forms.Whole),  # b s d
)
FINAL = (
    Row("ln_final.hook_scale", ("",), "out", forms.Scale),  # b s 1
    Row("ln_final.hook_normalized", ("",), "out", forms.Normalized),  # b s d
)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class HookPoint:
    """One place of one model where an activation is read or replaced."""

    name: str
    module: nn.Module
    side: Side
    form: forms.Form
    index: int | None
    """Block of the decoder or of the vision tower; None elsewhere."""
    position_axis: int | None
    """The axis that counts rows of the prompt (queries, in scores and pattern); None where there is none."""
    on_request: bool = False
    attention: nn.Module | None = None
    """The attention module that must compute step by step for this point to exist; None where none must."""
    inert: str = ""
    """Why an edit here cannot reach the logits; empty where it can."""

    def __repr__(self) -> str:
        return f"HookPoint({self.name}{', ' + self.inert if self.inert else ''})"

    def layer(self) -> int | None:
        """The layer, counted from 0, as TransformerLens' `hook.layer()`; None outside blocks."""
        return self.index

    @property
    def decoder_layer(self) -> int | None:
        """The decoder layer, counted from 0; None elsewhere."""
        return self.index if self.name.startswith("blocks.") else None


class Hooked(Protocol):
    """What has hook points: a `VideoLLM`."""

    @property
    def hf(self) -> PreTrainedModel: ...
    @property
    def family(self) -> Family: ...
    @property
    def only_last_logits(self) -> dict[str, Tensor]: ...


class HookPoints(dict[str, HookPoint]):
    """Hook points by name, in forward order."""

    def __init__(self, points: Iterable[HookPoint], absent: Mapping[str, str]) -> None:
        super().__init__((point.name, point) for point in points)
        self.absent = absent
        """Points that the model's modules seem to have, and that would not be what their names say: why."""


def hook_points(model: Hooked) -> HookPoints:
    """Every hook point of a model, by name, in forward order. Raises ModelError for a compiled one."""
    gone: dict[str, str] = {}
    return HookPoints(_points(model, gone), gone)


def hook_names(model: Hooked) -> tuple[str, ...]:
    """Names of every hook point that this model has, in forward order."""
    return tuple(hook_points(model))


def _points(model: Hooked, gone: dict[str, str]) -> Iterator[HookPoint]:
    """The points; what is left out, and why, is put into `gone`."""
    family, hf = model.family, model.hf
    yield from _vision(model)
    blocks = list(family.decoder_layers(hf))
    check_not_compiled(blocks)
    known: dict[type, bool] = {}  # norms that were tried, by class
    if blocks:
        yield _point(EMBED, EMBED.name, blocks[0], None, 0)
    places = {row.name: family.hook_places.get(row.name, row.paths) for row in BLOCK}
    untrue = absent(hf, family, places) if blocks else []
    for layer, block in enumerate(blocks):
        for row in BLOCK:
            module = found(block, places[row.name])
            if module is not None and row.name in untrue[layer]:
                gone[f"blocks.{layer}.{row.name}"] = untrue[layer][row.name]
                continue
            head_dim = getattr(getattr(block, "self_attn", None), "head_dim", 0)
            if module is not None and _served(row, block, module, head_dim, known):
                attention = block.self_attn if row.steps else None
                yield _point(row, f"blocks.{layer}.{row.name}", module, layer, head_dim, attention)
    norm = family.final_norm(hf)
    for row in FINAL:
        if _served(row, norm, norm, 0, known):
            yield _point(row, row.name, norm, None, 0)


def _point(
    row: Row,
    name: str,
    module: nn.Module,
    index: int | None,
    head_dim: int,
    attention: nn.Module | None = None,
) -> HookPoint:
    return HookPoint(
        name=name,
        module=module,
        side=row.side,
        form=row.form(head_dim),
        index=index,
        position_axis=row.position_axis,
        on_request=row.on_request,
        attention=attention,
    )


def _served(row: Row, block: Any, module: nn.Module, head_dim: int, known: dict[type, bool]) -> bool:
    """Whether the module is one that the row's form reads rightly."""
    if row.form in (forms.Scale, forms.Normalized):
        if type(module) not in known:
            known[type(module)] = forms.understood(module)
        return known[type(module)]
    if row.form is forms.HeadResults:
        return isinstance(module, nn.Linear) and head_dim > 0 and module.in_features % head_dim == 0
    if row.form is forms.Heads:
        return head_dim > 0
    if row.paths[0].rpartition(".")[2] in TAPS:
        return kind_of(block.self_attn) is not None
    return True


def _vision(model: Hooked) -> Iterator[HookPoint]:
    """Points of the vision tower and of all projectors, (t, p, d); a class token is patch 0."""
    family, hf = model.family, model.hf
    blocks = list(family.vision_blocks(hf))
    used = family.vision_blocks_used(hf.config, len(blocks))
    further = dict(enumerate(family.deepstack(hf)))
    after = family.deepstack_after(hf.config) if further else ()
    for index, block in enumerate(blocks):
        inert = ""
        if index >= used:
            inert = (
                f"the projector takes hidden state {used} of {len(blocks)}, which is vision.{used - 1}."
                "hook_resid_post; blocks after it do not reach the language model"
            )
        sides: tuple[tuple[str, Side], ...] = (("hook_resid_pre", "in"), ("hook_resid_post", "out"))
        for name, side in sides:
            yield HookPoint(
                name=f"vision.{index}.{name}",
                module=block,
                side=side,
                form=forms.Frames(partial(family.vision_rows, hf, merged=False)),
                index=index,
                position_axis=None,
                inert=inert,
            )
        for number, module in further.items():
            if after[number] == index:
                yield _projected(model, f"deepstack.{number}", module, number)
    if (projector := family.projector(hf)) is not None:
        yield _projected(model, "projector", projector, None)


def _projected(model: Hooked, name: str, module: nn.Module, index: int | None) -> HookPoint:
    return HookPoint(
        name=f"{name}.hook_out",
        module=module,
        side="out",
        form=forms.Frames(partial(model.family.vision_rows, model.hf, merged=True)),
        index=index,
        position_axis=None,
    )


_ATTENTION = ("q", "k", "v", "z", "rot_q", "rot_k", "result", "pattern", "attn_scores")
_MLP = ("pre", "pre_linear", "post")
_SHORT_TYPES = {"a": "attn", "attention": "attn", "m": "mlp", "b": "", "block": "", "blocks": ""}
_SHORT_NAMES = {
    "attn": "pattern",
    "attn_logits": "attn_scores",
    "query": "q",
    "key": "k",
    "value": "v",
    "mlp_pre": "pre",
    "mlp_post": "post",
}


def get_act_name(name: str, layer: int | str | None = None, layer_type: str | None = None) -> str:
    """The full name of a hook point from TransformerLens' shorthand.

    get_act_name("k", 6, "a") and get_act_name("k6") are "blocks.6.attn.hook_k"; ("normalized", 27, "ln2") is
    "blocks.27.ln2.hook_normalized"; ("scale",) is "ln_final.hook_scale". Full names come back as they are.
    """
    if ("." in name or name.startswith("hook_")) and layer is None and layer_type is None:
        return name
    joined = re.fullmatch(r"([a-z_]+?)(\d+)([a-z]?.*)", name)
    if joined is not None and layer is None:
        name, layer, layer_type = joined[1], joined[2], joined[3] or layer_type
    name = _SHORT_NAMES.get(name, name)
    if name in _ATTENTION:
        kind = "attn"
    elif name in _MLP:
        kind = "mlp"
    else:
        kind = _SHORT_TYPES.get(layer_type or "", layer_type or "")
    if layer is None:
        if name in ("scale", "normalized"):
            return f"ln_final.hook_{name}"
        if kind:
            raise HookError(
                f"get_act_name({name!r}) needs a layer (from 0), as in get_act_name({name!r}, 3)."
            )
        return f"hook_{name}"
    return ".".join(part for part in (f"blocks.{layer}", kind, f"hook_{name}") if part)
