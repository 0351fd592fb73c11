"""The viewer as a page: one HTML file with the maps of some tokens, that needs no Python and no network."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from workbench.errors import RunError
from workbench.files import write_whole
from workbench.interventions import Knockout
from workbench.pages.html import as_data, render

if TYPE_CHECKING:
    from workbench.analyses.attention.maps import Heads
    from workbench.pages.sample.exploration import Exploration

SCRIPT, STYLE = (Path(__file__).with_name(name) for name in ("viewer.js", "viewer.css"))
"""The viewer, as Jupyter and the page have it."""
_SHOWING = Path(__file__).with_name("page.js")
MOST_BYTES = 5_000_000
_TOGETHER, _WAITING = 32, 2**28  # tokens whose maps are computed in one pass, and bytes that these may take
_EXPORT = "export default"


def write_page(
    exploration: Exploration,
    path: Path | str,
    *,
    tokens: Sequence[int] | None = None,
    query: str | int | Sequence[int] = "last",
    heads: Heads = "mean",
    knockout: Knockout | str | None = None,
    most_bytes: int = MOST_BYTES,
) -> Path:
    """Write the viewer with the maps of some rows of the prompt; those rows can be clicked on the page.

    Args:
        tokens: rows of the prompt; None takes the last row, the options and the words of the question, as
            many as fit.
        query: what is shown first: a span, a row, or rows.
        heads: the choice of heads, which is fixed on the page.
        knockout: maps with this cut are put beside those of the untouched model.
        most_bytes: how large the page may get with the maps of `tokens`. Its frames may need more.

    The file appears whole or not at all. Raises RunError where `tokens` are more than fit.
    """
    cut = Knockout.parse(knockout) if isinstance(knockout, str) else knockout
    rows = default_tokens(exploration) if tokens is None else list(dict.fromkeys(tokens))
    together = _together(exploration)
    exploration.prepare(rows[:together], cut)
    first = _plain(exploration.result(query, heads, cut))
    empty = len(_filled(exploration, first, {}).encode())
    fitting = max(0, (most_bytes - empty) // len(json.dumps(first)))
    if fitting < len(rows):
        if tokens is not None:
            raise RunError(
                f"The maps of {len(rows)} tokens make a page of more than {most_bytes / 10**6:g} MB; "
                f"{fitting} fit. Name fewer tokens, or make the viewer with fewer layers=."
            )
        rows = rows[:fitting]
    results = {}
    for start in range(0, len(rows), together):
        some = [int(row) for row in rows[start : start + together]]
        exploration.prepare(some, cut)
        results |= {str(row): _plain(exploration.result(row, heads, cut)) for row in some}
    return write_whole(path, _filled(exploration, first, results))


def default_tokens(exploration: Exploration) -> list[int]:
    """The last row, then the true option, the question's words and the other options, in this order."""
    layout = exploration.prompt.layout
    options = sorted(name for name in layout.spans if name.startswith("option["))
    names = ["last", "true_option", "nonoption", *options]
    rows = [layout[name] for name in names if name in layout]
    return list(dict.fromkeys(np.concatenate(rows).tolist()))


def _together(exploration: Exploration) -> int:
    """Tokens a pass: their maps wait in memory with all their heads."""
    of_one = 4 * len(exploration.layers) * exploration.model.n_heads * exploration.prompt.layout.length
    return max(1, min(_TOGETHER, _WAITING // of_one))


def _filled(exploration: Exploration, first: dict[str, Any], results: dict[str, Any]) -> str:
    """The page; `results` by row, as text."""
    state = {"document": exploration.document, "first": first, "results": results}
    module = SCRIPT.read_text(encoding="utf-8")
    assert module.count(_EXPORT) == 1
    return render(
        "sample/page.html.j2",
        title=f"{exploration.document['title']} in {exploration.document['model']}",
        viewer_style=Markup(STYLE.read_text(encoding="utf-8")),
        program=module.replace(_EXPORT, "const viewer =") + _SHOWING.read_text(encoding="utf-8"),
        state=as_data(json.dumps(state, ensure_ascii=False, separators=(",", ":"))),
    )


def _plain(value: Any) -> Any:
    """A result with its bytes as base64 text."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return value
