"""Lenses and probe on a few clips of the embedded data: what is there is found, controls find nothing."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import workbench as wb
from workbench.analyses.lens import first_of_each, lenses_from
from workbench.analyses.lens.made import texts_of
from workbench.errors import RunError

NAMES = [
    *("logit lens", "tuned lens", "neighbour lens", "probe"),
    *("tuned lens, shuffled", "probe, shuffled", "commonest word"),
]


def test_all_lenses_are_made_of_the_same_clips_and_the_probe_knows_what_is_there(tmp_path) -> None:
    model = wb.load("mini/video-ft")
    train, judged = first_of_each(wb.samples("mini/object_count", limit=10), 8)
    made = lenses_from(model, train, rows_per_sample=100, epochs=0, neighbours="same", out=tmp_path)
    assert list(made) == NAMES
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "tuned_lens.safetensors",
        "tuned_lens_shuffled.safetensors",
    ]
    chosen = {name: made[name] for name in ("logit lens", "tuned lens", "probe", "probe, shuffled")}
    curves = wb.compare_lenses(model, judged, chosen, progress=False).curves()
    right: Any = curves.set_index(["attribute", "lens", "layer"])["mean"].sort_index()
    assert right["colour", "probe", 0] > 0.9
    assert right["colour", "probe, shuffled", 0] < 0.6
    untrained = [right.xs(("shape", lens), level=(0, 1)).tolist() for lens in ("tuned lens", "logit lens")]
    assert untrained[0] == untrained[1]
    assert torch.equal(made["probe"].mean, made["probe, shuffled"].mean)  # type: ignore[attr-defined]


def test_clips_are_parted_by_their_place_in_the_task() -> None:
    samples = wb.samples("mini/moving_direction,moving_direction_reversed,static", limit=3)
    train, judged = first_of_each(samples, 2)
    assert [sample.id[-1] for sample in train] == ["0", "1"] * 3
    assert [sample.id[-1] for sample in judged] == ["2"] * 3
    assert len(first_of_each(samples).train) == 3
    with pytest.raises(RunError, match=r"largest task has 3: none is left"):
        first_of_each(samples, 3)


def test_texts_are_what_samples_ask_and_answer_each_once() -> None:
    samples = wb.samples("mini/moving_direction", limit=3)
    texts = texts_of(samples)
    assert texts[:6] == [
        samples[0].question,
        *samples[0].options,
        f"{samples[0].stem} {samples[0].open_answer}.",
    ]
    assert len(texts) == len(set(texts)) < 18
