"""Models x checks as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from workbench.analyses.conformance.asking import Broken
from workbench.analyses.conformance.checks import CHECKS
from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.models import VideoLLM

COLUMNS = ("model", "family", "check", "holds", "remark")


def conformance(model: VideoLLM) -> pd.DataFrame:
    """One row a check: model, family, check, holds (False where the model is wrong), remark.

    What a model does without, and what it refuses with a reason, holds: the remark says it.
    """
    rows = []
    for one in CHECKS:
        try:
            holds, remark = True, one.run(model)
        except Broken as error:
            holds, remark = False, str(error)
        except WorkbenchError as error:
            holds, remark = True, f"refused: {error}"
        except Exception as error:  # a check may meet anything; that it is raw is what it found
            holds, remark = False, f"a raw {type(error).__name__}: {error!s:.200}"
        rows.append((model.name, model.family.model_type, one.name, holds, remark))
    return pd.DataFrame(rows, columns=list(COLUMNS))
