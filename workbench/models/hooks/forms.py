"""How a hook point is read from the tensor that a module hands on, and written back.

A form is one way to do so. Most points are a module's input or output as it is; others are a view of it by
head, or a step inside a module that it does not show (the scale of a norm, the result of one head).

Axes: b batch, s position, d model, H query heads, K key/value heads, e head dim, m MLP, t frame, p patch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from workbench.errors import HookError
from workbench.models.placement import present
from workbench.models.quantized import weight_of
from workbench.shapes import Float, shaped


@dataclass(slots=True, kw_only=True)
class Moment:
    """One passage through one side of a module."""

    module: Any
    given: Tensor
    """The module's input."""
    value: Tensor
    """What the side hands on now: the input, or the output; forms replace it."""
    prompt: Mapping[str, Tensor]
    """Arguments of the model's forward."""
    scale: Tensor | None = None
    """The scale of a norm, once an edit or a gradient made it count."""


class Form(ABC):
    """A way to read a point from a moment, and to write it back."""

    derived: bool = False
    """True where the point is computed beside the module: writing an unchanged value is then left out."""

    def __init__(self, head_dim: int = 0) -> None:
        self.head_dim = head_dim

    @abstractmethod
    def read(self, moment: Moment) -> Tensor:
        """The activation, in the shape of the hook point's table."""

    @abstractmethod
    def write(self, moment: Moment, new: Tensor, old: Tensor) -> None:
        """Make `new` count; `old` is what was read."""

    @abstractmethod
    def route(self, moment: Moment, read: Tensor) -> None:
        """Make what was read part of the computation, values unchanged, so that gradients pass through it."""


class Whole(Form):
    """The tensor as it is."""

    def read(self, moment: Moment) -> Tensor:
        return moment.value

    def write(self, moment: Moment, new: Tensor, old: Tensor) -> None:
        moment.value = new

    def route(self, moment: Moment, read: Tensor) -> None:
        moment.value = read


class Heads(Whole):
    """A projection by head: (b, s, H·e) read as (b, s, H, e)."""

    def read(self, moment: Moment) -> Tensor:
        if moment.value.ndim == 4:  # a norm by head came after the projection
            return moment.value
        return moment.value.reshape(*moment.value.shape[:2], -1, self.head_dim)

    def write(self, moment: Moment, new: Tensor, old: Tensor) -> None:
        moment.value = new.reshape(moment.value.shape)

    def route(self, moment: Moment, read: Tensor) -> None:
        moment.value = read.reshape(moment.value.shape)


class Shared(Whole):
    """The residual stream between attention and MLP, which the block holds twice: as input of the second norm
    and as what the MLP is added to. They are one tensor, so writing happens in place."""

    def write(self, moment: Moment, new: Tensor, old: Tensor) -> None:
        if new is not moment.value:
            moment.value.copy_(new)


class Branch(Whole):
    """The input of the second norm alone: an edit reaches the MLP and not the stream that it is added to."""

    def read(self, moment: Moment) -> Tensor:
        return moment.value.clone()


class Frames(Whole):
    """Patches of a vision tower or projector, (t, p, d): read as it is where the module keeps frames apart;
    where it strings all patches together, they are put in raster order: `rows` gives the module's rows (t, p)
    for the arguments of a forward."""

    def __init__(self, rows: Callable[[Mapping[str, Tensor]], Tensor | None]) -> None:
        super().__init__()
        self._rows_of = rows

    def read(self, moment: Moment) -> Tensor:
        if moment.value.ndim == 3:
            # A view, since the projector may take the very tensor that the next block is given: a gradient at
            # that block's input must not count the projector.
            return moment.value.view_as(moment.value)
        return moment.value[self._rows(moment)]

    def write(self, moment: Moment, new: Tensor, old: Tensor) -> None:
        if moment.value.ndim == 3:
            moment.value = new
            return
        rows = self._rows(moment)
        moment.value = moment.value.index_copy(0, rows.flatten(), new.flatten(0, 1))

    def route(self, moment: Moment, read: Tensor) -> None:
        self.write(moment, read, read)

    def _rows(self, moment: Moment) -> Tensor:
        rows = self._rows_of(moment.prompt)
        if rows is None:
            raise HookError(
                f"{type(moment.module).__name__} hands on {moment.value.ndim}-D patches, and this family "
                "does not say which row belongs to which frame."
            )
        rows = rows.to(moment.value.device)
        if rows.numel() != moment.value.shape[0]:
            raise HookError(
                f"{type(moment.module).__name__} hands on {moment.value.shape[0]} patches, and the video of "
                f"this prompt has {rows.numel()}. Hook points of the vision tower need one video."
            )
        return rows


