"""A sweep gives the same table whichever engine runs it, and whatever the memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from pandas.testing import assert_frame_equal

import workbench as wb
from tests.tiny import tiny_folder
from workbench.data import Sample, Samples
from workbench.engine import IncrementalEngine
from workbench.engine.incremental import engine as incremental
from workbench.engine.incremental.packed import run_packed
from workbench.interventions import NAMED_FLOWS
from workbench.models import VideoLLM, load
from workbench.planted import N_FRAMES, planted_model, planted_sample, staged
from workbench.runs import Run

FLOWS = tuple(named.text for named in NAMED_FLOWS)
THIN = ("video -> last", "question -> last")


@pytest.fixture(scope="module")
def model() -> VideoLLM:
    return planted_model(staged(2, 4, 5))


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    folder = tmp_path_factory.mktemp("clips")
    made = [planted_sample(folder, answer) for answer in "AB"]
    several = [
        Sample(
            id=f"{sample.id}/{number}", task=sample.task, video=sample.video, question=sample.question,
            options=sample.options, answer=sample.answer,
        )
        for number in range(3)
        for sample in made
    ]  # fmt: skip
    return Samples(several, name="planted")


def sweep(model: VideoLLM, samples: Samples, flows=FLOWS, **options) -> Run:
    return wb.sweep(model, samples, flows, "centred(3)", frames=N_FRAMES, progress=False, **options)


def same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    assert_frame_equal(found, expected, rtol=1e-5, atol=1e-4)


def test_both_engines_give_the_same_table(model: VideoLLM, samples: Samples) -> None:
    two = Samples(samples[:2], name="planted")  # the others show the same again
    reference = sweep(model, two, engine="reference")
    assert reference.manifest["settings"]["engine"] == "reference"
    found = sweep(model, two)
    assert found.manifest["settings"]["engine"] == "incremental"
    same(found.table, reference.table)
    assert found.rounding == ""


def test_memory_that_runs_out_leaves_the_right_table(
    model: VideoLLM, samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = sweep(model, samples)
    refused = 0

    def capped(packed, **options):
        nonlocal refused
        if packed.plan.rows > 150:
            refused += 1
            raise torch.OutOfMemoryError("CUDA out of memory")
        return run_packed(packed, **options)

    monkeypatch.setattr(incremental, "run_packed", capped)
    same(sweep(model, samples).table, expected.table)
    assert refused >= len(samples)


def test_samples_that_run_together_are_told_apart(model: VideoLLM, samples: Samples, tmp_path: Path) -> None:
    expected = sweep(model, samples, THIN, engine="reference").table
    together: list[int] = []

    class Counting(IncrementalEngine):
        def run(self, model, requests, on_done=None):
            together.append(len(requests))
            return super().run(model, requests, on_done)

    same(sweep(model, samples, THIN, engine=Counting()).table, expected)
    assert together == [6]
    whole = sweep(model, samples, THIN, out=tmp_path / "whole")
    sweep(model, samples, THIN, out=tmp_path / "resumed")
    shard = sorted((tmp_path / "resumed" / "shards").iterdir())[2]
    shard.unlink()
    # What is missing is measured again in its group: the same bits.
    resumed = sweep(model, samples, THIN, out=tmp_path / "resumed")
    assert_frame_equal(resumed.table, whole.table, check_exact=True)


def test_the_noise_floor_stands_beside_half_precision(tmp_path: Path, samples: Samples) -> None:
    half = load(tiny_folder("llava_next_video"), device="cpu", dtype="bfloat16")
    run = wb.sweep(
        half, samples, THIN, "centred(1)", frames=4, only_correct=False, progress=False, out=tmp_path
    )
    measured = run.samples["noise_percent"].to_numpy(float)
    assert list(np.isfinite(measured)) == [True] * 5 + [False]
    assert ((measured[:5] > 1e-6) & (measured[:5] < 50)).all()
    assert "rounding in bfloat16 alone" in run.rounding
    assert wb.load_run(tmp_path).rounding == run.rounding
    assert np.isnan(run.samples["peak_gb"].to_numpy(float)).all()
