"""Tables as HTML: names are text, numbers are pandas' own, and what is HTML already stays."""

from __future__ import annotations

import pandas as pd
from markupsafe import Markup

from workbench.markup import table_html

EVIL = "<b onclick=x>"


def test_cells_column_names_and_caption_are_text() -> None:
    page = table_html(pd.DataFrame({EVIL: [f"{EVIL}&"], "n": [1.5]}), EVIL)
    assert EVIL not in page
    assert page.count("&lt;b onclick=x&gt;") == 3
    assert "&lt;b onclick=x&gt;&amp;<" in page
    assert type(page) is str, "not a Markup, which would escape what is put behind it"


def test_numbers_stay_numbers_and_shown_values_may_be_html() -> None:
    table = pd.DataFrame({"share": [33.3, 100.0], "name": ["<i>", None]})
    page = table_html(
        table, cell=lambda value: Markup("<b>{}</b>").format(value) if value == "<i>" else value
    )
    assert "<td>33.3</td>" in page
    assert "<td>100.0</td>" in page
    assert "<td><b>&lt;i&gt;</b></td>" in page
