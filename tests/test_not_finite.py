"""A sample whose numbers are none is left out by name, whatever is measured; the others are as without it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from pandas.testing import assert_frame_equal

import workbench as wb
from tests.analyses.stand_in import StandInEngine, StandInModel, questions
from workbench.analyses.answers import accuracy, generations
from workbench.analyses.attention import attention_shares
from workbench.analyses.sweep.effects import sweep
from workbench.data import Sample, Samples
from workbench.engine import Outcomes
from workbench.errors import NOT_FINITE, NotFinite, RunError, not_finite
from workbench.interventions import Knockout
from workbench.models import VideoLLM
from workbench.planted import IDS, N_FRAMES, OPTIONS, planted_model, planted_sample, staged

POISON = "<unk>"
"""Unknown words have an embedding that is no number in this model. One sample has one in its options."""


@pytest.fixture(scope="module")
def model() -> VideoLLM:
    model = planted_model(staged(1, 3, 5))
    with torch.no_grad():
        model.hf.get_input_embeddings().weight[IDS[POISON]] = float("nan")  # pyright: ignore
    return model


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    """Four samples, the third of them poisoned."""
    folder = tmp_path_factory.mktemp("clips")
    made = [
        dataclasses.replace(planted_sample(folder, letter), id=f"planted/{n}")
        for n, letter in enumerate("ABAB")
    ]
    poisoned = " ".join([*OPTIONS[1].split()[:-1], "unheard"])
    made[2] = dataclasses.replace(made[2], options=(OPTIONS[0], poisoned))
    return Samples(made, name="planted")


def swept(engine: str) -> Callable[..., Any]:
    def run(model: VideoLLM, samples: Samples, **more: Any) -> Any:
        return wb.sweep(model, samples, "video -> last", "centred(3)", engine=engine, progress=False, **more)

    return run


def said(model: VideoLLM, samples: Samples, **more: Any) -> Any:
    return generations(model, samples, {}, max_new_tokens=2, progress=False, **more)


def shared(model: VideoLLM, samples: Samples, **more: Any) -> Any:
    cut = Knockout.parse("video -> last in layer 2")
    return attention_shares(model, samples, cut, word="last", progress=False, **more)


MEASURED: dict[str, Callable[..., Any]] = {
    "sweep": swept("incremental"),
    "sweep by traces": swept("reference"),
    "accuracy": accuracy,
    "answer_probability": wb.answer_probability,
    "generations": said,
    "attention_shares": shared,
}


@pytest.mark.parametrize("what", MEASURED)
def test_the_sample_is_named_and_the_others_are_measured(
    model: VideoLLM, samples: Samples, tmp_path: Path, what: str
) -> None:
    measure = MEASURED[what]
    found = measure(model, samples, frames=N_FRAMES, out=tmp_path)
    assert found.skipped["sample_id"].tolist() == ["planted/2"]
    (reason,) = found.skipped["reason"]
    assert NOT_FINITE in reason
    assert "in float32" in reason
    assert "'float64'" in reason
    others = samples.filter(lambda sample: sample.id != "planted/2")
    alone = measure(model, others, frames=N_FRAMES)
    table = "samples" if what == "accuracy" else "table"
    drop = ["seconds"] if what == "accuracy" else []
    got, expected = (getattr(one, table).drop(columns=drop) for one in (found, alone))
    assert_frame_equal(got, expected, rtol=1e-5)
    assert len(got)
    again = measure(model, samples, frames=N_FRAMES, out=tmp_path)
    assert_frame_equal(getattr(again, table).drop(columns=drop), got, check_exact=True)


def test_where_all_samples_are_so_another_dtype_is_named(
    model: VideoLLM, samples: Samples, tmp_path: Path
) -> None:
    poisoned = [dataclasses.replace(samples[2], id=f"planted/{n}") for n in "xy"]
    message = r"None of the 2 samples.*planted/x.*Load the model with dtype='float64'"
    with pytest.raises(RunError, match=message) as caught:
        wb.sweep(model, poisoned, "video -> last", "centred(3)", frames=N_FRAMES, out=tmp_path)
    assert "data set's folder" not in str(caught.value)


@pytest.mark.parametrize(
    ("dtype", "other"),
    [("torch.float16", "bfloat16"), ("bfloat16", "float32"), (torch.float32, "float64"), ("float64", "clip")],
)
def test_the_remedy_is_never_the_dtype_in_use(dtype: Any, other: str) -> None:
    told = str(not_finite("Logits", dtype)).partition(". ")[2]
    assert other in told
    assert f"'{str(dtype).removeprefix('torch.')}'" not in told


class OnlyCut(StandInEngine):
    """The untouched model is fine; one sample's knockouts give no numbers."""

    def _run(self, request: Any, on_done: Any) -> Outcomes:
        outcomes = super()._run(request, on_done)
        if request.prompt.sample.id == "direction/1" and outcomes.changed:
            raise not_finite("The model's logits", "bfloat16")
        return outcomes

    def at_once(self, model: Any, request: Any) -> int:
        return 3


def test_a_knockout_alone_that_gives_no_number_leaves_its_sample_out_not_its_group() -> None:
    model: Any = StandInModel()

    def run(samples: Sequence[Sample]) -> Any:
        return sweep(model, samples, "video -> last", "centred(3)", engine=OnlyCut())

    found = run(questions(0, 0, 0, 0))
    assert found.skipped["sample_id"].tolist() == ["direction/1"]
    others = [sample for sample in questions(0, 0, 0, 0) if sample.id != "direction/1"]
    assert_frame_equal(found.table, run(others).table, check_exact=True)


def test_the_lens_leaves_it_out_too(model: VideoLLM, samples: Samples) -> None:
    found = wb.logit_lens(model, samples, rows="last", frames=N_FRAMES, progress=False)
    assert found.skipped["sample_id"].tolist() == ["planted/2"]
    assert set(found.table["sample_id"]) == {"planted/0", "planted/1", "planted/3"}
    with pytest.raises(NotFinite, match=NOT_FINITE):
        wb.logit_lens(model, model.encode(samples[2], frames=N_FRAMES), rows="last", progress=False)
