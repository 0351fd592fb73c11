"""Attention by span over samples: each sample's own maps, untouched and cut; what has no query is skipped."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pandas as pd
import pytest

from workbench.analyses.attention.maps import attention_maps
from workbench.analyses.attention.shares import AttentionShare, attention_shares, query_of
from workbench.errors import RunError
from workbench.interventions import Knockout
from workbench.planted import N_FRAMES, planted_model, planted_sample, staged

FRAMES = f"midpoints({N_FRAMES})"
CUT = Knockout.parse("frames -> later frames in layers 1..3")


def test_shares_are_those_of_each_samples_maps(tmp_path: Path) -> None:
    model = planted_model(staged(2, 4, 5))
    samples = [planted_sample(tmp_path, "A"), planted_sample(tmp_path, "B")]
    found = attention_shares(model, samples, CUT, layers=(2, 4), heads="max", frames=FRAMES).table
    assert tuple(found) == AttentionShare._fields
    for sample in samples:
        prompt = model.encode(sample, frames=FRAMES)
        for cut in (None, CUT):
            maps = attention_maps(
                model, prompt, query_of(prompt, None), layers=(2, 4), heads="max", knockout=cut
            )
            here = found[(found["sample_id"] == sample.id) & (found["state"] == maps.state)]
            assert set(here["query"]) == {maps.query}
            assert here["mass"].tolist() == pytest.approx(maps.mass["mass"].tolist())
            for column in ("layer", "span", "keys"):
                assert here[column].tolist() == maps.mass[column].tolist()


def test_a_sample_without_the_word_is_skipped_and_said_so(tmp_path: Path) -> None:
    model = planted_model(staged(2, 4, 5))
    right = planted_sample(tmp_path, "A")
    other = dataclasses.replace(right, id="other", question="left right ?")
    found = attention_shares(model, [right, other], CUT, word="move", layers=(1,), frames=FRAMES)
    assert set(found.table["sample_id"]) == {right.id}
    assert found.skipped["sample_id"].tolist() == ["other"]
    assert "'move' is not in" in found.skipped["reason"].iloc[0]
    with pytest.raises(RunError, match="'mvoe' is not in"):
        attention_shares(model, [right], CUT, word="mvoe", frames=FRAMES)


def test_a_folder_keeps_its_settings(tmp_path: Path) -> None:
    model = planted_model(staged(2, 4, 5))
    samples, out = [planted_sample(tmp_path, "A")], tmp_path / "out"
    found = attention_shares(model, samples, CUT, layers=(1,), frames=FRAMES, out=out)
    stored = pd.read_parquet(out / "attention_by_span.parquet")
    assert stored["mass"].tolist() == found.table["mass"].tolist()
    with pytest.raises(RunError, match="layers"):
        attention_shares(model, samples, CUT, layers=(2,), frames=FRAMES, out=out)
