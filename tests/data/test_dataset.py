"""A limit is a count or None, and nothing that only looks like one."""

from __future__ import annotations

from typing import Any

import pytest

from workbench.data.dataset import check_limit
from workbench.errors import SampleError


@pytest.mark.parametrize("limit", [None, 1, 10_000])
def test_a_limit_is_a_count_or_none(limit: int | None) -> None:
    check_limit(limit)


@pytest.mark.parametrize("limit", [0, -1, True, False, 1.0, "3"])
def test_other_limits_are_refused_with_what_came_in(limit: Any) -> None:
    with pytest.raises(SampleError, match=f"limit is {limit!r}: give a whole number from 1"):
        check_limit(limit)
