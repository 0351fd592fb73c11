"""The logit difference between the answer and the best other option, against its own definition."""

from __future__ import annotations

import numpy as np
import torch

from tests.measures.by_definition import BASE, CHANGED, CHOICE, OPEN, TOKEN, read
from workbench.measures.correctness import Judge


def test_the_logit_difference_takes_the_best_spelling_of_each_option() -> None:
    def difference(row: torch.Tensor) -> float:
        exact = row.double().numpy()
        return float(max(exact[3], exact[13]) - max(exact[4], exact[14], exact[5]))

    found = read("logit_difference", CHOICE)
    np.testing.assert_allclose(found[:, 0], difference(BASE), rtol=1e-12)
    np.testing.assert_allclose(found[:, 1], [difference(row) - difference(BASE) for row in CHANGED])
    # The option counts, not the spelling that is traced; another option has another difference.
    np.testing.assert_array_equal(found, read("logit_difference", CHOICE, token=13))
    assert (found != read("logit_difference", CHOICE, token=4)).any()


def test_without_another_option_there_is_no_logit_difference() -> None:
    alone = Judge(answer="A", right=frozenset({3}), letters={3: "A", 13: "A"})
    for judge, token in ((OPEN, TOKEN), (CHOICE, 7), (alone, TOKEN)):
        assert np.isnan(read("logit_difference", judge, token)).all()
