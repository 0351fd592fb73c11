from __future__ import annotations

from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from tests.figures.drawn import bands, lines, notes, panel_of
from tests.figures.tables import FLOWS, PARTS, SHAPES, sweep_table
from tests.statistics.counted import bootstrapped
from workbench.errors import RunError
from workbench.figures import FLOW_STYLES, flow_figures, information_flow
from workbench.figures.parts.text import flow_label
from workbench.statistics.bootstrap import bootstrap_mean
from workbench.statistics.curves import curve_table


def test_one_panel_a_task_one_curve_a_flow_and_every_value_in_its_place() -> None:
    table = sweep_table()
    fig = information_flow(table, seed=3)
    assert len(lines(fig)) == len(bands(fig)) == len(SHAPES) * len(FLOWS)
    seen = set()
    for line, band in zip(lines(fig), bands(fig), strict=True):
        task = list(SHAPES)[panel_of(line)]
        flow = next(name for name in FLOWS if flow_label(name) == line.name)
        rows = table[(table["task"] == task) & (table["flow"] == flow)]
        expected = [
            bootstrap_mean(rows.loc[rows["layer"] == layer, "change_percent"], seed=3)
            for layer in range(1, 13)
        ]
        assert list(line.x) == list(range(1, 13))
        assert list(line.y) == pytest.approx([point.mean for point in expected])
        assert list(band.x) == [*range(1, 13), *range(12, 0, -1)]
        assert list(band.y[:12]) == pytest.approx([point.high for point in expected])
        assert list(band.y[:11:-1]) == pytest.approx([point.low for point in expected])
        assert band.name == line.name == band.legendgroup == line.legendgroup
        assert line.line.color == FLOW_STYLES[flow].color
        seen.add((task, flow))
    assert len(seen) == len(SHAPES) * len(FLOWS)


def test_titles_axes_and_the_legend() -> None:
    fig: Any = information_flow(sweep_table(samples=9))
    assert "<b>Moving Direction</b>, n = 9" in notes(fig)
    assert "few" not in notes(fig)
    assert fig.layout.yaxis.title.text == "change of answer probability (%)"
    assert fig.layout.xaxis4.title.text == "layer (centre of the cut window)"
    assert list(fig.layout.xaxis.tickvals) == list(range(1, 13))
    keys = [trace for trace in fig.data if trace.showlegend]
    assert sorted(keys, key=lambda trace: trace.legendrank) == sorted(
        keys, key=lambda t: FLOWS.index(next(flow for flow in FLOWS if flow_label(flow) == t.name))
    )
    assert len(keys) == len(FLOWS)


def test_hover_says_layers_mean_interval_and_samples() -> None:
    table = sweep_table(samples=4)
    fig = information_flow(table, tasks="moving_direction", flows="question -> last")
    point = bootstrap_mean(
        table.query("task == 'moving_direction' and flow == 'question -> last' and layer == 11")[
            "change_percent"
        ]
    )
    told = lines(fig)[0].customdata[10][0]
    assert told.startswith("layers 10-12 cut<br>")
    assert f"mean {point.mean:+.1f}%, 95% interval {point.low:+.1f} to {point.high:+.1f}%" in told
    assert "n = 4 samples" in told
    assert "only 4 samples" in told


def test_few_samples_are_said_in_the_title() -> None:
    said = notes(information_flow(sweep_table(samples=3)))
    assert "n = 3 (few)" in said
    assert "Few: under 5 samples, read with care." in said


def test_panels_say_where_points_have_different_numbers_of_samples() -> None:
    table = sweep_table(samples=8)
    table = table.query("not (flow == 'video -> last' and sample_id.str.endswith('7'))")
    assert "n = 7 to 8" in notes(information_flow(table))


def test_tasks_and_flows_come_in_the_order_asked_for() -> None:
    fig: Any = information_flow(
        sweep_table(samples=3),
        tasks=["Object Count", "moving_direction"],
        flows=["video->last", "cross-frame"],
    )
    assert notes(fig).index("Object Count") < notes(fig).index("Moving Direction")
    keys = sorted((t for t in fig.data if t.showlegend), key=lambda trace: trace.legendrank)
    assert [key.name for key in keys] == [flow_label("video -> last"), flow_label("frames -> later frames")]


def test_the_caption_says_what_the_numbers_say() -> None:
    fig = information_flow(sweep_table())
    words = notes(fig).replace("<b>", "").replace("</b>", "").replace("<br>", " ")
    assert "The answer needs frames → later frames around layers 7-10 (4 of 5 tasks), " in words
    assert "The deepest fall: question → last at layers 10-12 of Moving Direction (-82%)." in words
    assert "No clear effect: last → last" in words
    assert "Names: frames, the rows of each video frame; " in words
    assert "Each point: the flow cut in the 3 layers around it, centred(3)." in words
    silent = notes(information_flow(sweep_table(samples=3), caption=False))
    assert "The answer needs" not in silent
    assert "Names" not in silent


