"""Run a model and read or edit what passes its hook points.

The points are plain modules, so nnsight serves them in a trace too; `materialise` is for that. The functions
here use torch's hooks instead of a trace: which points are read is data, several of them share one module,
and user functions keep their tracebacks and their debugger.

Axes: b batch, s position.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from workbench.errors import HookError
from workbench.models.hooks.cache import ActivationCache, sliced
from workbench.models.hooks.filter import NamesFilter, Selection, select
from workbench.models.hooks.forms import Moment
from workbench.models.hooks.points import Hooked, HookPoint, hook_points
from workbench.models.hooks.sites import materialised_at, visiting
from workbench.prompts.rows import Positions, PosSlice, positions
from workbench.shapes import Float, shaped

if TYPE_CHECKING:
    from workbench.prompts.prompt import Prompt

HookFunction: TypeAlias = Callable[[Tensor, HookPoint], Tensor | None]
"""Takes an activation and its hook point (`hook.name`, `hook.layer()`); gives the replacement, or None."""
KeptLogits: TypeAlias = Literal["all", "last"]


class RunWithCache(NamedTuple):
    """What `run_with_cache` gives back."""

    logits: Float[Tensor, "s vocab"] | Float[Tensor, " vocab"] | None
    """All, or those of the last row; None after stop_at_layer."""
    cache: ActivationCache


class _Stopped(Exception):
    """The forward pass reached the layer before which it was to stop."""


def run_with_cache(
    model: Hooked,
    prompt: Prompt,
    names_filter: NamesFilter = None,
    *,
    pos_slice: PosSlice = None,
    stop_at_layer: int | None = None,
    gradients_of: Callable[[Tensor], Tensor] | None = None,
    device: torch.device | str | None = None,
    return_logits: KeptLogits = "all",
) -> RunWithCache:
    """Run the model once and keep the activations that `names_filter` asks for, and nothing else.

    `pos_slice` keeps some rows of the prompt (queries, of scores and patterns); points of the vision tower
    and the projector have no such rows and are kept whole. `stop_at_layer` runs the layers before it only
    (negative counts from the end); logits are then None. `gradients_of` goes from the logits to one number,
    whose gradients are then in `cache.grad`. `device` is where the activations are kept.

    Raises HookError where a name does not exist, nothing matches, or a request cannot be met.
    """
    selection = select(hook_points(model), names_filter)
    blocks = list(model.family.decoder_layers(model.hf))
    if stop_at_layer is not None:
        if gradients_of is not None:
            raise HookError("gradients_of needs logits, and stop_at_layer leaves none. Give one of the two.")
        stop_at_layer = _stop(stop_at_layer, len(blocks))
        selection = _before(selection, stop_at_layer)
    keeper = _Keeper(positions(pos_slice, prompt.layout), device, gradients=gradients_of is not None)
    gradients = None
    with ExitStack() as stack:
        stack.enter_context(visiting(selection.points, keeper, prompt.inputs))
        if stop_at_layer is not None:
            after = [*blocks, model.family.final_norm(model.hf)][stop_at_layer]
            stack.callback(after.register_forward_pre_hook(_raise_stopped).remove)
        if gradients_of is None:
            logits = _forward(model, prompt, return_logits, grad=False)
        else:
            stack.enter_context(_frozen(model.hf))
            logits = _forward(model, prompt, return_logits, grad=True)
            assert logits is not None
            gradients = keeper.gradients(_scalar(gradients_of, logits))
            logits = logits.detach()
    _all_ran([point for point in selection.points if point.name in selection.named], keeper.kept)
    if not keeper.kept:
        raise HookError("None of these hook points was reached: the prompt holds no video.")
    return RunWithCache(logits, ActivationCache(keeper.kept, n_layers=len(blocks), gradients=gradients))


@shaped
def run_with_hooks(
    model: Hooked,
    prompt: Prompt,
    fwd_hooks: Sequence[tuple[NamesFilter, HookFunction]],
    *,
    return_logits: KeptLogits = "all",
    gradients: bool = False,
) -> Float[Tensor, "s vocab"] | Float[Tensor, " vocab"]:
    """Run the model once with functions on hook points; the logits, or those of the last row.

    Each function takes the activation and the hook point, and gives the replacement or None; changes in
    place count. Functions on one point run in the order given. `gradients` keeps torch's graph of the logits.

    Raises HookError where a name does not exist, an edit cannot reach the logits of this model, or a
    replacement has another shape, dtype or device.
    """
    with edited(model, prompt, fwd_hooks, gradients=gradients):
        logits = _forward(model, prompt, return_logits, grad=gradients)
    assert logits is not None
    return logits


@contextmanager
def edited(
    model: Hooked,
    prompt: Prompt,
    fwd_hooks: Sequence[tuple[NamesFilter, HookFunction]],
    *,
    gradients: bool = False,
) -> Iterator[None]:
    """Functions stand on hook points while the context is open, in which one forward of `prompt` is run.

    As `run_with_hooks`, for who runs the model by himself. Raises as it does.
    """
    points = hook_points(model)
    functions: dict[str, list[HookFunction]] = {}
    for names, function in fwd_hooks:
        if not callable(function):
            raise HookError(f"A hook is (name, function); with {names!r} came {type(function).__name__}.")
        for point in select(points, names).points:
            if point.inert:
                raise HookError(f"An edit of {point.name} cannot act on this model: {point.inert}.")
            functions.setdefault(point.name, []).append(function)
    chosen = tuple(point for name, point in points.items() if name in functions)
    ran: set[str] = set()

    def visit(point: HookPoint, moment: Moment) -> None:
        ran.add(point.name)
        old = read = new = point.form.read(moment)
        if point.form.derived:  # an edit in place must not change what it is compared with
            old = read.clone()
        for function in functions[point.name]:
            new = _replacement(function(new, point), new, point)
        untouched = point.form.derived and torch.equal(new, old) and (new is read or not gradients)
        if not untouched:
            point.form.write(moment, new, old)

    with visiting(chosen, visit, prompt.inputs):
        yield
    _all_ran(chosen, ran)


@contextmanager
def materialise(model: Hooked, names: NamesFilter) -> Iterator[None]:
    """Scores and patterns exist while the context is open, in the layers whose names are given.

    For use around a trace: `with materialise(model, "blocks.3.attn.hook_pattern"), model.trace(prompt): ...`.
    Layers that are not named keep the fused kernel. Raises HookError for an unknown name.
    """
    with materialised_at(select(hook_points(model), names).points):
        yield


class _Keeper:
    """Keeps what is asked for of the points that it is called with."""

    def __init__(self, rows: Positions | None, device: torch.device | str | None, *, gradients: bool) -> None:
        self.kept: dict[str, Tensor] = {}
        self._rows = rows
        self._device = device
        self._gradients = gradients
        self._routed: dict[str, tuple[Tensor, int | None]] = {}

    def __call__(self, point: HookPoint, moment: Moment) -> None:
        if point.name in self.kept:
            raise HookError(
                f"{point.name} ran more than once in one forward pass, and a cache holds it once."
            )
        activation = point.form.read(moment)
        if self._gradients:
            if not activation.requires_grad:
                # The first points asked for are where the graph begins; nothing before them is remembered.
                activation.requires_grad_()
            point.form.route(moment, activation)
            self._routed[point.name] = (activation, point.position_axis)
        self.kept[point.name] = self._cut(activation.detach(), point.position_axis)

    def _cut(self, activation: Tensor, axis: int | None) -> Tensor:
        return sliced(activation, self._rows, axis).to(self._device or activation.device)

    def gradients(self, scalar: Tensor) -> dict[str, Tensor]:
        """d scalar / d activation for every point kept; 0 where the scalar does not depend on it."""
        if not scalar.requires_grad:  # nothing that was asked for reaches the logits
            return {name: torch.zeros_like(activation) for name, activation in self.kept.items()}
        wanted = [activation for activation, _ in self._routed.values()]
        found = torch.autograd.grad(scalar, wanted, materialize_grads=True)
        return {
            name: self._cut(gradient, axis)
            for (name, (_, axis)), gradient in zip(self._routed.items(), found, strict=True)
        }


def _replacement(result: object, activation: Tensor, point: HookPoint) -> Tensor:
    if result is None:
        return activation
    if not isinstance(result, Tensor):
        raise HookError(f"The hook on {point.name} gave {type(result).__name__}; give a tensor, or None.")
    for what in ("shape", "dtype", "device"):
        theirs, ours = getattr(result, what), getattr(activation, what)
        if theirs != ours:
            shown = (tuple(theirs), tuple(ours)) if what == "shape" else (theirs, ours)
            raise HookError(
                f"The hook on {point.name} gave {what} {shown[0]}, and the activation has {shown[1]}. "
                "Give a tensor that can take its place."
            )
    return result


def _forward(model: Hooked, prompt: Prompt, keep: KeptLogits, *, grad: bool) -> Tensor | None:
    """Logits (s, vocab) or (vocab,); None where the pass was stopped."""
    if keep not in ("all", "last"):
        raise HookError(f"return_logits={keep!r} is not offered: use 'all' (every row) or 'last'.")
    last_only = model.only_last_logits if keep == "last" else {}
    with torch.set_grad_enabled(grad):
        try:
            logits = model.hf(**prompt.inputs, use_cache=False, **last_only).logits[0]
        except _Stopped:
            return None
    return logits if keep == "all" else logits[-1]


def _raise_stopped(module: nn.Module, args: Any) -> None:
    raise _Stopped


def _stop(asked: int, layers: int) -> int:
    if not -layers <= asked <= layers:
        raise HookError(
            f"stop_at_layer={asked} is outside this model: it goes from 0 (the embedding only) to {layers} "
            "(all layers, without the head)."
        )
    return asked + layers if asked < 0 else asked


def _before(selection: Selection, stop: int) -> Selection:
    """The points that run when the pass stops before layer `stop`."""

    def runs(point: HookPoint) -> bool:
        layer = point.decoder_layer
        return layer < stop if layer is not None else not point.name.startswith("ln_final.")

    late = [point.name for point in selection.points if point.name in selection.named and not runs(point)]
    if late:
        raise HookError(f"{late[0]} is not reached: stop_at_layer={stop} runs the layers before it only.")
    kept = tuple(point for point in selection.points if runs(point))
    if not kept:
        raise HookError(f"stop_at_layer={stop} stops before every hook point that names_filter asks for.")
    return Selection(kept, selection.named)


def _scalar(function: Callable[[Tensor], Tensor], logits: Tensor) -> Tensor:
    with torch.enable_grad():
        scalar = function(logits)
    depends = isinstance(scalar, Tensor) and (scalar.requires_grad or not logits.requires_grad)
    if not depends or scalar.numel() != 1:
        raise HookError(
            "gradients_of must give one number (a tensor) that depends on the logits that it is given, "
            "such as `lambda logits: logits[-1, token_id]`."
        )
    return scalar


@contextmanager
def _frozen(hf: nn.Module) -> Iterator[None]:
    """Weights need no gradients meanwhile, which spares the memory of what they would be made from."""
    loose = [weight for weight in hf.parameters() if weight.requires_grad]
    for weight in loose:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in loose:
            weight.requires_grad_(True)


def _all_ran(points: Sequence[HookPoint], ran: Any) -> None:
    missed = [point.name for point in points if point.name not in ran]
    if missed:
        raise HookError(
            f"{missed[0]} was not reached by this prompt"
            + (" (it holds no video)." if missed[0].startswith(("vision", "projector")) else ".")
        )
