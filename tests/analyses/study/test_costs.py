"""What is saved, against what is counted by hand."""

from __future__ import annotations

import pytest

from tests.analyses.study import planted
from workbench.analyses.study import UNTOUCHED, costs, savings
from workbench.analyses.study.cases import EXIT, without_video
from workbench.errors import RunError
from workbench.planted import N_FRAMES, N_LAYERS, TOKENS_A_FRAME


def test_pairs_and_kept_keys_are_those_of_the_layers_with_video(studied_model, tmp_path) -> None:
    prompt = studied_model.encode(planted.samples(tmp_path, 1)[0], frames=N_FRAMES)
    found = costs(studied_model, [prompt], savings(4, 2, N_LAYERS), repeats=1, tokens=2).set_index("case")
    n = len(prompt)
    left = n - N_FRAMES * TOKENS_A_FRAME
    every, few = n * (n + 1) / 2, left * (left + 1) / 2
    row = found.loc[EXIT]
    assert row["pairs_percent"] == pytest.approx(100 * (4 * every + 2 * few) / (6 * every))
    assert row["kv_percent"] == pytest.approx(100 * (4 * n + 2 * left) / (6 * n))
    assert (found.loc[UNTOUCHED, ["pairs_percent", "flops_percent", "kv_percent"]] == 100).all()
    assert found[["prefill_ms", "tokens_per_s"]].to_numpy().min() > 0
    assert found.loc["fastv(0.5)", "pairs_percent"] == found.loc["random(0.5, seed 0)", "pairs_percent"]


def test_what_saves_nothing_is_refused(studied_model, tmp_path) -> None:
    prompt = studied_model.encode(planted.samples(tmp_path, 1)[0], frames=N_FRAMES)
    with pytest.raises(RunError, match="'no video' saves nothing"):
        costs(studied_model, [prompt], [without_video(N_LAYERS)])
    with pytest.raises(RunError, match="0 prompts"):
        costs(studied_model, [], [])
