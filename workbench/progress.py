"""How far something is and how long it will take: a bar in terminals and notebooks, elsewhere lines."""

from __future__ import annotations

import importlib.util
import math
import sys
from threading import Event, Thread
from typing import Any

from tqdm import tqdm

EVERY = 30.0
"""Seconds between two lines where there is no terminal: in a job's log file, or a pipe."""


def progress_bar(total: int, *, what: str, unit: str, show: bool = True) -> Any:
    """A tqdm bar over `total` units; silent where `show` is False.

    Where it is no terminal that it would be drawn on, it is a line every 30 seconds: what is done of what, at
    which rate, and the time left. Nothing is written before.
    """
    settings = {"total": total, "desc": what, "unit": unit, "smoothing": 0.05, "dynamic_ncols": True}
    if not show:
        return tqdm(disable=True, **settings)
    if _in_notebook():
        # The widget bar needs ipywidgets; the text bar works in any notebook.
        if importlib.util.find_spec("ipywidgets"):
            from tqdm.notebook import tqdm as notebook_tqdm

            return notebook_tqdm(leave=False, **settings)
        return tqdm(leave=False, **settings)
    return tqdm(**settings) if sys.stderr.isatty() else _Lines(total=total, desc=what, unit=unit)


class _Lines(tqdm):
    """A line every so often, written by a thread: a single unit may take longer than that."""

    def __init__(self, **settings: Any) -> None:
        self._ended = Event()
        super().__init__(
            bar_format="{desc}: {n_fmt} of {total_fmt}{unit}, {rate_noinv_fmt}, {remaining} left",
            delay=math.inf,  # nothing but `refresh` writes: not the beginning, no update, not the end
            **settings,
        )
        Thread(target=self._speak, name="progress", daemon=True).start()

    @staticmethod
    def status_printer(file: Any) -> Any:
        """A line that stays, instead of one that is written over."""
        return lambda text: print(" ".join(text.split()), file=file, flush=True)

    def _speak(self) -> None:
        while not self._ended.wait(EVERY):
            self.refresh()

    def close(self) -> None:
        self._ended.set()
        super().close()


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and "ZMQ" in type(shell).__name__
