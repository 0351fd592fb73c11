"""Methods that a class has from a room above it.

`run.figure()` reads well, but runs must not know of figures: imports point down. So the class says that it
has such a method (`figure: ClassVar[Callable[..., Figure]] = attached()`), and `workbench/__init__.py`, which
stands above every room and is always imported first, says where its function lives (`attach`).
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES: dict[str, tuple[str, str]] = {}


def attach(homes: dict[str, str]) -> None:
    """Say where methods live: {"Run.figure": "workbench.figures.of_results:of_run"}."""
    for method, home in homes.items():
        module, _, function = home.partition(":")
        _HOMES[method] = (module, function)


def attached() -> Any:
    """A method whose function lives in a room above, and is imported when it is first asked for."""
    return _Attached()


def home_of(name: str) -> Any:
    """What was attached under a name. Raises AttributeError where nothing was."""
    if name not in _HOMES:
        raise AttributeError(f"{name} is attached nowhere: see workbench/__init__.py")
    module, function = _HOMES[name]
    return getattr(importlib.import_module(module), function)


class _Attached:
    def __set_name__(self, owner: type, name: str) -> None:
        self._method = f"{owner.__name__}.{name}"

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        # Asked of the class, as dataclasses do while a class is made, nothing is imported.
        return self if instance is None else home_of(self._method).__get__(instance, owner)
