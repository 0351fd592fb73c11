"""Figures as files: a page that needs nothing else, and a picture beside it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import plotly.graph_objects as go
import pytest

from workbench.errors import RunError
from workbench.pages import Part, write_figure

FIGURE = go.Figure(go.Bar(y=[1, 2], name="</script><b>"))


def test_a_figure_is_a_page_and_a_picture_of_the_same_name(tmp_path: Path) -> None:
    below = [Part("More", FIGURE), Part("Said", "1 < 2")]
    page, picture = write_figure(FIGURE, tmp_path / "new" / "v1.5", "Bars", below)
    assert (page.name, picture.name) == ("v1.5.html", "v1.5.png")
    assert {path.name for path in (tmp_path / "new").iterdir()} == {page.name, picture.name}
    assert picture.read_bytes().startswith(b"\x89PNG")
    text = page.read_text(encoding="utf-8")
    assert "<title>Bars</title>" in text
    body = text.partition("<body>")[2]
    shown = [body.index(word) for word in ("<h1>Bars", 'id="figure-0"', "<h2>More", 'id="figure-1"')]
    assert shown == sorted(shown)
    figures = re.findall(r'<script type="application/json" id="figure-(\d)-wide">(.*?)</script>', body)
    assert [number for number, _ in figures] == ["0", "1"]
    assert all(json.loads(data)["data"][0]["name"] == "</script><b>" for _, data in figures)
    assert "<p>1 &lt; 2</p>" in text
    assert text.count("</script>") == 4, "plotly, the program that calls it, and two figures"


def test_a_figure_alone_has_the_name_of_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> bytes:
        raise RunError("No program to draw a PNG with.")

    monkeypatch.setattr("workbench.pages.drawing._draw", missing)
    with pytest.warns(UserWarning, match=r"bars\.png is left out; the figure is in .*bars\.html"):
        (page,) = write_figure(FIGURE, tmp_path / "bars")
    text = page.read_text(encoding="utf-8")
    assert "<title>bars</title>" in text
    assert "<h1>" not in text.partition("<body>")[2]
