"""The viewer for notebooks (JupyterLab, VS Code, Colab), by anywidget."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from workbench.analyses.attention.maps import parse_heads
from workbench.errors import ModelError, WorkbenchError
from workbench.interventions.catalogue import CROSS_FRAME
from workbench.pages.sample.exploration import Exploration
from workbench.pages.sample.page import SCRIPT, STYLE, write_page

if TYPE_CHECKING:
    from workbench.analyses.lens.logit_lens import LogitLens
    from workbench.data import Sample
    from workbench.interventions import Knockout, Window
    from workbench.models import Prompt, VideoLLM
    from workbench.runs import Run


def view(
    model: VideoLLM,
    prompt: Prompt | Sample,
    run: Run | None = None,
    lens: LogitLens | bool | None = None,
    *,
    query: str | int | Sequence[int] = "last",
    layers: int | Sequence[int] | Window | None = None,
    heads: Literal["mean", "max"] | int = "mean",
    flow: str = CROSS_FRAME,
) -> Any:
    """Look into one sample: clip, prompt, attention maps untouched and cut, the lens, answers, and curves.

    A click on a token of the prompt, or on a cell of a frame, makes it the query; the maps are computed then.

    Args:
        run: a sweep with this sample; its curves are shown.
        lens: what `wb.logit_lens(model, sample)` gives, or True to have it read: the likeliest word of each
            cell can be written on the frames, layer by layer, in the colours of the lens's `keywords`.
        query, layers, heads: what is shown first, and which layers, as in `attention_maps`.
        flow: what stands in the box of the cut; it is cut once the box is ticked.

    `view(...).save("page.html")` writes the same as a page that needs nothing else. Raises ModelError where
    anywidget is not installed, RunError where `run` or `lens` do not fit the sample.
    """
    exploration = Exploration(model, prompt, run=run, lens=lens, layers=layers)
    request = {
        "id": 0,
        "rows": list(exploration.maps(query, None).rows),
        "heads": heads,
        "flow": flow,
        "first": 1,
        "last": model.n_layers,
        "cut": False,
    }
    result = {"id": 0, "error": "", **exploration.result(query, heads)}
    return _viewer_class()(exploration, document=exploration.document, request=request, result=result)


@cache
def _viewer_class() -> Any:
    """The widget's class; made at first use, since only this needs anywidget."""
    try:
        anywidget: Any = importlib.import_module("anywidget")
        traitlets: Any = importlib.import_module("traitlets")
    except ImportError as error:
        raise ModelError(
            "The viewer needs anywidget, which is not installed: pip install anywidget (or all of "
            "'video-llm-workbench[notebooks]'). workbench.widgets.write_page writes the viewer without it."
        ) from error

    class Viewer(anywidget.AnyWidget):
        """The viewer of one sample. What it shows lives in three synchronised dictionaries."""

        _esm = SCRIPT
        _css = STYLE
        document = traitlets.Dict().tag(sync=True)
        request = traitlets.Dict().tag(sync=True)
        """What is asked for: id, rows, heads, flow, first, last, cut."""
        result = traitlets.Dict().tag(sync=True)
        """The answer, with the id of its request; an error is the library's own message."""

        def __init__(self, exploration: Exploration, **state: Any) -> None:
            super().__init__(**state)
            self.exploration = exploration
            self.observe(self._answer, names="request")

        def _answer(self, change: Any) -> None:
            request = change["new"]
            try:
                found = answer(self.exploration, request)
            except WorkbenchError as error:
                # The maps on show stay: only the message changes.
                self.result = {**self.result, "id": request.get("id"), "error": str(error)}
            except Exception as error:
                kind = type(error).__name__
                self.result = {**self.result, "id": request.get("id"), "error": f"{kind}: {error}"}
                raise
            else:
                self.result = {"id": request.get("id"), "error": "", **found}

        def save(self, path: Path | str, **settings: Any) -> Path:
            """Write what is on show as a page: see `workbench.widgets.write_page`."""
            request = self.request
            knockout = _knockout(self.exploration, request)
            settings = {"query": request["rows"], "heads": parse_heads(request["heads"]), **settings}
            return write_page(self.exploration, path, **{"knockout": knockout, **settings})

    return Viewer


def answer(exploration: Exploration, request: dict[str, Any]) -> dict[str, Any]:
    """The result of a viewer's request. Raises WorkbenchError for what cannot be done."""
    knockout = _knockout(exploration, request)
    return exploration.result([int(row) for row in request["rows"]], parse_heads(request["heads"]), knockout)


def _knockout(exploration: Exploration, request: dict[str, Any]) -> Knockout | None:
    if not request["cut"]:
        return None
    return exploration.knockout(str(request["flow"]), int(request["first"]), int(request["last"]))
