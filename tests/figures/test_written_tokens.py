"""Tokens by flows: what is drawn where, and what is to be chosen."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from tests.figures.drawn import notes
from workbench.errors import RunError
from workbench.figures import flows_while_writing

FLOWS = ("video -> last", "generated -> last")


def table(tokens: int, *, layers: int = 1, sample: str = "s", rise: float = 5.0) -> pd.DataFrame:
    """The first flow takes all of every third token, the second nothing."""
    rows = []
    for flow in FLOWS:
        for layer in range(1, layers + 1):
            span = ("all_layers()", 0, 1, 4) if layers == 1 else ("centred(1)", layer, layer, layer)
            for step in range(1, tokens + 1):
                change = -90.0 if flow == FLOWS[0] and step % 3 == 1 else rise
                rows.append((sample, "t", flow, *span, step, f" word{step}", 0.5, 0.5 + change / 200, change))
    names = (
        "sample_id task flow window layer first_layer last_layer step token p_base p_knockout change_percent"
    )
    return pd.DataFrame(rows, columns=names.split())


def heats(fig: Any) -> list[Any]:
    return [trace for trace in fig.data if trace.type == "heatmap"]


def test_a_long_text_runs_over_lines() -> None:
    fig: Any = flows_while_writing(table(50))
    drawn = heats(fig)
    assert [len(trace.x) for trace in drawn] == [24, 24, 2]
    assert drawn[0].z[0][:4].tolist() == [-90.0, 5.0, 5.0, -90.0]
    assert list(drawn[0].text[0][:2]) == ["-90", "+5"]
    assert list(fig.layout.xaxis2.ticktext[:2]) == ["word25", "word26"]
    assert [trace.text[0] for trace in fig.data if trace.type == "scatter"] == ["50%"] * 3
    assert "Of 50 tokens, 17 lose over half without video → last, none without the other." in notes(fig)
    assert fig.layout.yaxis.ticktext[1].startswith("video")
    part: Any = flows_while_writing(table(50), steps=(26, 49))
    assert part.layout.height < fig.layout.height


def test_layers_have_a_panel_a_flow() -> None:
    fig: Any = flows_while_writing(table(7, layers=20))
    first, second = heats(fig)
    assert first.z.shape == second.z.shape == (20, 7)
    assert "3 lose over half in some window without video" in notes(fig)
    assert [text.strip() for text in fig.layout.yaxis.ticktext] == ["1", "4", "8", "12", "16", "20"]
    assert "layers 3-3" in first.customdata[2][0]
    assert fig.layout.yaxis.title.text == "layer"


def test_words_that_show_nothing_and_words_from_outside() -> None:
    made = table(4)
    made["token"] = [" ", "\n", "", "<b>%{x}</b>"] * 2
    fig: Any = flows_while_writing(made)
    assert list(fig.layout.xaxis.ticktext) == ["␣", "⏎", "∅", "&lt;b&gt;&#37;{x}&lt;/b&gt;"]
    assert "<b>%{x}" not in str(fig.data[0].customdata)


def test_what_nothing_costs_is_said_and_large_rises_stay_in_their_cell() -> None:
    made = table(4, rise=40_000.0)
    made.loc[made["change_percent"] < 0, "change_percent"] = -1.0
    fig: Any = flows_while_writing(made, note="n = 1")
    assert "Of 4 tokens, none loses over half without any of these flows." in notes(fig)
    assert "n = 1" in notes(fig)
    assert list(fig.data[0].text[0]) == ["", ">999", ">999", ""]


def test_what_is_to_be_chosen_is_asked_for() -> None:
    both = pd.concat([table(4), table(4, sample="r")])
    assert heats(flows_while_writing(both, "r"))
    windows = pd.concat([table(4), table(4, layers=3)])
    assert len(heats(flows_while_writing(windows, window="centred(1)"))[0].z) == 3
    wrong: list[tuple[pd.DataFrame, dict[str, Any], str]] = [
        (both, {}, "Name one sample: this table has 's', 'r'"),
        (both, {"sample_id": "q"}, "There is no sample 'q'"),
        (windows, {}, "Name one window"),
        (windows, {"window": "centred(5)"}, "There is no window"),
        (table(4), {"steps": (5, 9)}, "No token is left"),
        (table(4).drop(columns="step"), {}, "step"),
    ]
    for given, told, message in wrong:
        with pytest.raises(RunError, match=message):
            flows_while_writing(given, **told)
