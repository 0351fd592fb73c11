"""Data sets by name, and what cannot be loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests import ROOT
from workbench.data import DATASETS, samples
from workbench.errors import SampleError
from workbench.prompts.styles import STYLES
from workbench.video import as_sampling


def test_every_data_set_says_what_it_is() -> None:
    assert {"mini", "tvbench"} <= set(DATASETS)
    for name, dataset in DATASETS.items():
        assert dataset.name == name == name.lower()
        assert "/" not in name
        assert dataset.description


class TestTvbench:
    def test_with_root(self, root: Path) -> None:
        found = samples("tvbench", root=root)
        assert (found.name, found.source, len(found)) == ("tvbench", root, 4)
        assert len(samples("TVBench", root=str(root), limit=1)) == 2

    @pytest.mark.parametrize("tasks", [["object_count"], "object_count", ("Object Count",)])
    def test_tasks(self, root: Path, tasks: Any) -> None:
        assert samples("tvbench", root=root, tasks=tasks).tasks == ("object_count",)

    @pytest.mark.parametrize(
        "name", ["tvbench/object_count,moving_direction", "tvbench/object_count, moving_direction"]
    )
    def test_tasks_in_the_name(self, root: Path, name: str) -> None:
        assert samples(name, root=root).tasks == ("object_count", "moving_direction")

    def test_without_root_it_says_where_to_get_it(self) -> None:
        with pytest.raises(SampleError, match=r"has to be downloaded first.*root='/path/to/it'"):
            samples("tvbench")


class TestFolder:
    @pytest.mark.parametrize("kind", [str, Path])
    def test_a_path(self, root: Path, kind: type) -> None:
        found = samples(kind(root), tasks="object_count", limit=1)
        assert (found.name, len(found)) == ("set", 1)

    def test_root_would_be_ignored(self, root: Path) -> None:
        with pytest.raises(SampleError, match="would be ignored"):
            samples(root, root=root)

    def test_a_name_of_the_registry_goes_first(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, clips_calls: list[dict[str, Any]]
    ) -> None:
        root.rename(root.parent / "mini")
        (root.parent / "set").symlink_to(root.parent / "mini")
        monkeypatch.chdir(root.parent)
        assert samples("./mini").source == root.parent / "mini"
        assert clips_calls == []
        samples("mini")
        assert len(clips_calls) == 1

    @pytest.mark.parametrize("name", ["TVBench", "tvbench", "TVBENCH", "TVBench/object_count"])
    def test_a_folder_that_has_the_name_of_a_download_is_that_download(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        root.rename(root.parent / name.split("/")[0])
        monkeypatch.chdir(root.parent)
        found = samples(name)
        assert (found.name, found.source) == ("tvbench", root.parent / name.split("/")[0])
        assert found.tasks == (("object_count",) if "/" in name else ("moving_direction", "object_count"))

    def test_a_folder_inside_it_is_a_folder(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (root.parent / "TVBench").mkdir()
        root.rename(root.parent / "TVBench" / "part")
        monkeypatch.chdir(root.parent)
        assert samples("TVBench/part").name == "part"

    def test_root_goes_before_a_folder_of_the_name(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (root.parent / "tvbench").mkdir()
        monkeypatch.chdir(root.parent)
        assert samples("tvbench", root=root).source == root

    def test_without_the_folder_it_says_so(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(
            SampleError, match=r"there is no folder 'TVBench' here.*--data tvbench:/path/to/it"
        ):
            samples("TVBench")

    def test_home_is_expanded(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(root.parent))
        assert samples("~/set").source == root


@pytest.mark.parametrize("name", ["tvbnch", "", "no/such/folder", "\0", "x" * 5000])
def test_neither_a_data_set_nor_a_folder(name: str) -> None:
    with pytest.raises(SampleError, match="neither a data set"):
        samples(name)


@pytest.mark.parametrize("name", [None, 5, b"mini", ["mini"]])
def test_what_is_no_name_is_refused(name: Any) -> None:
    with pytest.raises(SampleError, match="is no data set"):
        samples(name)


def test_near_matches_are_named() -> None:
    with pytest.raises(SampleError, match="Did you mean 'tvbench'"):
        samples("TVBnch")


@pytest.mark.parametrize("tasks", [5, [5], [None], b"a"])
def test_tasks_are_texts(root: Path, tasks: Any) -> None:
    with pytest.raises(SampleError, match="give names of tasks"):
        samples("tvbench", root=root, tasks=tasks)


@pytest.mark.parametrize("tasks", [[], "", ["object_count", " "], "object_count,,moving_direction"])
def test_empty_task_names(root: Path, tasks: Any) -> None:
    with pytest.raises(SampleError, match="give one name or more"):
        samples("tvbench", root=root, tasks=tasks)


def test_tasks_in_two_places(root: Path) -> None:
    with pytest.raises(SampleError, match="use one of the two"):
        samples("tvbench/object_count", root=root, tasks=["object_count"])


def test_a_limit_is_checked_before_clips_are_made(clips_calls: list[dict[str, Any]]) -> None:
    with pytest.raises(SampleError, match="limit is 0"):
        samples("mini", limit=0)
    assert clips_calls == []


def test_the_page_on_data_has_every_name() -> None:
    page = (ROOT / "docs" / "data.md").read_text("utf-8")
    names = [*(name for name in DATASETS if name != "mini"), *STYLES]
    assert [name for name in names if f"`{name}`" not in page] == []
    assert [hub for entry in DATASETS.values() if (hub := entry.hub) and hub not in page] == []
    usual = [entry for entry in DATASETS.values() if entry.style]
    assert all(entry.style in STYLES for entry in usual)
    assert all(str(as_sampling(entry.frames)) == entry.frames for entry in usual if entry.frames)
