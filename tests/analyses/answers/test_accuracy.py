"""Accuracy on a planted model: in batches and one by one, and in a folder that is resumed."""

from __future__ import annotations

import dataclasses
import importlib
from pathlib import Path

import pandas as pd
import pytest
import torch
from pandas.testing import assert_frame_equal

from workbench.analyses.answers.accuracy import WAYS, accuracy
from workbench.analyses.answers.asking import last_logits
from workbench.analyses.answers.scored import accuracy_table
from workbench.data import Sample, Samples
from workbench.engine import get_engine
from workbench.errors import RunError
from workbench.models import VideoLLM
from workbench.planted import N_FRAMES, planted_model, planted_sample, staged


@pytest.fixture(scope="module")
def model() -> VideoLLM:
    return planted_model(staged(1, 3, 5))


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    """Seven questions: five answered correctly, one annotated wrongly, one with a longer prompt."""
    folder = tmp_path_factory.mktemp("clips")
    shown = {letter: planted_sample(folder, letter) for letter in "AB"}
    made: list[Sample] = []
    for number, letter in enumerate("ABABAB"):
        own = folder / str(number)  # a clip of its own: intervals count clips
        own.mkdir()
        made.append(dataclasses.replace(planted_sample(own, letter), id=f"planted/{number}"))
    made[4] = dataclasses.replace(made[4], answer=1)
    longer = (*shown["A"].options, *shown["A"].options[0].split(), "up up")
    options = (shown["A"].options[0], shown["A"].options[1], "up", longer[-1])
    made.append(dataclasses.replace(shown["A"], id="four/0", task="four", options=options))
    return Samples(made, name="planted")


def test_the_table_counts_by_task(model, samples) -> None:
    found = accuracy(model, samples, frames=N_FRAMES)
    assert found.samples["correct"].tolist() == [True] * 4 + [False, True, True]
    assert found.samples["predicted"].tolist() == list("ABABABA")
    assert found.samples["answer"].tolist() == list("ABABBBA")
    row = found.table.to_dict("records")[0]
    assert (row["task"], row["samples"], row["correct"]) == ("planted", 6, 5)
    assert row["accuracy_percent"] == pytest.approx(100 * 5 / 6)
    # Wilson score interval of 5 of 6, by its formula with z = 1.959964.
    assert row["low_percent"] == pytest.approx(43.65, abs=0.01)
    assert row["high_percent"] == pytest.approx(96.99, abs=0.01)
    assert found.table["chance_percent"].tolist() == [50.0, 25.0]
    assert "83.3%" in render(found)
    assert "planted" in found._repr_html_()


def render(found) -> str:
    import io

    from rich.console import Console

    text = io.StringIO()
    Console(file=text, width=120).print(found)
    return text.getvalue()


@pytest.mark.parametrize("batch", [2, 3, 8])
def test_batches_give_the_answers_of_single_questions(model, samples, batch) -> None:
    single = accuracy(model, samples, frames=N_FRAMES, batch=1).samples.drop(columns="seconds")
    together = accuracy(model, samples, frames=N_FRAMES, batch=batch).samples.drop(columns="seconds")
    assert_frame_equal(single.drop(columns="p_base"), together.drop(columns="p_base"))
    assert single["p_base"].to_numpy() == pytest.approx(together["p_base"].to_numpy(), abs=1e-6)


def test_the_answer_is_the_baseline_of_the_reference_engine(model, samples) -> None:
    prompt = model.encode(samples[1], frames=N_FRAMES)
    baseline = get_engine("reference").outcomes(model, prompt, []).baseline
    row = accuracy(model, samples[1:2], frames=N_FRAMES).samples.iloc[0]
    assert row["token"] == model.token_text(baseline.token_id)
    assert row["p_base"] == pytest.approx(baseline.p, abs=1e-6)


def test_a_stopped_evaluation_goes_on(model, samples, tmp_path, monkeypatch) -> None:
    # Not by its name: the package's attribute may be the function of that name.
    module = importlib.import_module("workbench.analyses.answers.asking")
    counted: list[int] = []

    def stops(model, prompts):
        counted.append(len(prompts))
        if len(counted) == 3:
            raise RuntimeError("out of memory")
        return last_logits(model, prompts)

    with monkeypatch.context() as patch:
        patch.setattr(module, "last_logits", stops)
        with pytest.raises(RuntimeError) as caught:
            accuracy(model, samples, frames=N_FRAMES, batch=2, out=tmp_path)
    assert "'planted/4'" in caught.value.__notes__[0]
    counted.clear()
    with monkeypatch.context() as patch:
        patch.setattr(module, "last_logits", lambda m, p: counted.append(len(p)) or last_logits(m, p))
        resumed = accuracy(model, samples, frames=N_FRAMES, batch=2, out=tmp_path)
    assert sum(counted) == 3
    whole = accuracy(model, samples, frames=N_FRAMES, batch=2)
    assert_frame_equal(resumed.table, whole.table)
    assert_frame_equal(resumed.samples.drop(columns="seconds"), whole.samples.drop(columns="seconds"))
    stored = pd.read_parquet(tmp_path / "samples.parquet")
    assert_frame_equal(stored, resumed.samples)
    with pytest.raises(RunError, match="batch: 2 in the folder, 3 asked for"):
        accuracy(model, samples, frames=N_FRAMES, batch=3, out=tmp_path)


