"""Heat maps of estimates: they say what they are, and dots are verified cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.analyses.attribution.attributed import FLOWS, made_table
from workbench.errors import RunError
from workbench.figures import attribution


def test_estimates_say_so_in_the_title_and_verified_cells_are_marked() -> None:
    table = made_table()
    some = (table["flow"] == FLOWS[0]) & (table["layer"] == 2) & (table["head"] == 1)
    estimated = table.assign(status=np.where(some, "verified", "estimated"))
    figure: Any = attribution(estimated)
    words = " ".join(str(one.text) for one in figure.layout.annotations)
    assert "3 of 81 rows verified, the others estimated" in words
    heats = [trace for trace in figure.data if trace.type == "heatmap"]
    (dots,) = [trace for trace in figure.data if trace.type == "scatter"]
    assert len(heats) == 3
    assert (list(dots.x), list(dots.y)) == ([2], [1])
    plain: Any = attribution(table.assign(status="estimated"))
    assert "Estimated: what" in str(plain.layout.annotations)
    shown = dict(zip(zip(heats[0].x, heats[0].y, strict=True), heats[0].z, strict=True))
    exact = table.loc[some & (table["method"] == "local"), "change_log_odds"].mean()
    assert shown[2, 1] == pytest.approx(exact)


def test_a_naive_method_has_its_own_unit_and_layers_alone_one_row() -> None:
    figure: Any = attribution(made_table().query("head == -1"), method="attention")
    assert "attention (%)" in str(figure.layout)
    assert list(figure.layout.yaxis.ticktext) == ["all"]


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(RunError, match="Did you mean 'local'"):
        attribution(made_table(), method="locl")
    with pytest.raises(RunError, match="no rows"):
        attribution(made_table().iloc[:0])
