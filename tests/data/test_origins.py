"""The tables of known benchmarks agree with one another."""

from __future__ import annotations

import re

from workbench.data.origins import MVBENCH_FOLDERS, WITHHELD


def test_mvbench_has_twenty_tasks() -> None:
    assert len(MVBENCH_FOLDERS) == 20
    for task, folders in MVBENCH_FOLDERS.items():
        assert re.fullmatch("[a-z_]+", task)
        assert folders
        assert not any(folder.startswith("/") or ".." in folder for folder in folders)


def test_what_is_withheld_says_where_to_get_it_and_where_to_put_it() -> None:
    assert set(WITHHELD) == {"action_antonym", "fine_grained_pose"}
    for why in WITHHELD.values():
        assert "licence" in why
        assert "https://" in why
        assert "video/" in why
