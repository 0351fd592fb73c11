"""HTML, made at one place: every page is a template that extends `base.html.j2`.

Whatever is put into a template is escaped, unless it is `Markup`: HTML or data that was made safe before. The
base states the policy of a page: it loads nothing, and runs the scripts that its template wrote by `script`,
each known by its hash. Nothing else that might ever get into a page can run: no other script, no `onerror`,
no `javascript:` link.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jinja2
import plotly.graph_objects as go
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from workbench.figures.parts.template import FONT, INK, MUTED

_HERE = Path(__file__).parent


def render(
    template: str,
    *,
    filters: Mapping[str, Callable[..., Any]] = MappingProxyType({}),
    **content: Any,
) -> str:
    """The page of a template of this folder, such as "report/page.html.j2"; `filters` are its own."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    scripts: list[str] = []

    def script(text: str, kind: str = "text/javascript") -> Markup:
        """A script of the project's own, which the page may run."""
        assert "</script" not in text.lower()
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        scripts.append(f"'sha256-{digest}'")
        return Markup('<script type="{}">{}</script>').format(kind, Markup(text))

    def policy() -> Markup:
        allowed = f"script-src {' '.join(dict.fromkeys(scripts))}; " if scripts else ""
        return Markup(
            f"default-src 'none'; {allowed}style-src 'unsafe-inline'; img-src data: blob:; "
            "base-uri 'none'; form-action 'none'"
        )

    environment.globals |= {"font": Markup(FONT), "ink": INK, "muted": MUTED}
    environment.globals |= {"script": script, "policy": policy}
    environment.filters |= filters
    return environment.get_template(template).render(content)


def plotly_programs() -> tuple[str, str]:
    """The program that draws plotly's figures, about 5 MB, and the one that has it draw those of a page."""
    return get_plotlyjs(), (_HERE / "figures.js").read_text(encoding="utf-8")


def as_data(text: str) -> Markup:
    """JSON as it can stand inside a script element: nothing in it ends the element."""
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def figure_data(fig: go.Figure) -> Markup:
    """A figure for `figures.js`."""
    return as_data(fig.to_json() or "{}")
