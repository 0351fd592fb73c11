"""A rank waits for the others' records, and says which ranks are lost."""

from __future__ import annotations

from typing import Any

import pytest

from workbench.errors import RunError
from workbench.ranks import Share
from workbench.runs import waiting


class Folder:
    """A store to which another rank writes while it is looked at."""

    def __init__(self, records: list[Any], later: dict[int, list[Any]], absent: list[int]) -> None:
        self.records, self.later, self.away, self.looks = records, later, absent, 0

    def stored(self) -> list[Any]:
        return list(self.records)

    def absent(self) -> list[int]:
        self.looks += 1
        self.records = self.later.get(self.looks, self.records)
        return self.away

    def get(self, position: int) -> Any:
        return self.records[position]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "LOOK", 0.0)
    monkeypatch.setattr(waiting, "PATIENCE", 0.05)


def test_it_waits_until_all_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    store: Any = Folder(["a", None, None], {2: ["a", None, "c"], 3: ["a", "b", "c"]}, [])
    assert waiting.others(store, Share(0, 2, 0), [None] * 3) == ["a", "b", "c"]  # type: ignore[list-item]
    assert store.looks == 3
    assert capsys.readouterr().err == "Waiting for 2 samples of the other ranks ..\n"


def test_a_rank_that_leaves_after_its_last_record_is_not_lost() -> None:
    store: Any = Folder(["a", None], {1: ["a", "b"]}, [1])
    assert waiting.others(store, Share(0, 2, 0), [None] * 2) == ["a", "b"]  # type: ignore[list-item]


def test_a_lost_rank_is_named() -> None:
    store: Any = Folder(["a", None, None], {}, [1, 3])
    with pytest.raises(RunError, match="2 samples are missing, and of the 4 ranks 1, 3 are not at work"):
        waiting.others(store, Share(0, 4, 0), [None] * 3)  # type: ignore[list-item]
