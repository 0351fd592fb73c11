"""Shares of the logit difference: of both engines, and of what is no question with letters."""

from __future__ import annotations

from dataclasses import replace

import pytest

from workbench.analyses.methods import losses
from workbench.errors import RunError
from workbench.interventions import Knockout


def test_all_is_lost_or_nothing_and_the_engines_agree(asked) -> None:
    model, samples, _, _ = asked("direct")
    cuts = [Knockout.parse(f"frame[0] -> last in layer {layer}") for layer in (3, 4)]
    found = losses(model, samples, cuts)
    assert found[:, 0] == pytest.approx(1, abs=0.05)
    assert found[:, 1] == pytest.approx(0, abs=0.05)
    assert found == pytest.approx(losses(model, samples, cuts, engine="reference"), abs=1e-5)


def test_an_open_question_has_no_letters(asked) -> None:
    model, samples, _, _ = asked("direct")
    sample = replace(samples[0], options=(), answer=None, stem="Best option:(", open_answer="A")
    with pytest.raises(RunError, match="no letter of its options"):
        losses(model, [sample], [Knockout.parse("frame[0] -> last in layer 3")])