class Scale(Form):
    """The divisor of a norm, (b, s, 1) in float32: root of mean square plus epsilon."""

    derived = True

    def read(self, moment: Moment) -> Tensor:
        return scale_of(moment.module, moment.given)

    def write(self, moment: Moment, new: Tensor, old: Tensor) -> None:
        moment.scale = new
        moment.value = _finished(moment, _normalized(moment))

    def route(self, moment: Moment, read: Tensor) -> None:
        moment.scale = read
        moment.value = _grafted(moment.value, _finished(moment, _normalized(moment)))


class Normalized(Form):
    """A norm's input divided by its scale, (b, s, d), before the weight."""

    derived = True

    def read(self, moment: Moment) -> Tensor:
        return _normalized(moment)

    def write(self, moment: Moment, new: Tensor, old: Tensor) -> None:
        moment.value = _finished(moment, new)

    def route(self, moment: Moment, read: Tensor) -> None:
        moment.value = _grafted(moment.value, _finished(moment, read))


class HeadResults(Form):
    """What each head adds to the residual stream, (b, s, H, d): its z times its part of W_O. The sum over
    heads, plus the bias of o_proj where there is one, is the attention's output."""

    derived = True

    def read(self, moment: Moment) -> Tensor:
        z = moment.given.reshape(*moment.given.shape[:2], -1, self.head_dim)
        with present(moment.module):
            weight = weight_of(moment.module)
            return torch.einsum("bshe,dhe->bshd", z, weight.view(weight.shape[0], -1, self.head_dim))

    def write(self, moment: Moment, new: Tensor, old: Tensor) -> None:
        moment.value = moment.value + (new - old).sum(2)

    def route(self, moment: Moment, read: Tensor) -> None:
        moment.value = _grafted(moment.value, read.sum(2))


@shaped
def scale_of(norm: Any, given: Float[Tensor, "*r d"]) -> Float[Tensor, "*r 1"]:
    """The divisor of an RMS or layer norm for its input, in float32."""
    return (_centred(norm, given).pow(2).mean(-1, keepdim=True) + _epsilon(norm)).sqrt()


def understood(norm: Any) -> bool:
    """Whether this norm is one that `Scale` and `Normalized` take apart rightly: tried on random numbers."""
    weight = getattr(norm, "weight", None)
    if not isinstance(weight, Tensor) or weight.ndim != 1:
        return False
    if not hasattr(norm, "variance_epsilon") and not hasattr(norm, "eps"):
        return False
    source = torch.Generator("cpu").manual_seed(0)
    noise = torch.randn(4, weight.shape[0], generator=source, dtype=torch.float32, device="cpu") + 0.5
    with present(norm):
        given = noise.to(norm.weight.device, norm.weight.dtype)
    with torch.no_grad():
        moment = Moment(module=norm, given=given, value=given, prompt={})
        theirs, ours = norm(given).float(), _finished(moment, _normalized(moment)).float()
    size = theirs.abs().max().clamp(min=1e-6)
    return bool((theirs - ours).abs().max() <= 0.02 * size)


def _epsilon(norm: Any) -> float:
    return norm.variance_epsilon if hasattr(norm, "variance_epsilon") else norm.eps


def _centred(norm: Any, given: Tensor) -> Tensor:
    given = given.float()
    return given - given.mean(-1, keepdim=True) if isinstance(norm, nn.LayerNorm) else given


def _normalized(moment: Moment) -> Tensor:
    centred = _centred(moment.module, moment.given)
    if moment.scale is not None:
        return (centred / moment.scale).to(moment.given.dtype)
    # The norm's own arithmetic, to the last bit.
    variance = centred.pow(2).mean(-1, keepdim=True)
    return (centred * torch.rsqrt(variance + _epsilon(moment.module))).to(moment.given.dtype)


def _finished(moment: Moment, normalized: Tensor) -> Tensor:
    """The norm's output for these normalised values."""
    with present(moment.module):
        output = moment.module.weight * normalized
        bias = getattr(moment.module, "bias", None)
        return output if bias is None else output + bias


def _grafted(value: Tensor, through: Tensor) -> Tensor:
    """`value` to the last bit, with the gradient of `through`."""
    return value.detach() + (through - through.detach())