def test_bad_samples_are_skipped_and_listed(model, samples, tmp_path) -> None:
    broken = dataclasses.replace(samples[0], id="planted/x", video=tmp_path / "none.mp4")
    unknown = dataclasses.replace(samples[0], id="planted/y", answer=None)
    found = accuracy(model, [samples[0], broken, unknown, samples[1]], frames=N_FRAMES)
    assert found.samples["sample_id"].tolist() == ["planted/0", "planted/1"]
    assert found.skipped["sample_id"].tolist() == ["planted/x", "planted/y"]
    assert "2 samples skipped" in render(found)
    with pytest.raises(RunError, match="None of the 1 samples can be used"):
        accuracy(model, broken, frames=N_FRAMES, out=tmp_path / "run")  # pyright: ignore[reportArgumentType]
    assert not Path(tmp_path / "run").exists()


def test_overflow_is_refused(samples) -> None:
    model = planted_model(staged(1, 3, 5))
    with torch.no_grad():
        model.hf.lm_head.weight[0, 0] = float("inf")  # pyright: ignore
    with pytest.raises(RunError, match=r"None of the 7 .*not finite in float32. Load the .*'float64'"):
        accuracy(model, samples, frames=N_FRAMES)


def test_open_ended_samples_have_no_chance() -> None:
    asked = [
        Sample(id=f"{task}/{at}", task=task, video=Path("clip.mp4"), question="Which?", options=options)
        for at, (task, options) in enumerate([("b", ("left", "right")), ("a", ()), ("b", ("up", "down"))])
    ]
    answered = pd.DataFrame(
        {
            "sample_id": [sample.id for sample in asked],
            "task": ["b", "a", "b"],
            "predicted": ["B", "left", "C"],
            "correct": [True, False, False],
        }
    )
    table = accuracy_table(answered, asked)
    assert table["task"].tolist() == ["b", "a"]
    assert table["correct"].tolist() == [1, 0]
    assert table["chance_percent"].isna().tolist() == [False, True]
    # The model named (C) where only (A) and (B) were offered.
    assert table["named_percent"].tolist()[0] == 50.0
    assert table["named_percent"].isna().tolist() == [False, True]


@pytest.mark.parametrize("batch", [0, -1, 1.5, True])
def test_bad_batches_are_refused(model, samples, batch) -> None:
    with pytest.raises(RunError, match="batch="):
        accuracy(model, samples, batch=batch)


def test_three_ways_to_ask_give_what_the_model_knows(model, samples) -> None:
    """It always knows: the likeliest letter and the written one are the token that it ranks first."""
    first = accuracy(model, samples, frames=N_FRAMES)
    for ask in WAYS:
        found = accuracy(model, samples, ask=ask, max_new_tokens=1, frames=N_FRAMES)
        assert found.answers["predicted"].tolist() == list("ABABABA")
        assert_frame_equal(found.table, first.table)
        assert found.samples["predicted"].tolist() == first.samples["predicted"].tolist()


@pytest.mark.parametrize("ask", ["likelihood", "generation"])
def test_other_ways_are_resumed_too(model, samples, tmp_path, ask) -> None:
    told = {"ask": ask, "frames": N_FRAMES, "out": tmp_path, "batch": 2}
    whole = accuracy(model, samples, **told)
    for shard in sorted((tmp_path / "shards").glob("*"))[::2]:
        shard.unlink()
    again = accuracy(model, samples, **told)
    assert_frame_equal(whole.answers, again.answers)
    assert_frame_equal(pd.read_parquet(tmp_path / "answers.parquet"), whole.answers)
    with pytest.raises(RunError):
        accuracy(model, samples, frames=N_FRAMES, out=tmp_path, batch=2)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"ask": "likelyhood"}, "Did you mean 'likelihood'"),
        ({"ask": "generation", "scoring": "lmms_tvbnch"}, "Did you mean 'lmms_tvbench'"),
        ({"scoring": "lmms_tvbench"}, 'give ask="generation"'),
        ({"ask": "generation", "max_new_tokens": 0}, "leaves nothing to say"),
        ({"ask": "generation", "max_new_tokens": True}, "leaves nothing to say"),
    ],
)
def test_what_makes_no_sense_is_refused(model, samples, told, said) -> None:
    with pytest.raises(RunError, match=said):
        accuracy(model, samples, frames=N_FRAMES, **told)
