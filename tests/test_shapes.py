"""Shapes in signatures are checked in tests: a wrong axis, a wrong type, an axis of two sizes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from workbench.measures import kl as kl_module
from workbench.shapes import Float, Int, shaped


@shaped
def product(left: Float[Tensor, "a b"], right: Float[Tensor, "b c"] | None = None) -> Float[Tensor, "a c"]:
    return left if right is None else left @ right


@shaped
def wrong(rows: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    return rows[1:]


def test_what_fits_passes() -> None:
    assert product(torch.ones(2, 3), torch.ones(3, 4)).shape == (2, 4)
    assert product(torch.ones(2, 3)).shape == (2, 3)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (torch.ones(2), torch.ones(3, 4)),
        (torch.ones(2, 3), torch.ones(2, 4)),
        (torch.ones(2, 3, dtype=torch.int64), torch.ones(3, 4)),
        (np.ones((2, 3), np.float32), torch.ones(3, 4)),
    ],
)
def test_what_does_not_fit_is_named(left: Tensor, right: Tensor) -> None:
    with pytest.raises(TypeError, match=r"product: (left|right) is .*signature says"):
        product(left, right)


def test_a_result_is_held_to_the_axes_of_the_arguments() -> None:
    with pytest.raises(TypeError, match="wrong: return is"):
        wrong(np.arange(3))


def test_a_module_that_names_tensors_for_type_checkers_only_is_checked_too() -> None:
    assert not hasattr(kl_module, "Tensor")
    with pytest.raises(TypeError, match="kl: changed is"):
        kl_module.kl(torch.ones(3), torch.ones(2, 4))
