"""The vision tower, run once for the same pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from workbench.models.video_llm import VideoLLM

_FEATURES = ("get_video_features", "get_image_features")
"""What transformers' classes call to turn pixels into rows of the decoder."""
_MOST = 8
"""Clips whose features are kept."""


@contextmanager
def seen_once(model: VideoLLM) -> Iterator[None]:
    """Forward passes that are given the same pixels run the vision tower once while the context is open.

    For many cuts on one prompt. Hooks inside the tower see its first pass alone.
    """
    with through(model, lambda name, compute: _remembering(compute)):
        yield


@contextmanager
def through(model: VideoLLM, wrap: Callable[[str, Callable[..., Any]], Callable[..., Any]]) -> Iterator[None]:
    """What turns pixels into rows of the decoder is called through `wrap` of its name and itself."""
    inner = model.hf.model
    with ExitStack() as stack:
        for name in _FEATURES:
            if (compute := getattr(inner, name, None)) is not None:
                given = vars(inner).get(name)
                setattr(inner, name, wrap(name, compute))
                stack.callback(_put_back, inner, name, given)
        yield


def _put_back(owner: Any, name: str, given: Any) -> None:
    if given is None:
        delattr(owner, name)
    else:
        setattr(owner, name, given)


def _remembering(compute: Callable[..., Any]) -> Callable[..., Any]:
    known: list[tuple[tuple[Any, ...], dict[str, Any], Any]] = []

    @wraps(compute)  # transformers reads the names of its arguments
    def remembered(*args: Any, **kwargs: Any) -> Any:
        for was_args, was_kwargs, found in known:
            if _same(was_args, args) and _same(was_kwargs, kwargs):
                return found
        found = compute(*args, **kwargs)
        known.insert(0, (args, kwargs, found))
        del known[_MOST:]
        return found

    return remembered


def _same(one: Any, two: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(two, Tensor):
        alike = (one.shape, one.dtype, one.device) == (two.shape, two.dtype, two.device)
        return one is two or (alike and torch.equal(one, two))
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(_same(value, two[name]) for name, value in one.items())
    if isinstance(one, list | tuple) and isinstance(two, list | tuple):
        return len(one) == len(two) and all(map(_same, one, two))
    return type(one) is type(two) and one == two
