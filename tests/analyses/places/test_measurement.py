"""What is cut in each prompt, and in which order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from workbench.analyses.places.measurement import PlacesSweep
from workbench.engine import get_engine
from workbench.interventions import RandomKeys, as_windows
from workbench.measures import as_measures
from workbench.planted import N_FRAMES, direct, planted_model, planted_sample
from workbench.prompts.sinks import with_sinks


@pytest.fixture(scope="module")
def prompt(tmp_path_factory):
    folder: Path = tmp_path_factory.mktemp("asked")
    return planted_model(direct(3)).encode(planted_sample(folder, "A"), frames=N_FRAMES)


def sweep(each: str = "frame", draws: int = 2) -> PlacesSweep:
    return PlacesSweep(
        each=each,
        to="last",
        draws=draws,
        sinks=True,
        n_heads=4,
        windows=as_windows("all_layers()"),
        only_correct=True,
        engine=get_engine("incremental"),
        measures=as_measures("log_odds"),
        seed=5,
    )


def test_places_then_controls_then_sinks(prompt) -> None:
    flows = sweep().flows_of(with_sinks(prompt, [0, int(prompt.layout.frames[1][2])]))
    assert [str(flow) for flow in flows[:N_FRAMES]] == [f"frame[{t}] -> last" for t in range(N_FRAMES)]
    drawn = flows[N_FRAMES : 3 * N_FRAMES]
    assert all(isinstance(flow, RandomKeys) and flow.seed == 5 for flow in drawn)
    assert [str(flow) for flow in flows[3 * N_FRAMES :]] == [
        "sinks -> last",
        "video_sinks -> last",
        "text_sinks -> last",
        "frame[1] -> last, sparing sinks",
    ]
    assert sweep().flows_of(prompt) == flows[: 3 * N_FRAMES]
    assert len(sweep(draws=0).flows_of(prompt)) == N_FRAMES
    assert len(sweep("head").flows_of(prompt)) == 4, "heads are compared with one another"


def test_draws_are_the_samples_own_and_come_back_the_same(prompt) -> None:
    other = replace(prompt, sample=replace(prompt.sample, id="another"))
    assert sweep().flows_of(prompt) == sweep().flows_of(prompt)
    assert set(sweep().flows_of(prompt)[N_FRAMES:]).isdisjoint(sweep().flows_of(other)[N_FRAMES:])


def test_settings_name_all_that_decides_the_numbers() -> None:
    assert sweep().settings == {
        "each": "frame",
        "to": "last",
        "draws": 2,
        "sinks": True,
        "windows": ["all_layers()"],
        "only_correct": True,
        "engine": "incremental",
        "seed": 5,
        "measures": ["probability", "log_odds"],
    }
