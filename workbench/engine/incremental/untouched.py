"""The untouched model on one prompt: one forward, and everything of it that knockouts use again.

Axes: s position, N packed rows, d model, H query heads, K key/value heads, e head dim, q query, k key.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from workbench.engine.incremental.precision import head
from workbench.engine.readout import probabilities
from workbench.models.attention import CUT_BELOW, stand_in
from workbench.models.features import kept_features
from workbench.models.softmax import ARGUMENTS
from workbench.shapes import Bool, Float, Int, shaped

if TYPE_CHECKING:
    from workbench.models.video_llm import VideoLLM
    from workbench.prompts.prompt import Prompt

_BY_ROW = ("position_embeddings", "position_ids", "cache_position")
"""Arguments of a decoder layer with one entry a row: along the last axis, or the last but one of rotary
embeddings."""
_WITHOUT_ROWS = (
    "attention_mask",
    "past_key_values",
    "past_key_value",
    "use_cache",
    "output_attentions",
    "logits_to_keep",  # handed down by some models, and read by no layer
)
_CACHES = ("cache_params", "past_key_values")
_AGREES = {torch.float32: 1e-4, torch.float64: 1e-8}


class CannotReuse(Exception):
    """This model does something between or inside its layers that reuse would leave out."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Untouched:
    """What one forward of the untouched model leaves behind."""

    logits: Float[Tensor, " vocab"]
    """Logits of the last row, as the model gave them."""
    last: Float[Tensor, "r d"]
    """The residual stream of the last rows after the last layer: those that were asked for."""
    length: int
    first: int
    """Residual streams are kept from this row on."""
    resid: list[Float[Tensor, "s-first d"]]
    """The residual stream before each layer."""
    keys: dict[int, Float[Tensor, "1 K s e"]]
    """Keys of each layer (from 0) with softmax attention as it uses them, after their rotation."""
    values: dict[int, Float[Tensor, "1 K s e"]]
    """Values of each layer (from 0) with softmax attention."""
    mixed: dict[int, Float[Tensor, "1 s d"]]
    """What goes into each layer (from 0) with a running state in place of softmax attention."""
    arguments: list[dict[str, Any]]
    """What each layer was called with, beside the residual stream, the mask and the cache."""
    keep: list[Bool[Tensor, "q k"] | None]
    """Each layer's own mask, on the CPU, where it is more than causal."""
    added: dict[int, Float[Tensor, "s d"]]
    """What is added to the residual stream after a layer (from 0), whatever is cut."""


@torch.no_grad()
def run_untouched(model: VideoLLM, prompt: Prompt, *, first: int, read: int = 1) -> Untouched:
    """One forward of the untouched model. It is not waited for: a device may still be at work.

    Residual streams are kept from row `first` on, and after the last layer of the last `read` rows.

    Raises CannotReuse where the layers of this model cannot be run on their own.
    """
    layers = list(model.family.decoder_layers(model.hf))
    recurrent = model.family.recurrent_layers(model.hf).values()
    watch = _Watch(first, len(prompt), model.family.added)
    handles = [
        model.family.decoder(model.hf).register_forward_pre_hook(watch.begin, with_kwargs=True),
    ]
    handles += [
        handle
        for layer in layers
        for handle in (
            layer.register_forward_pre_hook(watch.before, with_kwargs=True),
            layer.register_forward_hook(watch.after),
        )
    ]
    handles += [module.register_forward_pre_hook(watch.recurrent, with_kwargs=True) for module in recurrent]
    try:
        with (
            stand_in(model.family.attentions(model.hf).values(), watch.attention),
            kept_features(model),
        ):
            logits = model.hf(**prompt.inputs, use_cache=False, **model.only_last_logits).logits[0, -1]
    finally:
        for handle in handles:
            handle.remove()
    assert watch.output is not None
    return Untouched(
        logits=logits,
        last=watch.expected()[0, -read:],
        length=len(prompt),
        first=first,
        resid=watch.resid,
        keys=watch.keys,
        values=watch.values,
        mixed=watch.mixed,
        arguments=watch.arguments,
        keep=watch.keep,
        added=watch.added,
    )


@shaped
@torch.no_grad()
def untouched_logits(
    model: VideoLLM, untouched: Untouched, *, wide: bool = False
) -> tuple[Float[Tensor, " vocab"], Float[Tensor, " vocab"]]:
    """Logits and probabilities of the last row, float32; from the residual stream in float32 where
    `wide`.

    Raises ModelError where they are not finite, CannotReuse where they do not come from the residual stream
    alone.
    """
    own = head(model, untouched.last[-1:], wide=wide)[0].float()
    # A model on several devices gives its logits back where its inputs were.
    logits = untouched.logits.float().to(own.device)
    p = probabilities(logits)
    if float((own - logits).abs().max()) > _AGREES.get(model.dtype, 0.1) * float(logits.abs().max()):
        raise CannotReuse("its logits are not lm_head(norm(residual stream))")
    return (own, probabilities(own)) if wide else (logits, p)


