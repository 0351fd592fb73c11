"""Data sets of the hub: only when asked for, pinned to a commit, refusals in words. No network is used."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.data.benchmarks import tvbench
from workbench.data import samples
from workbench.data.hub import RECORD, fetch, record_of
from workbench.errors import SampleError, WriteError
from workbench.runs import data_settings

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """Stands in for the hub: hands out a folder, and keeps what was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[dict[str, Any]] = []
        self.commit, self.error = COMMIT, None
        monkeypatch.setattr("huggingface_hub.HfApi", lambda: self)
        monkeypatch.setattr("huggingface_hub.snapshot_download", self.download)

    def dataset_info(self, id: str, revision: str | None) -> SimpleNamespace:
        self.asked.append({"id": id, "revision": revision})
        if self.error is not None:
            raise self.error
        return SimpleNamespace(sha=self.commit)

    def download(self, id: str, **how: Any) -> None:
        self.asked.append({"id": id, **how})
        tvbench().write(Path(how["local_dir"]))


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    return Hub(monkeypatch)


def test_a_name_is_fetched_at_the_commit_of_today(hub: Hub, tmp_path: Path) -> None:
    found = fetch("tvbench", tmp_path / "set", patterns=["*.json"])
    assert found == (tmp_path / "set", "FunAILab/TVBench", COMMIT)
    download = hub.asked[-1]
    assert (download["id"], download["repo_type"], download["revision"]) == (found.id, "dataset", COMMIT)
    assert download["allow_patterns"] == ["*.json"]
    assert json.loads((tmp_path / "set" / RECORD).read_text()) == {"id": found.id, "revision": COMMIT}
    # The run says of which revision its samples are.
    loaded = samples("tvbench", root=tmp_path / "set")
    assert data_settings(loaded)["data_revision"] == f"FunAILab/TVBench@{COMMIT}"
    assert fetch("tvbench", tmp_path / "set") == found, "it goes on"


def test_a_commit_is_taken_as_it_is_and_another_one_refused(hub: Hub, tmp_path: Path) -> None:
    fetch("OWNER/NAME.v1", tmp_path / "set", revision=COMMIT)
    assert [asked for asked in hub.asked if "repo_type" not in asked] == []
    with pytest.raises(WriteError, match=r"holds OWNER/NAME\.v1 at revision 0123456789ab"):
        fetch("OWNER/NAME.v1", tmp_path / "set", revision="f" * 40)


@pytest.mark.parametrize("name", ["mini", "tvbnch", "../../etc", "a/b/c", "https://x.y/z", ""])
def test_what_is_not_on_the_hub(name: str, hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(SampleError, match="no data set of the hub"):
        fetch(name, tmp_path / "set")
    assert hub.asked == []
    assert not (tmp_path / "set").exists()


class Refused(Exception):
    """As the hub's client raises them: with what the server answered."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.response = SimpleNamespace(status_code=status)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Refused(401), "ask for access"),
        (Refused(403), "ask for access"),
        (Refused(404), "has no data set"),
        (Refused(500), "Check the network"),
        (ConnectionError("unreachable"), "Check the network"),
        (TimeoutError("too long"), "Check the network"),
    ],
)
def test_refusals_say_what_to_do(error: Exception, said: str, hub: Hub, tmp_path: Path) -> None:
    hub.error = error  # type: ignore[assignment]
    with pytest.raises(SampleError, match=said):
        fetch("vinoground", tmp_path / "set")
    assert record_of(tmp_path / "set") is None


def test_a_spoilt_record_is_none(tmp_path: Path) -> None:
    for content in ("[]", "{}", '{"id": 1, "revision": "x"}'):
        (tmp_path / RECORD).write_text(content, "utf-8")
        assert record_of(tmp_path) is None
