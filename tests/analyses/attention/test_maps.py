"""Attention maps: the chosen heads, rows and layers, each weight in its cell."""

from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from tests.tiny import FAMILY_NAMES, tiny_model, tiny_prompt, tiny_sample
from workbench.analyses.attention.maps import attention_maps, cell_table, parse_heads
from workbench.errors import FlowError, HookError, KnockoutError, RunError, SpanError, WindowError
from workbench.interventions import centred, layers
from workbench.planted import planted_model, planted_sample, staged
from workbench.prompts.partition import disjoint_spans
from workbench.prompts.words import word_rows

FAMILIES = pytest.mark.parametrize("family", FAMILY_NAMES)


def test_heads_are_chosen_and_reduced_as_asked() -> None:
    model = tiny_model()
    maps = attention_maps(model, tiny_prompt(model))
    by_head = maps.by_head
    np.testing.assert_array_equal(maps.weights, by_head.mean(axis=1))
    np.testing.assert_array_equal(maps.with_heads("max").weights, by_head.max(axis=1))
    np.testing.assert_array_equal(maps.with_heads(2).weights, by_head[:, 2])
    np.testing.assert_array_equal(maps.with_heads([0, 3]).weights, by_head[:, [0, 3]].mean(axis=1))
    asked = attention_maps(model, tiny_prompt(model), heads=2)
    np.testing.assert_array_equal(asked.weights, by_head[:, 2])
    for wrong in (4, -1, True, [], [0, 9], "median"):
        with pytest.raises(HookError, match="head"):
            maps.with_heads(wrong)  # pyright: ignore[reportArgumentType]


def test_a_planted_head_is_seen_in_its_layer_on_its_frame(tmp_path) -> None:
    """Layer 4, head 2: one word reads the last frame. With the frame cut, it falls back on the sink."""
    model = planted_model(staged(2, 4, 5))
    prompt = model.encode(planted_sample(tmp_path, "A"), frames=4)
    word = word_rows(prompt.layout, "move")
    maps = attention_maps(model, prompt, word.tolist(), heads=2)
    by_frame = maps.cells.sum(axis=(2, 3))  # (l, t)
    assert by_frame[3, 3] > 0.999
    assert by_frame[2:5:2, 3].max() < 0.5
    cut = attention_maps(
        model, prompt, word.tolist(), heads=2, knockout="frame[3] -> nonoption in layer 4", layers=4
    )
    assert cut.layers == (4,)
    assert cut.cells.sum() < 1e-6
    assert cut.weights[0, 0] > 0.999, "the sink"
    last = attention_maps(model, prompt, heads=3, layers=5)
    assert last.weights[0, word].sum() > 0.999


@FAMILIES
def test_cells_lie_where_the_layout_says(family) -> None:
    model = tiny_model(family)
    prompt = tiny_prompt(model)
    maps = attention_maps(model, prompt)
    rows = prompt.layout.cells
    assert rows is not None
    t, i, j = (size - 1 for size in rows.shape)
    assert rows[t, i, j] == prompt.layout[f"cell[{t},{i},{j}]"][0]
    assert rows[0, 0, j] == prompt.layout[f"cell[0,0,{j}]"][0]
    np.testing.assert_array_equal(maps.cells[1, t, 0, j], maps.weights[1, rows[t, 0, j]])


@FAMILIES
def test_tables_are_whole(family) -> None:
    model = tiny_model(family)
    prompt = tiny_prompt(model)
    maps = attention_maps(model, prompt, layers=(2, 4), knockout="video -> question in layer 1")
    parts = disjoint_spans(prompt.layout)
    assert sorted(row for rows in parts.values() for row in rows.tolist()) == list(range(len(prompt)))
    np.testing.assert_allclose(maps.mass["mass"].to_numpy().reshape(2, -1).sum(axis=1), 1, atol=1e-5)
    assert maps.with_heads("max").mass.equals(maps.mass)
    table = maps.table
    assert len(table) == 2 * len(prompt)
    assert set(table["state"]) == {"video -> question in layer 1"}
    assert table["layer"].unique().tolist() == [2, 4]
    np.testing.assert_allclose(table["weight"].to_numpy().reshape(2, -1).sum(axis=1), 1, atol=1e-5)
    inside = table.dropna(subset="frame")
    cells = prompt.layout.cells
    assert cells is not None
    assert len(inside) == 2 * cells.size
    row = inside[(inside["frame"] == 1) & (inside["cell_row"] == 0) & (inside["cell_column"] == 1)].iloc[1]
    assert row["row"] == prompt.layout["cell[1,0,1]"][0]
    assert row["span"] == "frame[1]"
    assert row["weight"] == maps.cells[1, 1, 0, 1]


