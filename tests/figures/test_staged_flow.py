from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from tests.figures.drawn import notes
from tests.figures.tables import FLOWS, pathways_table, sweep_table
from workbench.analyses.pathways.ranges import pathways
from workbench.errors import RunError
from workbench.figures import FLOW_STYLES, staged_flow
from workbench.figures.parts.text import flow_label


def by_task() -> pd.DataFrame:
    return pd.concat(
        [pathways_table(part).assign(task=task) for task, part in sweep_table().groupby("task", sort=False)]
    )


def bars(fig: Any) -> list[Any]:
    return [trace for trace in fig.data if trace.type == "bar"]


def frames(fig: Any) -> list[Any]:
    return [trace for trace in fig.data if trace.type == "scatter"]


def test_one_row_a_flow_with_a_cell_a_bin_and_its_number() -> None:
    table = pathways_table(sweep_table())
    fig: Any = staged_flow(table)
    assert [bar.name for bar in bars(fig)] == [flow_label(flow) for flow in FLOWS]
    assert [text.strip() for text in fig.layout.yaxis.ticktext] == [flow_label(flow) for flow in FLOWS]
    for row, (flow, bar) in enumerate(zip(FLOWS, bars(fig), strict=True)):
        mine = table[table["flow"] == flow]
        assert list(bar.text) == [f"{round(mean)}" for mean in mine["mean_change_percent"]]
        assert set(bar.y) == {row}
        assert fig.layout.barmode == "overlay", "grouped bars would leave their rows"
        for base, length, first, last in zip(
            bar.base, bar.x, mine["bin_first"], mine["bin_last"], strict=True
        ):
            assert first - 0.5 < base < base + length < last + 0.5


def test_the_first_flow_is_on_top() -> None:
    low, high = staged_flow(pathways_table(sweep_table())).layout.yaxis.range  # pyright: ignore
    assert low > high


def test_a_frame_marks_the_range_from_the_first_to_the_last_bin_that_counts() -> None:
    table = pathways_table(
        sweep_table({"t": {"video -> question": [0, 0, -30, -30, 0, 0, 0, 0, -50, -50, 0, 0]}})
    )
    found = frames(staged_flow(table))
    assert len(found) == 1, "flows without a range have no frame"
    assert (min(found[0].x), max(found[0].x)) == (2.5, 10.5)
    assert set(found[0].y) == {FLOWS.index("video -> question") - 0.4, FLOWS.index("video -> question") + 0.4}
    assert found[0].name == "layers 3-10"
    assert found[0].line.color == FLOW_STYLES["video -> question"].color
    assert found[0].line.dash == "dot", "layers 5-8 lie in it and do not count"
    bar = next(bar for bar in bars(staged_flow(table)) if bar.name == flow_label("video -> question"))
    assert [width > 0 for width in bar.marker.line.width] == [False, True, False, False, True, False]
    whole = pathways_table(sweep_table({"t": {"video -> question": [0, 0, -30, -30, -50, -50, *[0] * 6]}}))
    assert frames(staged_flow(whole))[0].line.dash is None
    assert "interval" not in bar.customdata[1][1], "tables of an older version have none"
    told = staged_flow(whole.assign(low=-41.0, high=-8.2))
    bar = next(bar for bar in bars(told) if bar.name == flow_label("video -> question"))
    assert bar.customdata[1][1].endswith("%, 95% interval -41.0 to -8.2%")


def test_cells_are_darker_where_cutting_hurts_more() -> None:
    table = pathways_table(
        sweep_table({"t": {"video -> last": [0, 0, -20, -20, -50, -50, -90, -90, 0, 0, 0, 0]}})
    )
    bar = next(bar for bar in bars(staged_flow(table)) if bar.name == flow_label("video -> last"))
    alphas = [float(color.rsplit(",", 1)[1].rstrip(")")) for color in bar.marker.color]
    assert alphas[0] < alphas[1] < alphas[2] < alphas[3] <= 1


def test_one_panel_a_task_or_the_task_asked_for() -> None:
    fig: Any = staged_flow(by_task())
    assert len(bars(fig)) == 5 * len(FLOWS)
    one: Any = staged_flow(by_task(), task="action_antonym")
    assert len(bars(one)) == len(FLOWS)
    assert any(note.text == "<b>Action Antonym</b>" for note in one.layout.annotations)


def test_a_table_read_back_from_csv_is_drawn_the_same(tmp_path: Any) -> None:
    table = pathways_table(sweep_table())
    table.to_csv(tmp_path / "pathways.csv", index=False)
    assert staged_flow(pd.read_csv(tmp_path / "pathways.csv")).to_json() == staged_flow(table).to_json()


def test_bins_without_a_value_are_empty() -> None:
    table = pathways_table(sweep_table({"t": {}}, flows=("video -> last",)))
    table.loc[2, "mean_change_percent"] = float("nan")
    bar = bars(staged_flow(table))[0]
    assert bar.text[2] == ""
    assert bar.customdata[2][1] == "no value"


def test_what_cannot_be_drawn_is_refused() -> None:
    table = pathways_table(sweep_table())
    with pytest.raises(RunError, match="lacks the column counts"):
        staged_flow(table.drop(columns="counts"))
    with pytest.raises(RunError, match="no rows"):
        staged_flow(table.iloc[:0])
    with pytest.raises(RunError, match="no task 'static'"):
        staged_flow(by_task(), task="static")


def test_bins_in_which_the_model_has_no_such_edge_are_hatched_and_the_words_say_so() -> None:
    swept = sweep_table({"t": {"video -> question": [0, 0, -30, -30, 0, 0, 0, 0, 0, 0, 0, 0]}})
    gone = (swept["flow"] == "video -> question") & (swept["layer"] > 10)
    fig: Any = staged_flow(pathways(swept.assign(edges_percent=100.0 - 100.0 * gone), bin=2).table)
    bar = next(bar for bar in bars(fig) if bar.name == flow_label("video -> question"))
    hatched = [shape == "/" for shape in bar.marker.pattern.shape]
    assert hatched == [False] * 5 + [True]
    assert [not text for text in bar.text] == hatched
    assert bar.customdata[-1][1].startswith("no such edge in the model")
    assert "Hatched: no such edge in the model" in notes(fig)
    plain: Any = staged_flow(pathways(swept, bin=2).table)
    assert "Hatched" not in notes(plain)
    assert all(bar.marker.pattern.shape is None for bar in bars(plain))
