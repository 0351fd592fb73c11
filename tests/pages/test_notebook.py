from __future__ import annotations

import base64
from collections.abc import Iterator

import plotly.graph_objects as go
import plotly.io as pio
import pytest

from workbench.pages.notebook import use_in_notebooks


@pytest.fixture
def renderers() -> Iterator[None]:
    before = pio.renderers.default
    use_in_notebooks()
    yield
    pio.renderers.default = before


@pytest.mark.usefixtures("renderers")
def test_a_figure_shows_as_itself_and_as_a_picture() -> None:
    bundle = go.Figure(go.Scatter(y=[1, 3, 2]))._repr_mimebundle_()
    assert set(bundle) == {"application/vnd.plotly.v1+json", "image/png"}
    assert list(bundle["application/vnd.plotly.v1+json"]["data"][0]["y"]) == [1, 3, 2]
    assert bundle["application/vnd.plotly.v1+json"]["config"]["showSendToCloud"] is False
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG\r\n")
