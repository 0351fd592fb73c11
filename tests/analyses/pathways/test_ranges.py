"""Effective pathways, against the numbers that Map the Flow prints and against a plain second reading."""

from __future__ import annotations

import io
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.analyses.pathways.ranges import Pathways, pathways
from workbench.errors import RunError
from workbench.statistics.bootstrap import bootstrap_mean

CROSS, TO_QUESTION, TO_LAST = "frames -> later frames", "video -> question", "question -> last"


def effects(changes: dict[str, list[float]], *, task="action_antonym", sample="a/0", window="centred(9)"):
    """A sweep's table with one sample: `changes[flow][layer - 1]`."""
    return pd.DataFrame(
        [
            {
                "sample_id": sample,
                "task": task,
                "flow": flow,
                "window": window,
                "layer": layer,
                "change_percent": float(change),
            }
            for flow, row in changes.items()
            for layer, change in enumerate(row, start=1)
        ]
    )


def test_bins_are_means_over_centre_layers_and_samples() -> None:
    table = pd.concat(
        [
            effects({CROSS: [0, -8, -4, 0, -30, -2, 0]}, sample="a/0"),
            effects({CROSS: [0, -4, -8, 0, -10, -2, 0]}, sample="a/1"),
        ]
    )
    found = pathways(table, bin=3)
    assert dict(found) == {CROSS: (4, 6)}
    assert list(found.table["bin_first"]) == [1, 4, 7]
    assert list(found.table["bin_last"]) == [3, 6, 7]
    assert list(found.table["mean_change_percent"]) == pytest.approx([-4, -22 / 3, 0])
    assert list(found.table["counts"]) == [False, True, False]
    assert found.settings["samples"] == 2


def test_the_bins_that_count_are_told_beside_the_range_with_the_gaps_between_them() -> None:
    """The range runs from the first to the last bin that counts, over layers that lose nothing too."""
    curve = [-20.0, -30, 0, 0, 0, 0, 0, 0, 0, -20, -40, -60]
    found = pathways(effects({CROSS: curve, "video -> last": [-50.0] * 4 + [0.0] * 8}), bin=1)
    assert dict(found) == {CROSS: (1, 12), "video -> last": (1, 4)}
    assert found.bins_that_count == {CROSS: "1-2, 10-12", "video -> last": "1-4"}
    assert repr(found) == f"Pathways({CROSS}: 1-12 (1-2, 10-12); video -> last: 1-4)"
    assert set(found.table.query("flow == @CROSS")["bins_that_count"]) == {"1-2, 10-12"}
    assert found.wide()["bins that count"].tolist() == ["1-2, 10-12", "1-4"]
    assert found.wide()["effective"].tolist() == ["1-12", "1-4"]
    assert "1-2, 10-12" in found._repr_html_()
    from rich.console import Console

    console = Console(width=200, record=True, file=io.StringIO())
    console.print(found)
    assert "1-2, 10-12" in console.export_text()


def test_each_bin_has_the_interval_of_its_samples_means() -> None:
    changes = np.random.default_rng(0).normal(-30, 20, (12, 6))
    table = pd.concat([effects({CROSS: list(row)}, sample=f"a/{n}") for n, row in enumerate(changes)])
    found = pathways(table, bin=4).table
    for number, part in enumerate((changes[:, :4], changes[:, 4:])):
        expected = bootstrap_mean(part.mean(axis=1), within=(-100, np.inf))
        row = found.loc[number, ["mean_change_percent", "low", "high"]].tolist()
        assert row == pytest.approx(expected[:3])


def test_a_flow_without_effective_layers_is_no_key_but_is_listed(tmp_path) -> None:
    found = pathways(effects({CROSS: [-50.0] * 4, "video -> last": [-1.0] * 4}), bin=2)
    assert dict(found) == {CROSS: (1, 4)}
    assert found.flows == (CROSS, "video -> last")
    with pytest.raises(KeyError, match=r"no effective layers: no bin has a mean change below -5%"):
        found["video -> last"]
    with pytest.raises(KeyError, match="not among the flows"):
        found["video -> questions"]
    assert found.get("video -> last") is None
    read = pd.read_csv(found.to_csv(tmp_path / "pathways.csv"))
    assert list(read.columns) == [
        "flow",
        "bin_first",
        "bin_last",
        "mean_change_percent",
        "counts",
        "first_layer",
        "last_layer",
        "bins_that_count",
        "low",
        "high",
        "no_edges",
        "window",
        "bin",
        "threshold",
    ]
    assert read.iloc[0][["window", "bin", "threshold"]].tolist() == ["centred(9)", 2, -5.0]
    assert read.loc[read["flow"] == CROSS, "last_layer"].tolist() == [4, 4]
    assert read.loc[read["flow"] == "video -> last", "last_layer"].isna().all()


