"""Twin patching finds a planted path, layer by layer, and nothing beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import workbench as wb
from workbench.analyses.patching import PatchRow, TwinPatching, flipping, patch_means
from workbench.data import Sample
from workbench.errors import HookError, InterventionError, RunError, SampleError, SpanError
from workbench.models import VideoLLM
from workbench.planted import N_FRAMES, N_LAYERS, planted_model, planted_sample, staged

STAGES = (2, 4, 5)


@pytest.fixture(scope="module")
def model() -> VideoLLM:
    return planted_model(staged(*STAGES))


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sample, Sample]:
    folder = tmp_path_factory.mktemp("clips")
    return planted_sample(folder, "A"), planted_sample(folder, "B")


def patched(model: VideoLLM, sides: tuple[Sample, Sample], *asked: Any, **more: Any) -> TwinPatching:
    return wb.patch(model, [sides], *asked, **{"frames": N_FRAMES, "progress": False, **more})


def where(found: TwinPatching, direction: str) -> dict[str, list[int]]:
    """By span the layers that turn the answer: whole, or else this fails."""
    rows: Any = found.table[found.table["direction"] == direction]
    assert np.all(np.isclose(rows["recovered"], rows["flipped"], atol=1e-4)), "all or nothing"
    turned = rows[rows["flipped"]]
    return {
        str(span): sorted(turned["layer"][turned["span"] == span]) for span in dict.fromkeys(turned["span"])
    }


def test_the_stream_carries_the_answer_along_the_planted_path(model: VideoLLM, sides: Any) -> None:
    found = patched(model, sides)
    assert found.skipped.empty
    assert list(found.table.columns) == list(PatchRow._fields)
    assert found.table["correct"].to_numpy(bool).all()
    first, second, third = STAGES
    path = {
        "frame[0]": [*range(1, first)],
        f"frame[{N_FRAMES - 1}]": [*range(first, second)],
        "nonoption": [*range(second, third)],
        "last": [*range(third, N_LAYERS + 1)],
    }
    assert where(found, "noising") == where(found, "denoising") == path
    means = found.means()
    assert set(means["n"]) == {1}
    flips = flipping(means)
    assert flips["flip"].tolist() == [N_LAYERS, N_LAYERS]
    assert flips["patches"].tolist() == [len(means) // 2] * 2
    assert (
        repr(found) == f"TwinPatching(1 pairs, 1 answered correctly on both sides; {len(found.table)} rows)"
    )


def test_what_writes_the_answer_is_one_head_in_one_layer(model: VideoLLM, sides: Any) -> None:
    found = patched(model, sides, ["z", "attn_out", "mlp_out"], "last", directions="noising")
    turned: Any = found.table[found.table["flipped"]]
    assert turned[["site", "layer", "head"]].values.tolist() == [["z", 5, 3], ["attn_out", 5, -1]]
    assert set(found.table["direction"]) == {"noising"}
    assert set(found.table["head"][found.table["site"] != "z"]) == {-1}


def test_before_the_decoder_frame_0_alone_turns_it(model: VideoLLM, sides: Any) -> None:
    found = patched(model, sides, ["projector", "vision", "embed"], directions=["denoising"])
    turned: Any = found.table[found.table["flipped"]]
    assert set(turned["span"]) == {"frame[0]"}
    assert turned["site"].tolist() == ["projector", "vision", "embed"]
    assert found.table["layer"].tolist()[:N_FRAMES] == [0] * N_FRAMES


def test_both_engines_agree_and_a_run_goes_on(model: VideoLLM, sides: Any, tmp_path: Path) -> None:
    spans = ["frame[0]", "nonoption + last"]
    asked: Any = {"sites": ["resid_mid", "mlp_out"], "spans": spans, "layers": [1, 4]}
    fast = patched(model, sides, **asked, out=tmp_path / "run")
    slow = patched(model, sides, **asked, engine="reference")
    assert_frame_equal(fast.table, slow.table, atol=1e-4)
    assert_frame_equal(patched(model, sides, **asked, out=tmp_path / "run").table, fast.table)
    with pytest.raises(RunError, match="layers"):
        patched(model, sides, **{**asked, "layers": [1]}, out=tmp_path / "run")


def test_a_twin_without_a_known_answer_has_the_models_own(model: VideoLLM, sides: Any) -> None:
    clip, twin = sides
    found = patched(model, (clip, replace(twin, answer=None)), "resid_post", "last")
    assert int(found.table["flipped"].to_numpy(bool).sum()) == 2 * (N_LAYERS - STAGES[-1] + 1)
    assert found.table["correct"].to_numpy(bool).all()


def test_pairs_that_cannot_be_compared_are_skipped_with_the_reason(model: VideoLLM, sides: Any) -> None:
    clip, twin = sides
    same = (replace(clip, id="same/1"), replace(clip, id="same/2"))
    broken = (replace(clip, id="broken/1"), replace(twin, id="broken/2", video=Path("nowhere")))
    fewer = (replace(clip, id="fewer/1"), replace(twin, id="fewer/2", options=("a", "b", "c"), answer=0))
    longer = (
        replace(clip, id="longer/1"),
        replace(twin, id="longer/2", question=f"{twin.question} Which way ?"),
    )
    found = wb.patch(model, [sides, same, broken, fewer, longer], layers=1, frames=N_FRAMES, progress=False)
    assert set(found.table["pair_id"]) == {clip.id}
    reasons = dict(zip(found.skipped["sample_id"], found.skipped["reason"], strict=True))
    assert "both sides have the same answer, A" in reasons["same/1"] == reasons["same/2"]
    assert "nowhere" in reasons["broken/2"]
    assert "the other side of its pair" in reasons["broken/1"]
    assert "different numbers of options" in reasons["fewer/1"]
    assert "so no row has a counterpart" in reasons["longer/2"]


def test_what_makes_no_sense_is_refused(model: VideoLLM, sides: Any) -> None:
    for error, asked in (
        (InterventionError, {"sites": "resid_pst"}),
        (InterventionError, {"sites": []}),
        (InterventionError, {"sites": ["z", "z"]}),
        (SpanError, {"spans": "vidio"}),
        (InterventionError, {"layers": 0}),
        (HookError, {"layers": N_LAYERS + 1}),
        (InterventionError, {"sites": "vision", "layers": 2}),
        (InterventionError, {"sites": "embed", "layers": 1}),
        (InterventionError, {"directions": "noise"}),
    ):
        with pytest.raises(error):
            patched(model, sides, **asked)
    with pytest.raises(SampleError, match="no pair"):
        wb.patch(model, list(sides), progress=False)


def test_means_are_of_pairs_that_the_model_tells_apart() -> None:
    shared = {"task": "t", "direction": "noising", "site": "z", "layer": 1, "head": 0, "span": "last"}
    table: Any = pd.DataFrame(
        [
            {**shared, "pair_id": str(at), "recovered": value, "flipped": value > 0.5, "correct": correct}
            for at, (value, correct) in enumerate(((1.0, True), (0.5, True), (0.0, False)))
        ]
    )
    (mean,) = patch_means(table).to_dict("records")
    assert (mean["n"], mean["mean"], mean["flipped"]) == (2, 0.75, 0.5)
    (mean,) = patch_means(table, only_correct=False).to_dict("records")
    assert (mean["n"], mean["mean"]) == (3, 0.5)
    assert flipping(patch_means(table), 0.5)["percent"].tolist() == [100.0]
    with pytest.raises(RunError, match="only_correct=False"):
        patch_means(table.assign(correct=False))
    with pytest.raises(RunError, match="no rows"):
        patch_means(table[:0], only_correct=False)
