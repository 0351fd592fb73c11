"""Falls among many points: what chance gives, by definition and by simulation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from workbench.statistics.bootstrap import resampled_means
from workbench.statistics.familywise import chance_of_falls, upper_bounds


def test_the_chance_of_a_fall_is_that_of_all_sign_patterns() -> None:
    values = np.random.default_rng(0).normal(-8, 12, (6, 7))  # points, samples
    (found,) = chance_of_falls([values])
    size = np.sqrt((values**2).sum(axis=1))
    deepest = []
    for signs in itertools.product((1, -1), repeat=7):
        flipped = (values * signs).sum(axis=1)
        deepest.append(min([0.0, *(flipped / size)[flipped / 7 < -5]]))
    for point in range(6):
        score = values[point].sum() / size[point]
        expected = np.mean([low <= score + 1e-9 for low in deepest]) if values[point].mean() < -5 else 1.0
        assert found[point] == pytest.approx(expected)
    assert (found < 1).sum() > 3


def test_points_that_never_fall_far_take_nothing_away_from_others() -> None:
    rng = np.random.default_rng(1)
    deep, still = rng.normal(-40, 20, (1, 9)), rng.normal(0, 0.5, (300, 9))
    alone, among = chance_of_falls([deep])[0][0], chance_of_falls([np.vstack([deep, still])])[0]
    assert among[0] == alone
    assert (among[1:] == 1).all()
    noisy = chance_of_falls([np.vstack([deep, 40 * still])])[0][0]
    assert noisy > alone


def test_groups_of_points_are_one_family() -> None:
    rng = np.random.default_rng(2)
    groups = [rng.normal(0, 15, (20, n)) for n in (8, 12)]
    groups[0][0] -= 60
    together = chance_of_falls(groups, seed=3)
    apart = [chance_of_falls([group])[0] for group in groups]
    assert together[0][0] <= 0.05
    assert together[0][0] >= apart[0][0]
    assert [len(found) for found in together] == [20, 20]
    bounds = upper_bounds([resampled_means(group) for group in groups])
    alone = [upper_bounds([resampled_means(group)])[0] for group in groups]
    assert all((one[both < 0] < 0).all() for both, one in zip(bounds, alone, strict=True))
    assert bounds[0][0] < 0


def test_a_bound_is_never_below_the_points_own_interval() -> None:
    values = np.random.default_rng(3).normal(-30, 10, (1, 12))
    found = resampled_means(values)
    assert upper_bounds([found])[0][0] >= found.limits(0.975)[0]
    still = resampled_means(np.full((2, 6), -84.2))
    assert upper_bounds([still])[0].tolist() == [-84.2, -84.2]
    assert chance_of_falls([np.full((2, 6), -84.2)])[0].tolist() == [2.0**-6, 2.0**-6]
    assert upper_bounds([]) == chance_of_falls([]) == []


def test_deep_falls_that_are_seen_take_nothing_away_from_shallower_ones() -> None:
    """Nearly all samples lose everything at some points: one that does not makes them as skewed as can be."""
    rng = np.random.default_rng(4)
    gone = np.full((30, 20), -100.0)
    gone[np.arange(30), np.arange(30) % 20] = 0.0
    shallow = rng.normal(-15, 22, (1, 20))
    (alone,) = upper_bounds([resampled_means(shallow)])
    (among,) = upper_bounds([resampled_means(np.vstack([gone, shallow]))])
    assert alone[0] < 0
    assert (among < 0).all()
    assert among[-1] == pytest.approx(alone[0])


@pytest.mark.parametrize("samples", [6, 10, 20])
def test_noise_is_called_clear_in_at_most_five_percent_of_tables(samples) -> None:
    """Three flows of 12 layers, neighbours correlated by 0.9, spread 15, and nothing falls."""
    rng = np.random.default_rng(samples)
    tables, wrong = 150, 0
    for _ in range(tables):
        noise = rng.normal(0, 1, (3, 12, samples))
        for layer in range(1, 12):
            noise[:, layer] = 0.9 * noise[:, layer - 1] + np.sqrt(1 - 0.9**2) * noise[:, layer]
        values = 15 * noise.reshape(36, samples)
        bound = upper_bounds([resampled_means(values, resamples=500)])[0]
        wrong += bool(
            ((values.mean(axis=1) < -5) & (bound < 0) & (chance_of_falls([values])[0] <= 0.05)).any()
        )
    assert wrong <= 12  # 7.5 are expected at most; more than 12 happen in 3% of runs
