"""The planted models by name."""

from workbench.planted.stories.one_way import ONE_WAY
from workbench.planted.stories.other_rows import OTHER_ROWS
from workbench.planted.stories.several_ways import SEVERAL_WAYS
from workbench.planted.truth import Planted

PLANTED: dict[str, Planted] = {one.name: one for one in (*ONE_WAY, *OTHER_ROWS, *SEVERAL_WAYS)}

__all__ = ["PLANTED"]
