"""How often the bootstrap runs: it is what takes the time of a report or a figure."""

from __future__ import annotations

import pytest

from workbench.statistics import curves


def bootstrapped(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that from now on gets, for each run of the bootstrap, how many points it had."""
    counts: list[int] = []
    real = curves.resampled_means

    def counting(values, **settings):
        counts.append(len(values))
        return real(values, **settings)

    monkeypatch.setattr(curves, "resampled_means", counting)
    return counts
