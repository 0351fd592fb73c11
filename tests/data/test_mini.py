"""The data set that comes with the project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from workbench.data import samples
from workbench.errors import SampleError


class TestMini:
    def test_it_is_read_by_the_same_code(self, root: Path, clips_calls: list[dict[str, Any]]) -> None:
        found = samples("mini")
        assert (found.name, found.source, len(found)) == ("mini", root, 4)
        assert found.fingerprint == samples(root).fingerprint
        assert clips_calls == [{"limit": None, "tasks": None}]

    def test_limit_and_tasks_reach_the_clip_maker(self, clips_calls: list[dict[str, Any]]) -> None:
        found = samples("mini/Object Count", limit=1)
        assert clips_calls == [{"limit": 1, "tasks": ("object_count",)}]
        assert [s.id for s in found] == ["object_count/clip_1"]

    @pytest.mark.usefixtures("clips_calls")
    def test_root_would_be_ignored(self, root: Path) -> None:
        with pytest.raises(SampleError, match="would be ignored"):
            samples("mini", root=root)
