"""Names of a package that are imported when they are first asked for.

What needs no model must not wait for torch: the help of the command line, reading a run, drawing a figure.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def lazily(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package.

    `homes` says in which of its modules a name lives, {"load": "loading"}; with a dot before it, in a module
    beside the package; "" is a name that is a module itself. It raises AttributeError for other names.
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        if not homes[name]:
            return importlib.import_module(f".{name}", package)
        value = getattr(importlib.import_module(f".{homes[name]}", package), name)
        # Found at once from now on, also where a module of that name lies in the package.
        setattr(sys.modules[package], name, value)
        return value

    return get
