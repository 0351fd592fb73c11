"""Further measures of a sweep: their columns stand behind, are stored, and are part of what a run is."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pandas.testing import assert_frame_equal

import workbench as wb
from tests.tiny import tiny_clip, tiny_model, tiny_sample
from workbench.engine.reference import last_logits
from workbench.errors import RunError
from workbench.interventions import Knockout
from workbench.measures import MEASURES, Measure, as_measures
from workbench.models import VideoLLM
from workbench.runs import EFFECT_COLUMNS, Run

FLOWS = ["video -> question", "question -> last"]
ALL = ["log_odds", "logit_difference", "kl"]
COLUMNS = (
    *EFFECT_COLUMNS,
    *("log_odds_base", "change_log_odds"),
    *("logit_difference_base", "change_logit_difference"),
    "kl",
)


@pytest.fixture(autouse=True)
def shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny samples' videos do not exist; every one shows the tiny clip."""
    monkeypatch.setattr(VideoLLM, "read_clip", lambda *_: tiny_clip())


def swept(**settings: Any) -> Run:
    samples = [tiny_sample(n_options=4, answer=2)]
    settings = {"only_correct": False, "windows": "centred(3)", "measures": ALL, **settings}
    return wb.sweep(tiny_model(), samples, FLOWS, **settings, progress=False)


@pytest.mark.parametrize("engine", ["reference", "incremental"])
def test_every_number_is_that_of_the_logits(engine: str) -> None:
    table = swept(engine=engine).table
    assert tuple(table.columns) == COLUMNS
    model, sample = tiny_model(), tiny_sample(n_options=4, answer=2)
    prompt = model.encode(sample)
    base = last_logits(model, prompt).double()
    token = int(base.argmax())
    p = base.softmax(-1)
    for row in table.to_dict("records"):
        cut = Knockout.of(row["flow"], (row["first_layer"], row["last_layer"]))
        logits = last_logits(model, prompt, cut).double()
        q = logits.softmax(-1)
        assert row["log_odds_base"] == pytest.approx(math.log(p[token] / (1 - p[token])), rel=1e-5)
        change = math.log(q[token] / (1 - q[token])) - math.log(p[token] / (1 - p[token]))
        assert row["change_log_odds"] == pytest.approx(change, abs=1e-5)
        assert row["kl"] == pytest.approx(float((p * (p.log() - q.log())).sum()), abs=1e-6)
        spelt = {letter: [*ids] for letter, ids in prompt.answer_ids.items() if token in ids}
        assert np.isnan(row["logit_difference_base"]) == (not spelt)


def test_they_are_stored_read_back_and_gone_on_with(tmp_path: Path) -> None:
    whole = swept(out=tmp_path)
    assert whole.manifest["settings"]["measures"] == ["probability", *ALL]
    assert_frame_equal(wb.load_run(tmp_path).table, whole.table, check_exact=True)
    (tmp_path / "effects.parquet").unlink()
    assert_frame_equal(swept(out=tmp_path).table, whole.table, check_exact=True)
    with pytest.raises(
        RunError, match=r'measures: \["probability", "log_odds", .* in the folder, nothing asked'
    ):
        swept(out=tmp_path, measures=())


def test_without_them_a_run_is_what_it_always_was(tmp_path: Path) -> None:
    run = swept(measures=(), out=tmp_path)
    assert tuple(run.table.columns) == EFFECT_COLUMNS
    assert "measures" not in run.manifest["settings"]
    assert_frame_equal(run.table, swept(measures="probability").table, check_exact=True)


def test_an_unknown_measure_is_refused_before_anything_is_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"There is no measure 'log_ods'.*Did you mean 'log_odds'"):
        swept(measures="log_ods", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_measure_of_ones_own_is_in_the_table_because_it_is_registered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def entropy(judge: Any) -> Any:
        def read(base: torch.Tensor, changed: torch.Tensor, token_id: int) -> torch.Tensor:
            p = changed.double().softmax(-1)
            return -(p * p.log()).sum(-1, keepdim=True)

        return read

    own = Measure(name="entropy", columns={"entropy": "of the next token, nats"}, readout=entropy)
    monkeypatch.setitem(MEASURES, "entropy", own)
    table = swept(measures="entropy").table
    assert tuple(table.columns) == (*EFFECT_COLUMNS, "entropy")
    assert min(table["entropy"]) > 0
    assert [measure.name for measure in as_measures("entropy")] == ["probability", "entropy"]
