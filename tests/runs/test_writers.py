"""Who may write to a folder: one alone, or each rank once."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.errors import RunError
from workbench.ranks import Share
from workbench.runs.writers import Writers


def writers(folder: Path, rank: int | None = None, of: int = 2) -> Writers:
    return Writers(folder, None if rank is None else Share(rank, of, 0))


def test_one_process_alone(tmp_path: Path) -> None:
    first, second = writers(tmp_path), writers(tmp_path)
    first.enter()
    with pytest.raises(RunError, match="Another process is writing"):
        second.enter()
    first.leave()
    second.enter()
    second.leave()


def test_ranks_side_by_side_each_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.runs.writers._PATIENCE", 0.1)
    ranks = [writers(tmp_path, rank, 3) for rank in range(3)]
    ranks[0].enter()
    assert ranks[0].absent() == [1, 2]
    ranks[2].enter()
    assert ranks[0].absent() == [1]
    with pytest.raises(RunError, match="Another process"):
        writers(tmp_path, 2, 3).enter()
    with pytest.raises(RunError, match="Rank 0 of 3 is writing"):
        writers(tmp_path, 0, 2).enter()
    with pytest.raises(RunError, match="Rank 0 of 3 is writing"):
        writers(tmp_path).enter()
    ranks[1].enter()
    assert ranks[0].absent() == []
    for rank in ranks:
        rank.leave()
    alone = writers(tmp_path)
    alone.enter()
    with pytest.raises(RunError, match="Another process"):
        writers(tmp_path, 0).enter()
    alone.leave()
    writers(tmp_path, 0, 2).enter()


def test_one_rank_at_a_time_changes_what_all_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.runs.writers._PATIENCE", 0.05)
    first, second = writers(tmp_path, 0), writers(tmp_path, 1)
    with first.alone(), pytest.raises(RunError), second.alone():
        pass
    with second.alone():
        pass
