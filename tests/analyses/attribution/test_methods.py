"""Names of methods."""

from __future__ import annotations

from typing import Any

import pytest

from workbench.analyses.attribution.methods import METHODS, as_methods
from workbench.errors import RunError


def test_methods_are_one_or_several() -> None:
    assert as_methods("relp") == ("relp",)
    assert as_methods(METHODS) == METHODS


@pytest.mark.parametrize(
    ("given", "message"),
    [("locl", "Did you mean 'local'"), ((), "No method"), (("relp", "relp"), "twice"), ((5,), "no method 5")],
)
def test_methods_that_are_none_are_refused(given: Any, message: str) -> None:
    with pytest.raises(RunError, match=message):
        as_methods(given)
