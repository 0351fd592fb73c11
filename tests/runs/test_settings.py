"""Settings that decide the numbers."""

from __future__ import annotations

from workbench.runs.settings import hash_of


def test_ids_in_another_order_are_another_data_set() -> None:
    assert hash_of(["a", "b"]) != hash_of(["b", "a"])
