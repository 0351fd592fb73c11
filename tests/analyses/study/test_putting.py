"""What is run for one sample, and its letters read off logits."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.analyses.study import planted
from workbench.analyses.study import UNTOUCHED, Case, study
from workbench.analyses.study.cases import without_video
from workbench.analyses.study.putting import Put, run_as_cut
from workbench.interventions import Knockout
from workbench.interventions.exits import Acceleration, Exit
from workbench.interventions.pruning import RandomRows
from workbench.measures.correctness import judge
from workbench.planted import N_FRAMES, N_LAYERS

LEAVES = Acceleration(exits=(Exit(after=3),))
DROP = Acceleration(exits=(Exit(after=1, rows=RandomRows(seed=0)),))


@pytest.fixture
def put(studied_model, tmp_path: Path) -> Put:
    (sample,) = planted.samples(tmp_path, 1)
    prompt = studied_model.encode(sample, frames=N_FRAMES)
    cases = [without_video(N_LAYERS), Case("exit 3", LEAVES, 3), Case("drop", DROP), Case("again", DROP)]
    as_run = {case.intervention: run_as_cut(case.intervention, prompt.layout, N_LAYERS) for case in cases}
    return Put(sample, prompt, judge(studied_model, sample, prompt), cases, as_run, {})


def test_an_exit_of_the_whole_video_is_run_as_a_cut(put: Put) -> None:
    cut = put.run_as[LEAVES]
    assert isinstance(cut, Knockout)
    assert list(cut.layers(N_LAYERS)) == list(range(3, N_LAYERS))
    assert put.run_as[DROP] is DROP


def test_each_thing_is_run_once_and_what_is_known_is_not(put: Put) -> None:
    blind, cut = put.cases[0].intervention, put.run_as[LEAVES]
    assert put.request([], exits=False).interventions == [blind, cut]
    assert put.request([], exits=True).interventions == [DROP]
    assert put.request([None, cut], exits=False).interventions == [blind]
    assert put.to_write([]) == []
    assert put.to_write([UNTOUCHED, "drop", "again"]) == [None, DROP]


def test_letters_are_chances_among_the_options(put: Put, studied_model) -> None:
    logits = torch.randn(studied_model.config.get_text_config().vocab_size, generator=torch.manual_seed(0))
    p = logits.double().softmax(-1)
    mass = [
        sum(float(p[token]) for token, of in put.judge.letters.items() if of == one)
        for one in put.sample.letters
    ]
    found = torch.tensor(put.letters(logits)).exp().tolist()
    assert found == pytest.approx([one / sum(mass) for one in mass], rel=1e-5)


def test_letters_of_written_answers_are_those_of_the_engine(studied_model, tmp_path: Path) -> None:
    cases = [*planted.cases()[::4], *planted.exits()[2:4], Case("drop", DROP)]
    names = {case.name for case in cases}
    tables = [
        study(
            studied_model, planted.samples(tmp_path, 2), cases, frames=N_FRAMES, progress=False, written=wrote
        ).table
        for wrote in (names, ())
    ]
    assert sum(text != "" for text in tables[0]["text"]) == 2 * (1 + len(cases))
    assert tables[0]["p_letter"].to_numpy() == pytest.approx(tables[1]["p_letter"].to_numpy(), abs=1e-5)
    assert len(set(tables[0]["p_letter"])) == 2, "of some, the answer is lost"
