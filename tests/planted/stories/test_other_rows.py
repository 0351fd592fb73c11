"""Each model does what its truth says: some models here, all of them and every other edge when slow."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.planted.verified import verify
from workbench.planted import PLANTED, Planted
from workbench.planted.stories.other_rows import OTHER_ROWS


@pytest.mark.parametrize("name", ["memory in the question", "through separators"])
def test_the_edges_do_what_is_claimed(name: str, tmp_path: Path) -> None:
    assert PLANTED[name] in OTHER_ROWS
    verify(PLANTED[name], tmp_path, whole=False)


@pytest.mark.slow
@pytest.mark.parametrize("planted", OTHER_ROWS, ids=lambda one: one.name)
def test_the_edges_do_what_is_claimed_and_no_other_does_anything(planted: Planted, tmp_path: Path) -> None:
    verify(planted, tmp_path, whole=True)
