"""torch's defaults of a session, which must not reach the numbers.

`torch.set_default_dtype` and `torch.set_default_device` decide for every tensor that is made without naming
them. The workbench names them; transformers does not everywhere, so it runs under the defaults of a fresh
session.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
R = TypeVar("R")


@contextmanager
def fresh_defaults() -> Iterator[None]:
    """Tensors are float32 and on the CPU, unless said otherwise, while the context is open."""
    dtype = torch.get_default_dtype()
    # A device in force costs every operation a little, so it is put in force only against another one.
    elsewhere = torch.get_default_device().type != "cpu"
    try:
        if dtype != torch.float32:
            torch.set_default_dtype(torch.float32)
        with torch.device("cpu") if elsewhere else nullcontext():
            yield
    finally:
        if dtype != torch.float32:
            torch.set_default_dtype(dtype)


def under_fresh_defaults(function: Callable[P, R]) -> Callable[P, R]:
    """The function, run under the defaults of a fresh session."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        with fresh_defaults():
            return function(*args, **kwargs)

    return call
