"""The page of the verdict."""

from __future__ import annotations

import pandas as pd

from workbench.pages import write_findings


def test_names_from_outside_are_shown_as_text(tmp_path) -> None:
    table = pd.DataFrame(
        [
            {
                "claim": "<script>alert(1)</script>",
                "paper": "Fig. 2",
                "rule": "a < b",
                "measured": "1 & 2",
                "n": 0,
                "verdict": "holds",
                "note": "",
            }
        ]
    )
    page = write_findings(table, tmp_path / "page.html", title="<b>t", about="&").read_text("utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "<b>t" not in page
