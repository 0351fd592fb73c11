"""Likelihood of letters, against its definition."""

from __future__ import annotations

import math

import pytest
import torch

from workbench.measures.correctness import Judge
from workbench.measures.likelihood import chosen, option_log_p, options_readout

JUDGE = Judge(answer="B", right=frozenset({2, 3}), letters={1: "A", 2: "B", 3: "B"})


def test_a_letter_has_the_probability_of_all_its_spellings_among_the_options() -> None:
    logits = torch.tensor([[9.0, 1.0, 0.5, 0.7]])
    e = [math.exp(x) for x in (1.0, 0.5, 0.7)]
    found = option_log_p(logits, [[1], [2, 3]])[0].exp().tolist()
    assert found == pytest.approx([e[0] / sum(e), (e[1] + e[2]) / sum(e)])
    # Neither spelling of B is likelier than A, both together are.
    assert chosen(option_log_p(logits, [[1], [2, 3]])[0].tolist(), "AB") == ("B", pytest.approx(found[1]))


def test_the_first_of_equals_is_chosen() -> None:
    assert chosen([-1.0, -1.0], "AB").letter == "A"


def test_the_readout_gives_the_untouched_model_before_the_changed_one() -> None:
    base, changed = (
        torch.tensor([0.0, 2.0, 0.0, 0.0]),
        torch.tensor([[0.0, 0.0, 3.0, 0.0], [0.0, 0.0, 0.0, 0.0]]),
    )
    found = options_readout(JUDGE, ("A", "B"))(base, changed, 1)
    assert found.shape == (2, 4)
    assert found.dtype == torch.float64
    spellings = [[1], [2, 3]]
    torch.testing.assert_close(found[:, :2], option_log_p(base[None], spellings).expand(2, 2))
    torch.testing.assert_close(found[:, 2:], option_log_p(changed, spellings))
