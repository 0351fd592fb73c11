"""States of rows: those of the model, of the rows asked for, and the same however often they are read."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pandas.testing import assert_frame_equal

from tests.analyses.lens.made_lenses import tiny_samples
from tests.tiny import tiny_model
from workbench.analyses.lens.states import residual_states
from workbench.errors import RunError


def test_states_are_the_models_own_before_and_after_every_block(tmp_path) -> None:
    model = tiny_model("llava_onevision")
    samples = tiny_samples(tmp_path, 2)
    found = residual_states(model, samples, rows="frame[1] + last", progress=False)
    assert found.states.shape == (model.n_layers + 1, len(found.table), model.d_model)
    start, prompts = 0, [model.encode(sample) for sample in samples]
    for prompt in prompts:
        rows = prompt.layout["frame[1] + last"]
        _, cache = model.run_with_cache(prompt, ["blocks.0.hook_resid_pre", "blocks.*.hook_resid_post"])
        mine = found.states[:, start : start + len(rows)]
        assert found.table["row"].tolist()[start : start + len(rows)] == rows.tolist()
        torch.testing.assert_close(mine[0], cache["resid_pre", 0][0, rows], rtol=0, atol=0)
        for layer in range(model.n_layers):
            torch.testing.assert_close(mine[layer + 1], cache["resid_post", layer][0, rows], rtol=0, atol=0)
        start += len(rows)
    cells = found.table.dropna(subset=["cell_row"])
    assert set(cells["frame"]) == {1}
    assert cells["second"].iloc[0] == pytest.approx(np.mean(prompts[0].layout.frame_times[1]))
    assert set(zip(cells["grid_rows"], cells["grid_columns"], strict=True)) == {prompts[0].layout.grid}
    assert found.table.iloc[-1][["frame", "cell_row", "second"]].isna().all()


def test_rows_are_drawn_by_the_samples_own_name(tmp_path) -> None:
    model = tiny_model("llava_onevision")
    samples = tiny_samples(tmp_path, 3)
    some = residual_states(model, samples, rows_per_sample=5, seed=1, progress=False).table
    alone = residual_states(model, samples[2:], rows_per_sample=5, seed=1, progress=False).table
    assert some.groupby("sample_id").size().tolist() == [5, 5, 5]
    assert some[some["sample_id"] == "tiny/2"]["row"].tolist() == alone["row"].tolist()
    other = residual_states(model, samples[2:], rows_per_sample=5, seed=2, progress=False).table
    assert other["row"].tolist() != alone["row"].tolist()


def test_words_are_known_by_their_last_row(tmp_path) -> None:
    model = tiny_model("llava_onevision")
    sample = tiny_samples(tmp_path, 1)[0]
    found = residual_states(model, [sample], rows="question", words=True, progress=False).table
    layout = model.encode(sample).layout
    said = "".join(layout.tokens[row] for row in layout["question"]).lower()
    assert len(found) > 3
    for row, word in zip(found["row"], found["word"], strict=True):
        assert word in said
        assert word.endswith(layout.tokens[row].strip().lower())
        assert any(letter.isalnum() for letter in word)


def test_a_folder_goes_on_and_gives_the_same(tmp_path) -> None:
    model = tiny_model("llava_onevision")
    samples = tiny_samples(tmp_path, 2)
    whole = residual_states(model, samples, rows="last", progress=False)
    assert whole.samples == ["tiny/0", "tiny/1"]
    for _ in range(2):
        found = residual_states(model, samples, rows="last", out=tmp_path / "out", progress=False)
        assert torch.equal(found.states, whole.states)
        assert_frame_equal(found.table, whole.table)


def test_counts_that_are_none_are_refused(tmp_path) -> None:
    model = tiny_model("llava_onevision")
    for wrong in (0, True, 1.5):
        with pytest.raises(RunError, match="rows_per_sample="):
            residual_states(model, tiny_samples(tmp_path, 1), rows_per_sample=wrong)  # type: ignore[arg-type]
