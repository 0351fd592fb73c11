"""Methods by name."""

from __future__ import annotations

import pytest

from workbench.analyses.methods.registry import as_methods, methods_here
from workbench.errors import RunError


def test_names_are_looked_up_and_functions_are_taken() -> None:
    assert list(as_methods(["attention", "knockout"])) == ["attention", "knockout"]
    assert as_methods("knockout") == {"knockout": methods_here()["knockout"]}
    mine = {"mine": methods_here()["attention"]}
    assert as_methods(mine) == mine
    assert as_methods(None) == methods_here()
    with pytest.raises(RunError, match=r"no method 'knokout'.*'knockout'"):
        as_methods("knokout")
    with pytest.raises(RunError, match="No method is named"):
        as_methods([])
