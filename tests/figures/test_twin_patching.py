"""Heat maps of patches: every mean in its cell, and marks where answers flip."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from tests.figures.drawn import notes
from workbench.analyses.patching import ALL_OPTIONS, DIRECTIONS, PatchRow
from workbench.errors import RunError
from workbench.figures import twin_patching

SPANS, LAYERS, PAIRS = ("frame[0]", ALL_OPTIONS, "last"), (1, 2, 3), 6


def patch_table(site: str = "resid_post", heads: tuple[int, ...] = (-1,)) -> pd.DataFrame:
    """Two tasks. `last` is turned whole in layer 3, the options in half of the pairs of layer 2."""
    rows = []
    for task in ("moving_direction", "object<b>count"):
        for pair in range(PAIRS):
            for direction in DIRECTIONS:
                for layer in LAYERS:
                    for head in heads:
                        for span in SPANS:
                            whole = span == "last" and layer == 3 and head <= 0
                            half = span == ALL_OPTIONS and layer == 2 and pair % 2 == 0
                            value = 1.0 if whole or half else 0.0
                            way = (direction, site, layer, head, span)
                            logits = (4.0, -4.0, 4.0 - 8.0 * value)
                            rows.append(
                                PatchRow(f"{task}/{pair}", task, *way, *logits, value, value == 1.0, pair > 0)
                            )
    return pd.DataFrame(rows)


def test_a_panel_a_task_and_direction_and_every_mean_in_its_cell() -> None:
    fig: Any = twin_patching(patch_table())
    assert len(fig.data) == 4
    for trace in fig.data:
        assert list(trace.x) == list(LAYERS)
        assert [list(line) for line in trace.z[::2]] == [[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
        assert trace.z[1] == pytest.approx((0.0, 0.4, 0.0)), "of five pairs answered rightly, two"
        assert [list(line) for line in trace.text] == [[""] * 3, [""] * 3, ["", "", "●"]]
        assert trace.zmin == -trace.zmax
    assert fig.layout.yaxis.ticktext == ("frame[0]", "options", "last")
    assert "<b>Moving Direction</b>" in notes(fig)
    assert "n = 5: needed" in notes(fig)
    assert "n = 5: suffices" in notes(fig)
    assert "Object&lt;b&gt;count" in notes(fig)
    assert "flips 40% of 5 pairs" in fig.data[0].customdata[1][1]
    every: Any = twin_patching(patch_table(), only_correct=False)
    assert every.data[0].text[1][1] == "○"
    assert "all pairs" in notes(every)


def test_heads_are_rows_at_one_span() -> None:
    table = pd.concat([patch_table(), patch_table("z", (0, 1))])
    fig: Any = twin_patching(table, site="z", tasks="moving_direction")
    assert len(fig.data) == 2
    assert fig.layout.yaxis.ticktext == ("head 0", "head 1")
    assert [list(line) for line in fig.data[0].z] == [[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    assert "z of heads at last" in notes(fig)
    options: Any = twin_patching(table, site="z", span=ALL_OPTIONS)
    assert options.data[0].z[0] == pytest.approx((0.0, 0.4, 0.0))


def test_one_span_a_site_without_layers_and_what_is_not_there() -> None:
    assert len(twin_patching(patch_table(), span="last").data[0].z) == 1  # type: ignore[union-attr]
    embed: Any = twin_patching(patch_table("embed").query("layer == 3").assign(layer=0))
    assert embed.layout.xaxis3.title.text == "before the decoder"
    wrong: Any
    for wrong, message in (
        ({"site": "z"}, "no site 'z'"),
        ({"span": "tail"}, "no span 'tail'"),
        ({"tasks": ["moving"]}, "no task 'moving'"),
    ):
        with pytest.raises(RunError, match=message):
            twin_patching(patch_table(), **wrong)
    with pytest.raises(RunError, match="both rightly"):
        twin_patching(patch_table().assign(correct=False))
