"""Measures read on the device, chunk by chunk, are those of the logits; engines agree on them."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from tests.engine.conftest import Case
from workbench.engine import IncrementalEngine, Request, get_engine
from workbench.engine.incremental import memory
from workbench.engine.reference import last_logits
from workbench.interventions import Flow, Knockout, centred, knockouts
from workbench.measures import MEASURES
from workbench.measures.correctness import Judge, judge

FLOWS = ("frames -> later frames", "video -> last", "question -> last", "video -> text @ heads 0,1")
READ = [measure for measure in MEASURES.values() if measure.readout is not None]
COLUMNS = [column for measure in READ for column in measure.columns]


def verdict_of(case: Case) -> Judge:
    assert case.prompt.sample is not None
    return judge(case.model, case.prompt.sample, case.prompt)


def request(case: Case, asked: list[Knockout], token: int | None = None, **options: Any) -> Request:
    verdict = verdict_of(case)
    readouts = [measure.readout(verdict) for measure in READ if measure.readout is not None]
    return Request(prompt=case.prompt, interventions=asked, token_id=token, readouts=readouts, **options)


def asked_of(case: Case) -> list[Knockout]:
    found = knockouts([Flow.parse(flow) for flow in FLOWS], [centred(3)], case.model.n_layers)
    return [*found, Knockout.of("video -> last", (1, 0))]


def by_definition(case: Case, knockout: Knockout, token: int) -> dict[str, float]:
    """All columns from the reference engine's logits, in numpy."""
    verdict = verdict_of(case)

    def numbers(logits: torch.Tensor) -> SimpleNamespace:
        exact = logits.double().numpy()
        p = np.exp(exact - exact.max()) / np.exp(exact - exact.max()).sum()
        letter = verdict.letters.get(token)
        best = {
            name: max(exact[t] for t, own in verdict.letters.items() if own == name)
            for name in set(verdict.letters.values())
        }
        other = [value for name, value in best.items() if name != letter]
        difference = math.nan if letter is None else best[letter] - max(other)
        return SimpleNamespace(p=p, odds=math.log(p[token] / (1 - p[token])), difference=difference)

    base = numbers(last_logits(case.model, case.prompt))
    cut = numbers(last_logits(case.model, case.prompt, knockout))
    return {
        "kl": float((base.p * np.log(base.p / cut.p)).sum()),
        "log_odds_base": base.odds,
        "change_log_odds": cut.odds - base.odds,
        "logit_difference_base": base.difference,
        "change_logit_difference": cut.difference - base.difference,
    }


@pytest.mark.parametrize("spelled", [True, False])
def test_every_measure_on_every_family_and_engine(tiny: Case, spelled: bool) -> None:
    """A letter is traced, or whatever the model ranks first."""
    asked = asked_of(tiny)[::3]
    token = tiny.prompt.answer_ids["B"][0] if spelled else None
    (expected,) = get_engine("reference").run(tiny.model, [request(tiny, asked, token)])
    traced = expected.baseline.token_id
    for outcome, knockout in zip(expected.changed, asked, strict=True):
        truth = by_definition(tiny, knockout, traced)
        assert list(truth) == COLUMNS
        assert outcome.measured == pytest.approx(list(truth.values()), abs=2e-5, nan_ok=True)
    several = [request(tiny, asked, token, noise=True), request(tiny, asked[::-1], token)]
    engine = IncrementalEngine(limit_bytes=150 * memory.bytes_per_row(tiny.model))
    for found, order in zip(engine.run(tiny.model, several), (1, -1), strict=True):
        for one, two in zip(found.changed, expected.changed[::order], strict=True):
            assert one.measured == pytest.approx(two.measured, abs=2e-5, nan_ok=True)
    if spelled:
        assert np.isfinite([outcome.measured for outcome in expected.changed]).all()


def test_a_knockout_of_nothing_changes_nothing(tiny: Case) -> None:
    token = tiny.prompt.answer_ids["A"][0]
    for engine in ("incremental", "incremental-float32", "reference"):
        (found,) = get_engine(engine).run(tiny.model, [request(tiny, asked_of(tiny), token)])
        row = dict(zip(COLUMNS, found.changed[-1].measured, strict=True))
        assert row["kl"] == row["change_log_odds"] == row["change_logit_difference"] == 0


def test_without_readouts_nothing_is_measured_and_nothing_else_moves(tiny: Case) -> None:
    asked = asked_of(tiny)
    for engine in ("incremental", "reference"):
        plain = get_engine(engine).outcomes(tiny.model, tiny.prompt, asked)
        (read,) = get_engine(engine).run(tiny.model, [request(tiny, asked)])
        assert [outcome.measured for outcome in plain.changed] == [()] * len(asked)
        assert plain.changed == [outcome._replace(measured=()) for outcome in read.changed]
