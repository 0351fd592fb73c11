"""HTML, made at one place: every page is a template that extends `base.html.j2`.

Whatever is put into a template is escaped, unless it is `Markup`: HTML or data that was made safe before. The
base states the policy of a page: it loads nothing, and runs scripts only where its template says that it has
some (`{% set scripts = true %}`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jinja2
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
    environment.globals |= {"font": Markup(FONT), "ink": INK, "muted": MUTED}
    environment.filters |= filters
    return environment.get_template(template).render(content)


def plotly_script() -> Markup:
    """The program that draws plotly's figures, about 5 MB, to be put into a page."""
    return Markup(get_plotlyjs())
