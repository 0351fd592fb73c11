"""Reuse is tried on models that no module describes: once a model, and the reference runs where it fails."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.tiny import tiny_folder, tiny_model, tiny_prompt
from workbench.engine import Slower, get_engine
from workbench.engine.incremental import proof, untouched
from workbench.interventions import Knockout
from workbench.models import VideoLLM, load
from workbench.models.families.qwen2_5_vl import Qwen25VL

CUTS = [Knockout.of("video -> question", (2, 3))]


class Guessed(Qwen25VL):
    guessed = True


def guessed() -> VideoLLM:
    return replace(load(tiny_folder("qwen2_5_vl"), device="cpu"), family=Guessed())


def test_reuse_that_holds_is_tried_once_and_used(monkeypatch: pytest.MonkeyPatch) -> None:
    model, tried = guessed(), []
    real = proof._difference
    monkeypatch.setattr(proof, "_difference", lambda *given: tried.append(1) or real(*given))
    prompt = tiny_prompt(model)
    engine = get_engine("incremental")
    found = [engine.outcomes(model, prompt, CUTS) for _ in range(2)]  # a warning would be an error
    assert tried == [1]
    exact = get_engine("reference").outcomes(model, prompt, CUTS)
    assert found[0].changed[0].p == pytest.approx(exact.changed[0].p, rel=1e-4)
    assert found[0].changed == found[1].changed


def test_reuse_that_does_not_hold_is_found_and_the_reference_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    model = guessed()
    prompt = tiny_prompt(model)
    real = untouched._Watch.before

    def forgets(self: Any, module: Any, args: Any, kwargs: Any) -> None:
        real(self, module, args, kwargs)
        self.resid[-1] = self.resid[-1] * 1.1

    monkeypatch.setattr(untouched._Watch, "before", forgets)
    exact = get_engine("reference").outcomes(model, prompt, CUTS)
    for _ in range(2):  # and remembered
        with pytest.warns(Slower, match="is not what a forward computes: 'video -> "):
            found = get_engine("incremental").outcomes(model, prompt, CUTS)
        assert found.changed == exact.changed


def test_near_allows_what_the_type_rounds() -> None:
    model = tiny_model()
    assert proof.near(model, 0.5, 0.50005)
    assert not proof.near(model, 0.5, 0.501)
    assert proof.near(load(tiny_folder(), device="cpu", dtype="bfloat16"), 0.5, 0.501)
