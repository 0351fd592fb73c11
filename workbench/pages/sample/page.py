"""The viewer as a page: one HTML file with the maps of some tokens, that needs no Python and no network."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.errors import RunError
from workbench.interventions import Knockout

if TYPE_CHECKING:
    from workbench.analyses.attention.maps import Heads
    from workbench.pages.sample.exploration import Exploration

HERE = Path(__file__).parent
MOST_BYTES = 5_000_000
_TOGETHER, _WAITING = 32, 2**28  # tokens whose maps are computed in one pass, and bytes that these may take
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)
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
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.tmp")
    results = {}
    for start in range(0, len(rows), together):
        some = [int(row) for row in rows[start : start + together]]
        exploration.prepare(some, cut)
        results |= {str(row): _plain(exploration.result(row, heads, cut)) for row in some}
    unfinished.write_text(_filled(exploration, first, results), encoding="utf-8")
    os.replace(unfinished, path)
    return path


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
    # Nothing in the data may end a script element.
    data = json.dumps(state, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    module = (HERE / "viewer.js").read_text(encoding="utf-8")
    assert module.count(_EXPORT) == 1
    style = (HERE / "viewer.css").read_text(encoding="utf-8")
    title = escape(f"{exploration.document['title']} in {exploration.document['model']}")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n<title>{title}</title>\n'
        f"<style>\nbody {{ margin: 12px; background: #fff; }}\n{style}</style>\n"
        '</head>\n<body>\n<div class="here"></div>\n<noscript>This page needs JavaScript.</noscript>\n'
        f'<script type="application/json">{data}</script>\n'
        f'<script type="module">\n{module.replace(_EXPORT, "const viewer =")}\n'
        "const state = JSON.parse(document.querySelector('script[type=\"application/json\"]').textContent);\n"
        'viewer.render({ model: stored(state), el: document.querySelector(".here") });\n'
        "</script>\n</body>\n</html>\n"
    )


def _plain(value: Any) -> Any:
    """A result with its bytes as base64 text."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return value