def test_layers_are_counted_from_1_and_may_be_a_window() -> None:
    model = tiny_model()
    prompt = tiny_prompt(model)
    every = attention_maps(model, prompt)
    assert every.layers == (1, 2, 3, 4)
    for asked in (layers(2, 3), [3, 2], range(2, 4), np.array([2, 3])):
        some = attention_maps(model, prompt, layers=asked)  # pyright: ignore[reportArgumentType]
        assert some.layers == (2, 3)
        np.testing.assert_array_equal(some.by_head, every.by_head[1:3])
    for wrong in (0, 5, [], [1, 9], centred(3), True):
        with pytest.raises(WindowError):
            attention_maps(model, prompt, layers=wrong)


def test_queries() -> None:
    model = tiny_model()
    prompt = tiny_prompt(model)
    assert attention_maps(model, prompt, -1).rows == attention_maps(model, prompt, "last").rows
    assert attention_maps(model, prompt, "cell[1,0,1]").query == "cell[1,0,1]"
    assert attention_maps(model, prompt, int(prompt.layout["cell[2,1,0]"][0])).query == "cell[2,1,0]"
    rows = word_rows(prompt.layout, "circle").tolist()
    assert attention_maps(model, prompt, rows).query.startswith('"circle" (row')
    for wrong in (len(prompt), "fram[0]", "generated", [], [0, 1.5], True):
        with pytest.raises(SpanError):
            attention_maps(model, prompt, wrong)  # pyright: ignore[reportArgumentType]
    with pytest.raises(FlowError):
        attention_maps(model, prompt, knockout="vidio -> last in layer 1")
    with pytest.raises(KnockoutError, match="outside the model"):
        attention_maps(model, prompt, knockout="video -> last in layer 7")


def test_it_is_public() -> None:
    assert wb.attention_maps is attention_maps


def test_cells_of_several_samples_have_a_row_each_by_state_and_layer() -> None:
    model = tiny_model()
    maps = attention_maps(model, tiny_prompt(model), "last", layers=[1, 2])
    table = cell_table({"one": (maps, maps), "other": (maps,)})
    assert list(table.columns[:4]) == ["sample_id", "query", "state", "layer"]
    cells, counts = maps.cells.size, table["sample_id"].value_counts().to_dict()
    assert counts == {"one": 2 * cells, "other": cells}
    assert not table.isna().to_numpy().any()


@pytest.mark.parametrize(
    ("written", "meant"), [("mean", "mean"), ("max", "max"), (" 3 ", 3), (2, 2), ("0", 0)]
)
def test_heads_as_people_and_browsers_write_them(written: str | int, meant: str | int) -> None:
    assert parse_heads(written) == meant


@pytest.mark.parametrize("written", ["median", "", "-1", "1,2", "\u00b2", "9" * 5000])
def test_other_heads_are_refused(written: str) -> None:
    with pytest.raises(RunError, match="use mean, max, or the number of one head"):
        parse_heads(written)


def test_a_sample_is_encoded_as_usual(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model()
    prompt, sample = tiny_prompt(model), tiny_sample()
    monkeypatch.setattr(type(model), "encode", lambda self, given: {sample.id: prompt}[given.id])
    found, same = attention_maps(model, sample), attention_maps(model, prompt)
    np.testing.assert_array_equal(found.weights, same.weights)
