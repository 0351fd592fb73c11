"""Sinks of models whose only sink is the first token, in the layers that read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import workbench as wb
from workbench.errors import RunError
from workbench.planted import N_FRAMES, direct, planted_model, planted_sample, staged


@pytest.mark.parametrize(("stages", "layers"), [(direct(3), "3"), (staged(2, 4, 5), "2, 4, 5")])
def test_the_first_token_is_the_only_sink(stages, layers: str, tmp_path: Path) -> None:
    model = planted_model(stages)
    prompt = model.encode(planted_sample(tmp_path, "A"), frames=N_FRAMES)
    found = wb.find_sinks(model, prompt)
    assert found.rows.tolist() == [0]
    (row,) = found.table.to_dict("records")
    assert (row["span"], row["token"], row["layers"]) == ("system", "USER:", layers)
    assert row["times_uniform"] >= 5
    assert row["value_share"] == 0
    assert found.prompt.layout["text_sinks"].tolist() == [0]
    assert not found.prompt.layout["video_sinks"].size
    assert "USER:" in repr(found)
    assert "USER:" in found._repr_html_()


def test_received_is_the_mean_over_heads_and_later_queries_in_times_of_uniform(tmp_path: Path) -> None:
    model = planted_model(direct(3))
    prompt = model.encode(planted_sample(tmp_path, "A"), frames=N_FRAMES)
    found = wb.find_sinks(model, prompt)
    n = prompt.layout.length
    assert n <= 65, "every query is looked at"
    pattern = model.run_with_cache(prompt, ["blocks.2.attn.hook_pattern"])[1]["blocks.2.attn.hook_pattern"]
    times = pattern[0].mean(0).numpy() * np.arange(1, n + 1)[:, None]  # (q, k)
    for key in (0, 1, 20):
        np.testing.assert_allclose(found.received[2, key], times[key + 1 :, key].mean(), rtol=1e-4)
    assert np.isnan(found.received[:, n - 8 :]).all(), "too few queries after them"
    assert not wb.find_sinks(model, prompt, times=50).rows.size
    assert "None here" in repr(wb.find_sinks(model, prompt, times=50))
    with pytest.raises(RunError, match="value=0"):
        wb.find_sinks(model, prompt, value=0)
