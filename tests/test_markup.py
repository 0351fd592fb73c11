"""Tables: names are text, numbers are pandas' own, and what is HTML already stays."""

from __future__ import annotations

import re
from typing import NamedTuple

import pandas as pd
import pytest
from markupsafe import Markup
from rich.console import Console

from tests.figures.tables import sweep_table
from tests.pages.hostile import shown
from workbench.analyses.findings import findings_shown
from workbench.analyses.lens.printed import curves_shown, lenses_shown, lists_shown
from workbench.analyses.pathways import effective_layers, open_layers, ranges_of_models
from workbench.analyses.pathways.ranges import pathways
from workbench.markup import as_text, table_html

EVIL = "<b onclick=x>"


class Curve(NamedTuple):
    """A row of `answer_curves`."""

    task: str
    role: str
    layer: int
    mean: float
    low: float
    high: float
    n: int


class Right(NamedTuple):
    """A row of `right_shares`."""

    attribute: str
    lens: str
    layer: int
    n: int
    mean: float
    low: float
    guessing: float


class Hits(NamedTuple):
    """A row of the lists' frequencies."""

    keyword_list: str
    bin_first: int
    bin_last: int
    share: float
    keywords: int


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


def test_no_name_gives_orders_to_a_terminal_or_to_rich(capsys) -> None:
    console = Console(width=200, force_terminal=True, color_system=None)
    console.print(as_text("[/bold]a\x1b]0;owned\x07\x9b31m"))
    assert capsys.readouterr().out == "[/bold]a\\x1b]0;owned\\x07\\x9b31m\n"


@pytest.mark.parametrize("evil", ["[/bold] [red]", "\x1b[2J\x1b]0;owned\x07"])
def test_every_table_shows_names_as_text(evil: str, capsys) -> None:
    """Of all results that rich prints, and of the functions that make tables."""
    table = sweep_table({f"t{evil}": {}}, flows=(f"{evil} -> last",), samples=3)
    found = pathways(table, bin=2)
    verdict = {"claim": evil, "measured": evil, "note": evil, "n": 3, "verdict": "holds"}
    results = [
        *(result for result in shown(evil).values() if hasattr(result, "__rich__")),
        curves_shown(pd.DataFrame([Curve(f"t{evil}", "true_option", 1, 0.5, 0.4, 0.6, 3)])),
        lenses_shown(pd.DataFrame([Right("shape", evil, 0, 3, 0.5, 0.4, 0.2)])),
        lists_shown(pd.DataFrame([Hits(evil, 1, 2, 0.5, 3)]), 3, 5),
        findings_shown(pd.DataFrame([verdict | {"task": "all"}, verdict | {"task": evil}])),
        effective_layers(ranges_of_models({f"m{evil}": found})),
        open_layers({f"t{evil}": found, "u": {}}),
    ]
    assert len(results) == 14
    for result in results:
        Console(width=400, force_terminal=True, color_system=None).print(result)
        said = capsys.readouterr().out
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", re.sub("\x1b\\[[0-9;]*m", "", said)), result
        assert "\x1b[2J" not in said
        assert evil in said or "\\x1b[2J" in said, result