def drawn_flows(fig: Any) -> set[str]:
    return {line.name.replace("\u00a0→\u00a0", " -> ") for line in lines(fig)}


def only(table: pd.DataFrame, *flows: str) -> pd.DataFrame:
    return cast(pd.DataFrame, table[table["flow"].isin(flows)])


def many() -> pd.DataFrame:
    shapes = {"t": {"question -> last": [-50.0] * 12, "true_option -> last": [-40.0] * 12}}
    own = ("frame[0] -> last", "frame[1] -> last")
    return sweep_table(shapes, flows=(*FLOWS, *PARTS, *own), samples=3)


def test_of_many_flows_the_first_group_is_drawn_and_the_others_are_told() -> None:
    table = many()
    fig = information_flow(table)
    assert drawn_flows(fig) == set(FLOWS)
    words = notes(fig).replace("<br>", " ")
    assert 'nonoption → last, true_option → last (flows="to_last")' in words
    assert 'video → nonoption, video → true_option (flows="to_options")' in words
    assert 'frame[0] → last, frame[1] → last (flows="other")' in words
    assert "Not in this figure" in notes(information_flow(table, caption=False))
    few = only(table, *FLOWS)
    assert "Not in this figure" not in notes(information_flow(few))


def test_groups_and_all_flows_can_be_asked_for() -> None:
    table = many()
    fig = information_flow(table, flows="to_last")
    assert drawn_flows(fig) == {"nonoption -> last", "true_option -> last"}
    assert "From the parts of the question to the last row: what the answer loses" in notes(fig)
    assert "Not in this figure" not in notes(fig)
    assert drawn_flows(information_flow(table, flows="all")) == set(table["flow"])
    with pytest.raises(RunError, match="no flow 'to_lost'"):
        information_flow(table, flows="to_lost")
    with pytest.raises(RunError, match="no flow 'to_options'"):
        information_flow(only(table, "video -> last"), flows="to_options")


def test_a_figure_a_group_together_they_show_every_flow_in_one_colour() -> None:
    table = many()
    figures = flow_figures(table)
    assert list(figures) == ["spans", "to_last", "to_options", "other"]
    drawn = [drawn_flows(fig) for fig in figures.values()]
    assert sum(map(len, drawn)) == len(set.union(*drawn)) == table["flow"].nunique()
    whole = {
        line.name: (line.line.color, line.marker.symbol)
        for line in lines(information_flow(table, flows="all"))
    }
    one = information_flow(table, flows=["frame[1] -> last"])
    for fig in (*figures.values(), one):
        colors = {line.name: (line.line.color, line.marker.symbol) for line in lines(fig)}
        assert colors.items() <= whole.items()
        assert len({color for color, _ in colors.values()}) == len(colors), "colours differ in a figure"
    few: Any = flow_figures(only(table, *FLOWS))
    assert list(few) == ["all"]
    bars: Any = flow_figures(table.query("layer == 8").assign(window="all_layers()", layer=0))
    assert len(bars) == 1
    assert len(next(iter(bars.values())).data[0].y) == table["flow"].nunique(), "bars have room for all"


def test_flows_that_do_nothing_are_faint_and_the_figure_says_so() -> None:
    shapes = {
        "a": {"video -> question": [-50.0] * 12, "video -> last": [-4.0] * 12},
        "b": {"question -> last": [0.0] * 11 + [-20.0]},
    }
    table = sweep_table(shapes)
    changes = {(task, flow): curve for task, curves in shapes.items() for flow, curve in curves.items()}
    table["change_percent"] = [
        changes.get((task, flow), [0.0] * 12)[layer - 1]
        for task, flow, layer in zip(table["task"], table["flow"], table["layer"], strict=True)
    ]
    raised = (table["flow"] == "frames -> later frames") & (table["layer"] == 4)
    table.loc[raised, "change_percent"] = 6.0
    fig: Any = information_flow(table)
    faint = {line.name for line in lines(fig) if line.opacity is not None}
    assert faint == {flow_label("video -> last"), flow_label("last -> last")}
    assert "Faint curves stay within 5% of 0" in notes(fig)
    order = [line.name for line in lines(fig)]
    assert order.index(flow_label("last -> last")) < order.index(flow_label("video -> question")), "below"
    nothing = information_flow(only(table, "video -> last", "last -> last"))
    assert all(line.opacity is None for line in lines(nothing)), "faint beside what?"


def test_names_from_data_are_drawn_and_not_read_as_html() -> None:
    shapes = {"<img src=x> & %{y}": {"a<b>[0] -> last": [-50.0] * 12}}
    fig: Any = information_flow(sweep_table(shapes, flows=("a<b>[0] -> last",)))
    texts = [note.text for note in fig.layout.annotations]
    texts += [part for trace in fig.data for part in (trace.name, trace.hovertemplate or "")]
    joined = " ".join(texts).replace("&#37;{y}", "")
    assert "<img" not in joined
    assert "a<b>" not in joined
    assert "%{y}" not in joined
    assert "&lt;img" in joined
    assert "a&lt;b&gt;" in joined


