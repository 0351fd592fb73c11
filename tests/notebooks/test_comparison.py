"""What counts as the same result on another machine, and what does not."""

from __future__ import annotations

import pytest

from tests.notebooks.comparison import differences

TABLE = """\
    layer   n  difference     low  p_value  p_corrected
0       1  15     -21.282 -41.362    0.000        0.004
3       4  15      -6.722 -20.109    0.235        0.504"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("A: 77.8% of 45", "A: 77.9% of 45"),
        ("a    0.00", "a   -0.00"),
        ("[1. 1. 1.]", "[1.      1.00001 1.     ]"),
        ("layers 9-12, mean 123456.78", "layers 9-12, mean 123456.99"),
        ("(4, 340) -93.04", "(4, 340) -93.05"),
        (TABLE, TABLE.replace("0.235", "0.236").replace("0.504", "0.505")),
        (TABLE, TABLE.replace("0.235", "0.240").replace("0.504", "0.520")),
    ],
)
def test_rounding_is_no_difference(old: str, new: str) -> None:
    assert differences(old, new) == []
    assert differences(new, old) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("A: 77.8% of 45", "A: 77.8% of 46"),
        ("A: 77.8% of 45", "A: 78.0% of 45"),
        ("A: 77.8% of 45", "B: 77.8% of 45"),
        ("'up.'", "'left.'"),
        ("layers 9-12", "layers 9-11"),
        ("layers 9-12", "layers 9 -12"),
        ("a 93.04", "a -93.04"),
        ("1. 1 1", "1. 1"),
        ("1. 1 1", "2. 1 1"),
        (TABLE, TABLE.replace("0.235", "0.255")),
        (TABLE, TABLE.replace("-6.722", "-6.729")),
        (TABLE, TABLE.replace("0.504", "0.604")),
        (TABLE, TABLE.replace("  4  15", "  5  15")),
    ],
)
def test_what_is_no_rounding_is_told(old: str, new: str) -> None:
    assert len(differences(old, new)) == 1
    assert len(differences(new, old)) == 1
