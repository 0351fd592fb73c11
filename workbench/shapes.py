"""Shapes of arrays in signatures: `Float[Tensor, "t c H W"]` names the axes, as docstrings do.

The types are jaxtyping's, for readers and editors. They cost nothing: only where WORKBENCH_CHECK_SHAPES=1 is
set before the package is imported, as in the tests, are arguments and results of `@shaped` functions held
against them; an axis of one name has one size in a call.
"""

from __future__ import annotations

import functools
import inspect
import os
import re
import sys
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from jaxtyping import Bool, Float, Int, Shaped, UInt8

__all__ = ["Bool", "Float", "Int", "Shaped", "UInt8", "shaped"]

Given = ParamSpec("Given")
Result = TypeVar("Result")

_CHECKED = os.environ.get("WORKBENCH_CHECK_SHAPES") == "1"
_ARRAY = re.compile(r"\b(Bool|Float|Int|Shaped|UInt8)\[")


def shaped(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """The function itself; in tests, with the shapes in its signature checked. Raises TypeError there."""
    return _checking(function) if _CHECKED else function


def _checking(function: Callable[Given, Result]) -> Callable[Given, Result]:
    from beartype.door import is_bearable
    from jaxtyping import jaxtyped

    signature = inspect.signature(function)
    hints: dict[str, Any] = {}

    def check(name: str, value: Any) -> None:
        if name in hints and not is_bearable(value, hints[name]):
            shape = getattr(value, "shape", type(value).__name__)
            raise TypeError(
                f"{function.__module__}.{function.__qualname__}: {name} is {shape} of "
                f"{getattr(value, 'dtype', '?')}, and the signature says {hints[name]}"
            )

    @functools.wraps(function)
    def checked(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        if not hints:
            hints.update(_array_hints(function))
        with jaxtyped("context"):  # pyright: ignore[reportGeneralTypeIssues]
            for name, value in signature.bind(*args, **kwargs).arguments.items():
                check(name, value)
            result = function(*args, **kwargs)
            check("return", result)
        return result

    return checked


def _array_hints(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotations that speak of arrays. The others may name types that only type checkers import."""
    written = inspect.unwrap(function).__annotations__
    speak = {name: str(hint) for name, hint in written.items() if _ARRAY.search(str(hint))}
    home = vars(sys.modules[function.__module__])
    if "Tensor" not in home and any("Tensor" in hint for hint in speak.values()):
        from torch import Tensor  # that module does without torch until it is given one

        home = {**home, "Tensor": Tensor}
    return {name: eval(hint, home) for name, hint in speak.items()}
