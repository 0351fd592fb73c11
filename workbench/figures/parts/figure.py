"""A plotly figure that draws itself into files, without a browser and without a network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, cast

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from workbench.attached import attached


class Figure(go.Figure):
    """plotly's figure, whose pictures the workbench draws: plotly's own renderer needs a Chrome that is
    installed. `save` chooses by the file's ending; `to_png`, `to_svg` and `to_pdf` give bytes."""

    save: ClassVar[Callable[..., Path]] = attached()
    """`fig.save("flow.pdf")`: `workbench.pages.drawing.save`."""
    to_png: ClassVar[Callable[..., bytes]] = attached()
    to_svg: ClassVar[Callable[..., bytes]] = attached()
    to_pdf: ClassVar[Callable[..., bytes]] = attached()
    to_image: ClassVar[Callable[..., bytes]] = attached()
    """plotly's own call: `workbench.pages.drawing.to_image`."""
    write_image: ClassVar[Callable[..., Any]] = attached()
    """plotly's own call: `workbench.pages.drawing.write_image`."""


def subplots(**settings: Any) -> Figure:
    """As plotly's `make_subplots`."""
    return cast(Figure, make_subplots(figure=Figure(), **settings))
