"""The marks as a terminal shows them."""

from __future__ import annotations

import io

import pandas as pd
from rich.console import Console

from tests.analyses.attribution.attributed import made_table
from workbench.analyses.attribution.agreement import agreement_table
from workbench.analyses.attribution.printed import agreement_shown


def test_marks_and_costs_stand_in_one_row() -> None:
    costs = pd.DataFrame(
        {"method": ["local", "exact"], "seconds": [0.5, 5.0], "forwards": [4.0, 40.0], "share": [0.1, 1.0]}
    )
    console = Console(file=io.StringIO(), width=160)
    console.print(agreement_shown(agreement_table(made_table()), costs))
    said = console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
    assert "3 samples, 27 cells each" in said
    assert "10%" in said
    assert "exact knockouts" in said
    assert any(line.split()[0] == "attention" and "-" in line for line in said.splitlines() if line.split())