class _Watch:
    """Looks on as the layers run, one after another."""

    def __init__(
        self, first: int, length: int, added: Callable[[Mapping[str, Any]], dict[int, Tensor]]
    ) -> None:
        self.first, self.length = first, length
        self.added: dict[int, Tensor] = {}
        self._added = added
        self.output: Tensor | None = None
        self._version = 0
        self.resid: list[Tensor] = []
        self.keys: dict[int, Tensor] = {}
        self.values: dict[int, Tensor] = {}
        self.mixed: dict[int, Tensor] = {}
        self.arguments: list[dict[str, Any]] = []
        self.keep: list[Tensor | None] = []
        self._masks: dict[int, tuple[Any, Tensor | None]] = {}

    def begin(self, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """The decoder begins: what it is to add after layers is known."""
        self.added = self._added(kwargs)

    def expected(self) -> Tensor:
        """The residual stream after the layers that have run."""
        assert self.output is not None
        added = self.added.get(len(self.resid) - 1)
        return self.output if added is None else self.output + added.to(self.output)

    def before(self, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        given = dict(kwargs)
        hidden = args[0] if args else given.pop("hidden_states")
        name = type(module).__name__
        if len(args) > 1:
            raise CannotReuse(f"{name} takes unnamed arguments")
        for argument, value in given.items():
            parts = value if isinstance(value, tuple | list) else [value]
            known = argument in (*_BY_ROW, *_WITHOUT_ROWS)
            if not known and any(isinstance(part, Tensor) for part in parts):
                raise CannotReuse(f"{name} takes {argument}")
        if self.output is not None and not self._as_expected(hidden):
            raise CannotReuse(
                f"something that its family does not know is added to the residual stream before layer "
                f"{len(self.resid) + 1}"
            )
        self.resid.append(hidden[0, self.first :].clone())
        self.arguments.append({name: value for name, value in given.items() if name not in _WITHOUT_ROWS})

    def after(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        if not isinstance(output, Tensor):
            raise CannotReuse(f"{type(module).__name__} gives {type(output).__name__}, not a residual stream")
        self.output = output
        self._version = output._version

    def _as_expected(self, hidden: Tensor) -> bool:
        assert self.output is not None
        if self.output._version != self._version:  # something was added in place
            return False
        expected = self.expected()
        return hidden is expected or torch.equal(hidden, expected)

    def recurrent(self, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        cache_argument(module)
        if isinstance(mask := kwargs.get("attention_mask"), Tensor) and not bool((mask != 0).all()):
            raise CannotReuse(f"{type(module).__name__} leaves out rows of padding")
        self.mixed[len(self.resid) - 1] = args[0] if args else kwargs["hidden_states"]
        self.keep.append(None)

    def attention(
        self,
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Any,
        default: Callable[..., Any],
        **options: Any,
    ) -> Any:
        if value.shape[-1] != query.shape[-1]:
            raise CannotReuse(f"{type(module).__name__} has values of another width than its keys")
        if options.get("is_causal", getattr(module, "is_causal", True)) is False and mask is None:
            raise CannotReuse("its attention is not causal, so that a cut changes rows before it too")
        for name in ARGUMENTS:
            if options.get(name) is not None:
                raise CannotReuse(f"{type(module).__name__} uses {name}")
        layer = len(self.resid) - 1
        self.keys[layer], self.values[layer] = key, value
        if id(mask) not in self._masks:
            # The mask itself is held beside what was read, so that no other one can take its id.
            self._masks[id(mask)] = mask, _own_mask(mask, self.length)
        self.keep.append(self._masks[id(mask)][1])
        return default(module, query, key, value, mask, **options)


def cache_argument(module: nn.Module) -> str:
    """By what name a layer with a running state takes the cache from whose state it goes on.

    Raises CannotReuse where it takes none.
    """
    takes = inspect.signature(type(module).forward).parameters
    for name in _CACHES:
        if name in takes:
            return name
    raise CannotReuse(f"{type(module).__name__} carries a running state from row to row, and takes no cache")


@shaped
def rows_of(parts: Sequence[Mapping[str, Any]], rows: Int[Tensor, " N"]) -> dict[str, Any]:
    """A layer's arguments for `rows`, which count through the prompts of `parts` one after another. They stay
    on the devices where they are, which may be others than the rows'."""
    chosen: dict[str, Any] = {}
    for name, value in parts[0].items():
        if name == "position_embeddings" and value is not None:
            axes = [_joined([part[name][axis] for part in parts], -2) for axis in range(len(value))]
            chosen[name] = tuple(axis.index_select(-2, rows.to(axis.device)) for axis in axes)
        elif name in _BY_ROW and value is not None:
            joined = _joined([part[name] for part in parts], -1)
            chosen[name] = joined.index_select(-1, rows.to(value.device))
        else:
            chosen[name] = value
    return chosen


def _joined(parts: list[Tensor], axis: int) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=axis)


def _own_mask(mask: Any, length: int) -> Tensor | None:
    """A mask that attention was handed, as bool (q, k); None where it is causal and no more."""
    if mask is None:
        return None
    if not isinstance(mask, Tensor) or mask.ndim != 4 or mask.shape[:2] != (1, 1):
        raise CannotReuse("its attention masks differ from head to head")
    keep = mask[0, 0]
    if keep.dtype != torch.bool:
        if not bool(((keep == 0) | (keep <= CUT_BELOW)).all()):
            raise CannotReuse("its attention masks add to the scores")
        keep = keep == 0
    causal = torch.ones(length, length, dtype=torch.bool, device=keep.device).tril()
    if bool((keep & ~causal).any()):
        raise CannotReuse(
            "some of its rows see later ones, so that a cut changes rows before it too; flows close edges to "
            "earlier rows alone, and information also goes by those to later ones, which stay open"
        )
    return None if torch.equal(keep & causal, causal) else (keep & causal).cpu()
