"""The divergence of the whole distribution, against its own definition in float64."""

from __future__ import annotations

import numpy as np
import torch

from tests.measures.by_definition import BASE, CHANGED, CHOICE, TOKEN, probabilities, read
from workbench.measures.kl import kl
from workbench.measures.log_odds import log_odds


def test_kl_is_the_sum_of_its_definition() -> None:
    p = probabilities(BASE)
    expected = [float((p * np.log(p / probabilities(row))).sum()) for row in CHANGED]
    np.testing.assert_allclose(read("kl", CHOICE)[:, 0], expected, rtol=1e-10)
    assert float(kl(BASE, BASE[None])[0]) == 0


def test_tokens_that_cannot_be_add_nothing() -> None:
    base, changed = BASE.clone(), CHANGED.clone()
    base[40:], changed[:, 40:] = -torch.inf, -torch.inf
    torch.testing.assert_close(kl(base, changed), kl(base[:40], changed[:, :40]))
    torch.testing.assert_close(log_odds(changed, TOKEN), log_odds(changed[:, :40], TOKEN))
    assert torch.isinf(kl(BASE, changed)).all(), "what was possible no longer is"
