from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from tests.analyses.smallest.made import made_result


def test_the_headline_puts_the_smallest_set_beside_the_rule_and_random_sets() -> None:
    said = made_result(note="Be careful.").headline().splitlines()
    assert said[0] == (
        "Smallest set (flow x layer x head): 97.0% correct with 20.0% of the edges, 3.0 points lost "
        "(0.0 to 9.0), held-out on 50 samples."
    )
    assert said[1].startswith("The paper's rule (faithful): 98.0% correct with 64.0% of the edges")
    assert said[1].endswith("the smallest set has 31% of its edges.")
    assert said[2].startswith("As few random blocks as in the smallest set: 20.0% correct with 20.0%")
    assert said[3].startswith("As few random edges as in the smallest set: 15.0%")
    assert said[4:] == [
        "CPR 0.500 (0.400 to 0.600), blocks ranked by score.",
        "CMD 0.500 (0.400 to 0.600), blocks ranked by magnitude.",
        "Be careful.",
    ]


def test_the_shown_table_leaves_out_the_way_and_the_sizes() -> None:
    console = Console(file=io.StringIO(), width=160)
    console.print(made_result("mine"))
    stream: Any = console.file
    text = stream.getvalue()
    assert "How few edges are enough? mine" in text
    assert "flow x layer x head" in text
    assert "step 1" not in text
    assert "size 0.5" not in text
    html = made_result()._repr_html_()
    assert "faithful" in html
    assert "ranked" not in html