def test_it_can_be_read_in_a_terminal_and_in_a_notebook() -> None:
    from rich.console import Console

    found = pathways(effects({CROSS: [-50.0] * 4 + [0.0] * 8, "video -> last": [-1.0] * 12}), bin=2)
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(found)
    text = console.export_text()
    assert "frames -> later frames" in text
    assert "1-4" in text
    assert "11-12" in text
    html = found._repr_html_()
    assert "<b>-50.0</b>" in html
    assert "<b>-1.0</b>" not in html
    assert "frames -&gt; later frames" in html


def test_tasks_and_windows_are_chosen_by_name() -> None:
    table = pd.concat(
        [
            effects({CROSS: [-50, 0]}, task="action_antonym"),
            effects({CROSS: [0, -50]}, task="object_count", sample="o/0"),
            effects({CROSS: [-50, -50]}, task="object_count", sample="o/0", window="centred(3)"),
        ]
    )
    with pytest.raises(RunError, match="2 centred windows"):
        pathways(table)
    assert dict(pathways(table, bin=1, window="centred(9)")) == {CROSS: (1, 2)}
    assert dict(pathways(table, bin=1, task="action_antonym")) == {CROSS: (1, 1)}
    both = pathways(table, bin=1, task=["object_count"], window="centred(9)")
    assert dict(both) == {CROSS: (2, 2)}
    assert both.settings["tasks"] == ("object_count",)
    with pytest.raises(RunError, match="Did you mean 'object_count'"):
        pathways(table, task="object_counts")
    with pytest.raises(RunError, match="centred\\(5\\)"):
        pathways(table, window="centred(5)")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bin": 0}, "bin=0"),
        ({"bin": 2.5}, "bin=2.5"),
        ({"bin": True}, "bin=True"),
        ({"threshold": float("nan")}, "threshold=nan"),
        ({"task": []}, "leaves nothing"),
    ],
)
def test_bad_settings_are_refused(arguments, message) -> None:
    with pytest.raises(RunError, match=message):
        pathways(effects({CROSS: [0.0]}), **arguments)


def test_tables_without_layers_are_refused() -> None:
    with pytest.raises(RunError, match="no rows"):
        pathways(effects({CROSS: [0.0]}).iloc[:0])
    with pytest.raises(RunError, match=r"need a centred window.*all_layers"):
        pathways(effects({CROSS: [0.0]}, window="all_layers()").assign(layer=0))


@given(
    n_layers=st.integers(1, 48),
    size=st.integers(1, 12),
    threshold=st.integers(-20, 0),
    data=st.data(),
)
def test_the_range_is_what_a_plain_reading_gives(n_layers, size, threshold, data) -> None:
    changes = data.draw(st.lists(st.integers(-40, 10), min_size=n_layers, max_size=n_layers))
    found = pathways(effects({CROSS: changes}), bin=size, threshold=float(threshold))

    inside: list[int] = []
    covered: list[int] = []
    for start in range(0, n_layers, size):
        part = changes[start : start + size]
        covered += range(start + 1, start + 1 + len(part))
        if Fraction(sum(part), len(part)) < threshold:
            inside += range(start + 1, start + 1 + len(part))
    assert covered == list(range(1, n_layers + 1))
    assert dict(found) == ({CROSS: (min(inside), max(inside))} if inside else {})
    assert isinstance(found, Pathways)


def test_layers_without_such_an_edge_are_no_zeros() -> None:
    """In a bin they do not thin the mean of the others; a bin of them alone has none, and says so."""
    table = effects({CROSS: [-20, 0, 0, 0, -8, -4], TO_LAST: [0, 0, 0, 0, 0, -40]})
    table["edges_percent"] = [100, 0, 0, 0, 100, 50, *[100] * 6]
    found = pathways(table, bin=2)
    mine = found.table[found.table["flow"] == CROSS]
    assert mine["mean_change_percent"].tolist() == pytest.approx([-20, np.nan, -6], nan_ok=True)
    assert mine["no_edges"].tolist() == [False, True, False]
    assert mine["counts"].tolist() == [True, False, True]
    assert found.bins_that_count[CROSS] == "1-2, 5-6"
    other = found.table[found.table["flow"] == TO_LAST]
    assert other["mean_change_percent"].tolist() == [0, 0, -20]
    assert other["no_edges"].tolist() == [False] * 3, "edges that exist and carry nothing"
    assert found.wide()["3-4"].tolist() == ["no edge", 0.0]
    page = found._repr_html_()
    assert page.count("no edge") == 2, "its cell, and what that means"
    assert "no such edge in the model here" in page
    assert "no such edge" not in pathways(table.drop(columns="edges_percent"), bin=2)._repr_html_()


def test_a_flow_without_any_edge_has_no_range() -> None:
    table = effects({CROSS: [-20, -30]})
    found = pathways(table.assign(edges_percent=0.0), bin=1)
    assert dict(found) == {}
    assert found.table["no_edges"].tolist() == [True, True]
    assert np.isnan(found.table["mean_change_percent"].to_numpy(np.float64)).all()
