"""Answers before and after a cut, on a model whose only path is known."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from workbench.analyses.answers.written import Said, first_of_each_task, generations
from workbench.data import Sample, Samples
from workbench.errors import KnockoutError, RunError
from workbench.models import VideoLLM
from workbench.planted import CONSTANT, IDS, LAST_WORD, N_FRAMES, planted_model, planted_sample, staged


@pytest.fixture(scope="module")
def model() -> VideoLLM:
    made = planted_model(staged(2, 4, 5))
    # A model that knows nothing says <unk>. Left alone, a rest of 1e-38 would decide between A and B.
    made.hf.lm_head.weight[IDS["<unk>"], CONSTANT] = 1e-3  # pyright: ignore[reportIndexIssue]
    return made


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    folder = tmp_path_factory.mktemp("clips")
    return Samples([planted_sample(folder, letter) for letter in "AB"], name="planted")


CUTS = {
    "on the path": "frames -> later frames in layer 2",
    "beside it": "frames -> later frames in layers 3..6",
    "impossible": "frame[9] -> last in layer 1",
}


def test_answers_follow_the_planted_path(model, samples) -> None:
    found = generations(model, samples, CUTS, max_new_tokens=1, frames=N_FRAMES, progress=False)
    assert list(found.table.columns) == list(Said._fields)
    assert found.table["cut"].tolist() == ["untouched", *CUTS] * 2
    by_cut = dict(list(found.table.groupby("cut")))
    for cut in ("untouched", "beside it"):
        assert by_cut[cut]["text"].tolist() == ["A", "B"]
        assert by_cut[cut]["says"].tolist() == ["left", "right"], "the option that the letter names"
        assert by_cut[cut]["right"].tolist() == [True, True]
    assert by_cut["on the path"]["right"].tolist() == [False, False]
    assert by_cut["impossible"]["text"].tolist() == ["", ""]
    assert all("frame[9]" in problem for problem in by_cut["impossible"]["problem"])
    assert by_cut["untouched"]["knockout"].tolist() == ["", ""]
    assert by_cut["on the path"]["knockout"].tolist() == ["frames -> later frames in layer 2"] * 2


def test_open_answers_are_compared_word_by_word(model, samples) -> None:
    stemmed = [dataclasses.replace(s, stem=f"Best {LAST_WORD}", open_answer=s.true_letter) for s in samples]
    open_ended = Samples(stemmed, name="planted").open_ended()
    found = generations(model, open_ended, {}, max_new_tokens=1, frames=N_FRAMES, progress=False)
    assert found.table["says"].tolist() == ["A", "B"]
    assert found.table["right"].tolist() == [True, True]
    assert found.table["stem"].tolist() == [f"Best {LAST_WORD}"] * 2
    wrong = Samples([dataclasses.replace(s, open_answer="A B") for s in open_ended], name="planted")
    again = generations(model, wrong, {}, max_new_tokens=1, frames=N_FRAMES, progress=False)
    assert again.table["right"].tolist() == [False, False], "the first of two words is not the answer"


def test_the_tables_to_read(model, samples) -> None:
    found = generations(
        model,
        samples,
        {"<i>cut</i>": CUTS["on the path"], "none": CUTS["impossible"]},
        max_new_tokens=1,
        frames=N_FRAMES,
        progress=False,
    )
    wide = found.wide()
    assert wide["untouched"].tolist() == ["✓ left", "✓ right"]
    assert wide["<i>cut</i>"].str.startswith("✗").all()
    assert wide["none"].str.startswith("- (").all()
    page = found._repr_html_()
    assert "&lt;i&gt;cut" in page
    assert "<i>cut" not in page


def test_samples_that_cannot_be_used_are_listed(model, samples, tmp_path) -> None:
    broken = dataclasses.replace(samples[0], id="planted/broken", video=tmp_path / "none.mp4")
    found = generations(model, [broken, samples[1]], {}, max_new_tokens=1, frames=N_FRAMES, progress=False)
    assert found.table["sample_id"].tolist() == [samples[1].id]
    assert found.skipped["sample_id"].tolist() == ["planted/broken"]
    with pytest.raises(RunError, match=r"None of the 1 samples can be used\. The first, planted/broken"):
        generations(model, [broken], {}, progress=False)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"knockouts": {"untouched": CUTS["on the path"]}}, RunError, "No knockout can be called"),
        ({"knockouts": {"x": "video -> last in layer 99"}}, KnockoutError, "6 layers"),
        ({"knockouts": {}, "max_new_tokens": 0}, RunError, "max_new_tokens=0"),
    ],
)
def test_bad_requests_are_refused_before_anything_is_said(model, samples, settings, error, message) -> None:
    with pytest.raises(error, match=message):
        generations(model, samples, **settings, progress=False)


def test_examples_are_the_first_of_each_task_not_the_best() -> None:
    made = [
        Sample(id=f"{task}/{number}", task=task, video=Path("x.mp4"), question="?")
        for task in "ab"
        for number in range(4)
    ]
    kept = ["a/3", "a/1", "b/0", "b/1", "b/2"]
    taken = first_of_each_task(Samples(made, name="x"), kept, 2)
    assert [sample.id for sample in taken] == ["a/1", "a/3", "b/0", "b/1"]
