"""Forms, and neurons that compute with them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from workbench.planted.wiring import Neuron, at_most_one, form, plus, product, reader, times


def computed(neurons: Sequence[Neuron], features: dict[int, float]) -> float:
    """What neurons with a perfect relu add, 1 being in every row."""
    row = {0: 32.0, **features}

    def of(weights: dict[int, float]) -> float:
        return sum(row.get(feature, 0.0) * weight for feature, weight in weights.items())

    return sum(max(0.0, of(dict(one.gate))) * of(dict(one.up)) for one in neurons)


@pytest.mark.parametrize("one", [-1.0, 0.0, 1.0])
@pytest.mark.parametrize("other", [-1.0, 0.5])
def test_a_product_is_one(one: float, other: float) -> None:
    assert computed(product(3, 8, 9, 10), {8: one, 9: other}) == pytest.approx(one * other)


@pytest.mark.parametrize("value", [-2.0, -1.0, -0.25, 0.0, 0.5, 1.0, 3.0])
def test_no_more_than_one(value: float) -> None:
    assert computed(at_most_one(5, 8, 10), {8: value}) == pytest.approx(max(-1.0, min(1.0, value)))


def test_forms_add_and_multiply() -> None:
    assert plus(form(3), times({3: 2.0, 4: 1.0}, -1)) == {3: -1.0, 4: -1.0}
    made = reader(2, 1, 6, {2: 1.0}, 8, 10, 0.5)
    assert (made.matches[0].query, made.moves[0].gain) == ({6: 1.0}, 0.5)
