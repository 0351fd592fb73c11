"""A progress bar with the time left, in terminals and notebooks; silent elsewhere."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any


def progress_bar(total: int, *, what: str, unit: str, show: bool = True) -> Any:
    """A tqdm bar over `total` units. Silent where `show` is False or nobody watches (a log file, a pipe)."""
    from tqdm import tqdm

    settings = {"total": total, "desc": what, "unit": unit, "smoothing": 0.05, "dynamic_ncols": True}
    if not show:
        return tqdm(disable=True, **settings)
    if _in_notebook():
        # The widget bar needs ipywidgets; the text bar works in any notebook.
        if importlib.util.find_spec("ipywidgets"):
            from tqdm.notebook import tqdm as notebook_tqdm

            return notebook_tqdm(leave=False, **settings)
        return tqdm(leave=False, **settings)
    return tqdm(disable=not sys.stderr.isatty(), **settings)


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and "ZMQ" in type(shell).__name__
