from __future__ import annotations

import io

import pandas as pd

from workbench.analyses.lens.roles import FALSE, ROLES, TRUE


def test_roles_come_back_from_a_csv_file_as_they_were() -> None:
    assert ROLES == (TRUE, FALSE)
    written = pd.DataFrame({"role": ROLES}).to_csv(index=False)
    assert tuple(pd.read_csv(io.StringIO(written))["role"]) == ROLES
