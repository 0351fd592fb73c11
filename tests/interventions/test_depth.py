"""Windows of the papers in models of another depth."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from workbench.errors import WindowError, shown
from workbench.interventions.depth import (
    scaled_bin,
    scaled_layer,
    scaled_size,
    scaled_window,
    scaled_windows,
    spread_layers,
)


@pytest.mark.parametrize("n_layers", [24, 28, 32, 40])
def test_deep_models_keep_the_papers_sizes(n_layers: int) -> None:
    assert [scaled_size(k, n_layers) for k in (1, 5, 9, 13)] == [1, 5, 9, 13]


@pytest.mark.parametrize("n_layers", range(1, 24))
def test_shallow_models_get_the_nearest_odd_share(n_layers: int) -> None:
    for k in (1, 4, 5, 9, 13):
        size, share = scaled_size(k, n_layers), k * n_layers / 32
        assert size % 2 == 1
        assert abs(size - share) <= 1 or (size == 1 and share < 1)


def test_sizes_that_become_one_give_one_window() -> None:
    assert [str(window) for window in scaled_windows((1, 5, 9, 13), 12)] == [
        "centred(1)",
        "centred(3)",
        "centred(5)",
    ]
    assert [str(window) for window in scaled_windows((9,), 32)] == ["centred(9)"]


@pytest.mark.parametrize(("k", "n_layers"), [(0, 12), (9, 0), (-3, 32)])
def test_sizes_below_one_are_refused(k: int, n_layers: int) -> None:
    with pytest.raises(WindowError, match=f"window of {k} layers in a model of {n_layers}"):
        scaled_size(k, n_layers)


def test_bins_keep_their_share_of_the_depth() -> None:
    assert [scaled_bin(n) for n in (2, 12, 16, 24, 32)] == [1, 2, 2, 5, 5]


def test_the_paper_s_window_in_other_depths() -> None:
    assert [str(scaled_window(n)) for n in (12, 24, 40)] == ["centred(3)", "centred(9)", "centred(9)"]


@pytest.mark.parametrize("most", [12, 16])
def test_layers_of_a_deep_model_are_spread_evenly_from_the_first_to_the_last(most: int) -> None:
    for depth in range(1, 90):
        layers = spread_layers(depth, most)
        assert (layers[0], layers[-1]) == (1, depth)
        assert len(layers) == len(set(layers)) == min(depth, most)
        steps = {after - before for before, after in itertools.pairwise(layers)}
        assert max(steps, default=0) - min(steps, default=0) <= 1
    assert spread_layers(12, most) == tuple(range(1, 13))
    assert spread_layers(28, 12) == (1, 3, 6, 8, 11, 13, 16, 18, 21, 23, 26, 28)


def test_one_of_many_layers_is_not_spread() -> None:
    with pytest.raises(WindowError, match="2 or more"):
        spread_layers(28, 1)


def test_layers_of_the_empirical_study_keep_their_share_of_the_depth() -> None:
    assert [scaled_layer(layer, 28) for layer in (4, 8, 18)] == [4, 8, 18]
    assert [scaled_layer(layer, 12) for layer in (1, 4, 8, 18)] == [1, 2, 3, 8]
    with pytest.raises(WindowError, match="from 1"):
        scaled_layer(0, 12)


@pytest.mark.parametrize("n_layers", [0, -1, 10**400, None, "12", True], ids=shown)
def test_a_depth_that_no_model_has_is_refused(n_layers: Any) -> None:
    for scale in (scaled_window, scaled_bin, lambda n: spread_layers(n, 4)):
        with pytest.raises(WindowError, match="both are numbers from 1"):
            scale(n_layers)
