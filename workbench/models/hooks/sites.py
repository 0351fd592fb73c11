"""Attach to the modules that hook points live on, and call back whenever something passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, TypeAlias

from torch import Tensor, nn

from workbench.errors import HookError
from workbench.models.attention import materialised
from workbench.models.hooks.forms import Moment
from workbench.models.hooks.points import HookPoint

Visit: TypeAlias = Callable[[HookPoint, Moment], None]


@contextmanager
def visiting(points: Sequence[HookPoint], visit: Visit, prompt: Mapping[str, Tensor]) -> Iterator[None]:
    """Calls `visit` at each of these points of every forward pass."""
    sites: dict[tuple[int, str], list[HookPoint]] = {}
    for point in points:
        sites.setdefault((id(point.module), point.side), []).append(point)
    with ExitStack() as stack:
        stack.enter_context(materialised_at(points))
        for (_, side), group in sites.items():
            module = group[0].module
            if side == "in":
                hook = _entering(group, visit, prompt)
                handle = module.register_forward_pre_hook(hook, with_kwargs=True)
            else:
                # First in line: transformers collects hidden states by hooks of its own, which must see
                # edits.
                hook = _leaving(group, visit, prompt)
                handle = module.register_forward_hook(hook, with_kwargs=True, prepend=True)
            stack.callback(handle.remove)
        yield


def materialised_at(points: Sequence[HookPoint]) -> AbstractContextManager[None]:
    """Scores and patterns exist in the layers of those points that need them."""
    return materialised({point.attention for point in points if point.attention is not None})


def _entering(group: list[HookPoint], visit: Visit, prompt: Mapping[str, Tensor]) -> Callable[..., Any]:
    def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        given = _given(module, args, kwargs)
        moment = Moment(module=module, given=given, value=given, prompt=prompt)
        for point in group:
            visit(point, moment)
        if args:
            return (moment.value, *args[1:]), kwargs
        return args, {**kwargs, next(iter(kwargs)): moment.value}

    return hook


def _leaving(group: list[HookPoint], visit: Visit, prompt: Mapping[str, Tensor]) -> Callable[..., Any]:
    def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        value = output[0] if isinstance(output, tuple) else output
        moment = Moment(module=module, given=_given(module, args, kwargs), value=value, prompt=prompt)
        for point in group:
            visit(point, moment)
        return (moment.value, *output[1:]) if isinstance(output, tuple) else moment.value

    return hook


def _given(module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Tensor:
    # What comes first, by whatever name: most say "hidden_states".
    given = next(iter((*args, *kwargs.values())), None)
    if not isinstance(given, Tensor):
        raise HookError(
            f"{type(module).__name__} is not called with a tensor first, so it has no hook point."
        )
    return given