def test_a_table_of_several_windows() -> None:
    table = pd.concat([sweep_table(samples=3, k=k) for k in (1, 5)])
    with pytest.raises(RunError, match=r"several windows: centred\(1\), centred\(5\).*window='centred\(1\)'"):
        information_flow(table)
    assert len(lines(information_flow(table, window="centred(5)"))) == len(SHAPES) * len(FLOWS)
    compared: Any = information_flow(table, flows="video -> question", tasks=["moving_direction"])
    assert {trace.name for trace in lines(compared)} == {"centred(1)", "centred(5)"}
    assert "video → question" in notes(compared)


def test_windows_after_a_layer_form_one_curve() -> None:
    table = sweep_table(
        {"t": {"video -> text": [-90, -80, -70, -60, -50, -40, -30, -20, -10, 0, 0, 0]}},
        flows=("video -> text",),
    )
    table["window"] = [f"after({layer})" for layer in table["layer"]]
    fig: Any = information_flow(table)
    assert len(lines(fig)) == 1
    assert list(lines(fig)[0].x) == list(range(1, 13))
    assert fig.layout.xaxis.title.text == "layer i (every layer after i is cut)"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"tasks": "moving_directions"}, r"no task 'moving_directions'.*Did you mean 'moving_direction'"),
        ({"flows": ["video -> answer"]}, r"no flow 'video -> answer'.*It has 'frames -> later frames'"),
        ({"window": "centred(9)"}, r"no window 'centred\(9\)'.*'centred\(3\)'"),
        ({"tasks": []}, "No task was asked for"),
    ],
)
def test_what_the_table_does_not_hold_is_refused(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(RunError, match=message):
        information_flow(sweep_table(samples=1), **asked)


def test_tables_that_cannot_be_drawn_are_refused() -> None:
    table = sweep_table(samples=1)
    with pytest.raises(RunError, match="no rows"):
        information_flow(table.iloc[:0])
    with pytest.raises(RunError, match="lacks the column flow"):
        information_flow(table.drop(columns="flow"))
    with pytest.raises(RunError, match="finite"):
        information_flow(table.assign(change_percent=np.nan))


def test_a_finished_summary_is_drawn_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    table = many()
    curves = curve_table(table, seed=5)
    drawn = bootstrapped(monkeypatch)
    every: list[dict[str, Any]] = [
        {},
        {"flows": "to_last"},
        {"flows": ["last -> last", "video -> question"], "tasks": "t"},
    ]
    for chosen in every:
        ours: Any = information_flow(curves, **chosen)
        assert drawn == []
        theirs: Any = information_flow(table, seed=5, **chosen)
        assert notes(ours) == notes(theirs)
        for one, other in zip(lines(ours) + bands(ours), lines(theirs) + bands(theirs), strict=True):
            assert (one.name, one.xaxis, one.legendrank) == (other.name, other.xaxis, other.legendrank)
            np.testing.assert_allclose(one.y, other.y, rtol=1e-13)
        drawn.clear()
    with pytest.raises(RunError, match="no flow 'video -> lost'"):
        information_flow(curves, flows="video -> lost")


def test_the_figures_of_all_groups_are_of_one_summary(monkeypatch: pytest.MonkeyPatch) -> None:
    table = many()
    drawn = bootstrapped(monkeypatch)
    assert len(flow_figures(table)) == 4
    assert sum(drawn) == table["flow"].nunique() * 12
    drawn.clear()
    flow_figures(curve_table(table))
    assert sum(drawn) == table["flow"].nunique() * 12, "its own summary, and none beside it"


def test_a_curve_has_a_gap_and_crosses_where_the_model_has_no_such_edge() -> None:
    """A line through the gap, or a point at 0, would be an effect of a cut that never was."""
    table = sweep_table({"moving_direction": SHAPES["moving_direction"]})
    flow = "video -> question"
    gone = (table["flow"] == flow) & table["layer"].isin([2, 4, 5])
    fig: Any = information_flow(table.assign(edges_percent=100.0 - 100.0 * gone))
    line = next(line for line in lines(fig) if line.name == flow_label(flow))
    assert list(line.x) == [1, None, 3, None, *range(6, 13)]
    assert [y is None for y in line.y] == [x is None for x in line.x]
    assert len(line.customdata if line.customdata is not None else line.x) == len(line.x)
    crosses = [trace for trace in fig.data if trace.name == "no such edge in the model"]
    assert [(list(one.x), list(one.y), one.showlegend) for one in crosses] == [([2, 4, 5], [0, 0, 0], True)]
    plain: Any = information_flow(table)
    assert not [trace for trace in plain.data if trace.name == "no such edge in the model"]
    assert None not in list(next(line for line in lines(plain) if line.name == flow_label(flow)).x)
