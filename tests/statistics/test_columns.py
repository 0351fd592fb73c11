from __future__ import annotations

import pandas as pd
import pytest

from workbench.errors import RunError
from workbench.statistics.columns import require_columns

TABLE = pd.DataFrame({"a": [1], "b": [2]})


def test_what_is_missing_what_there_is_and_what_to_do() -> None:
    require_columns(TABLE, "b", "a", remedy="")
    with pytest.raises(RunError) as one:
        require_columns(TABLE, "a", "c", remedy="Pass another.")
    assert str(one.value) == "The table lacks the column c; it has a, b. Pass another."
    with pytest.raises(RunError, match=r"x\.csv lacks the columns c, d; it has a, b\. Delete it\."):
        require_columns(TABLE, "c", "d", remedy="Delete it.", what="x.csv")
    with pytest.raises(RunError, match="it has none"):
        require_columns(pd.DataFrame(), "c", remedy="")
