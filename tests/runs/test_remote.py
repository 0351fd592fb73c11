"""Run folders in a place that fsspec reaches: its memory, and the disk as if it were far away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import fsspec
import pytest
from pandas.testing import assert_frame_equal

import workbench as wb
from tests import ROOT
from tests.runs.swept import questions, swept
from workbench.errors import RunError, WriteError
from workbench.runs import remote
from workbench.runs.remote import fetched_folder, is_remote, remote_folder


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(remote, "BEAT", 0.2)
    monkeypatch.setattr(remote, "SETTLE", 0.05)


@pytest.fixture
def url(request):
    memory = fsspec.filesystem("memory")
    name = f"/{request.node.name}"
    yield f"memory:/{name}"
    if memory.exists(name):
        memory.rm(name, recursive=True)


def there(url: str) -> dict[str, bytes]:
    files, root = fsspec.core.url_to_fs(url)
    return {path.removeprefix(root + "/"): files.cat_file(path) for path in files.find(root)}


@pytest.mark.parametrize(
    ("name", "far"),
    [
        ("s3://b/run", True),
        ("memory://run", True),
        ("runs/a", False),
        ("C:/runs", False),
        ("/runs//a", False),
    ],
)
def test_urls_are_told_from_folders(name, far) -> None:
    assert is_remote(name) is far
    assert not is_remote(Path(name))


def test_a_run_far_away_is_the_run_here(tmp_path, url) -> None:
    samples = questions(tmp_path)
    whole = swept(samples, tmp_path / "run")
    with remote_folder(url) as out:
        swept(samples[:4], out)
    assert not out.exists()
    found = there(url)
    assert set(found) >= {"manifest.json", "effects.parquet", "samples.parquet", "SHA256SUMS"}
    assert sum(name.startswith("shards/") for name in found) == 8
    assert not any(name.startswith(".") for name in found)
    for name, content in found.items():
        if name.startswith("shards/effects") or name == "effects.parquet":
            assert content == (tmp_path / "run" / name).read_bytes()
    with fetched_folder(url) as folder:
        assert_frame_equal(wb.load_run(folder).table, whole.table)


def test_a_run_goes_on_with_what_is_there(tmp_path, url, monkeypatch) -> None:
    samples = questions(tmp_path)
    with remote_folder(url) as out:
        swept(samples, out)
    files, root = fsspec.core.url_to_fs(url)
    files.rm(f"{root}/shards/sample-00002.json")
    files.rm(f"{root}/effects.parquet")
    before = there(url)["shards/sample-00001.json"]
    with remote_folder(url) as out:
        assert len(list((out / "shards").iterdir())) == 7
        run = swept(samples, out)
    assert len(run.table) == 24
    assert there(url)["shards/sample-00001.json"] == before
    assert "effects.parquet" in there(url)


def test_what_was_written_otherwise_goes_too(url) -> None:
    with remote_folder(url) as out:
        (out / "notes").mkdir()
        (out / "notes" / "mine.txt").write_text("by hand")
        (out / ".hidden").write_text("stays")
    assert there(url) == {"notes/mine.txt": b"by hand"}


def test_what_was_made_before_an_error_is_kept(tmp_path, url) -> None:
    def stopped() -> None:
        with remote_folder(url) as out:
            swept(questions(tmp_path), out)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert "manifest.json" in there(url)


def test_two_processes_do_not_share_a_place(url) -> None:
    with remote_folder(url), pytest.raises(RunError, match="Another process is writing"), remote_folder(url):
        pass
    with remote_folder(url):
        pass  # it was given back


def test_a_lease_that_nobody_renews_is_nobodys(url) -> None:
    files, root = fsspec.core.url_to_fs(url)
    files.pipe_file(f"{root}/.lease-0000.json", b"{}")
    with remote_folder(url):
        assert [name for name in there(url) if "0000" in name] == []


def test_of_two_that_come_at_once_one_leaves(url) -> None:
    place = remote._Place(url)
    real = place._refuse_others

    def both() -> None:
        real()
        place.write(".lease-0.json", b"{}")  # smaller than any other name

    place._refuse_others = both
    with pytest.raises(RunError, match="Another process"), place.lease():
        pass
    assert set(there(url)) == {".lease-0.json"}


def test_names_that_lead_out_are_refused(url, monkeypatch) -> None:
    place = remote._Place(url)
    place.write("ok.txt", b"1")
    monkeypatch.setattr(place.files, "find", lambda root: [f"{root}/../escaped.txt"])
    with pytest.raises(RunError, match="leads out"):
        place.names()


def test_a_place_that_fails_stops_the_run_and_keeps_what_is_here(tmp_path, url, monkeypatch) -> None:
    def fails(self, name, content):
        if name.startswith("shards"):
            raise OSError("quota")
        return real(self, name, content)

    real = remote._Place.write
    monkeypatch.setattr(remote._Place, "write", fails)
    with pytest.raises(WriteError, match=r"cannot be written .*quota") as caught, remote_folder(url) as out:
        swept(questions(tmp_path), out)
    assert str(out) in caught.value.__notes__[-1]
    assert list((out / "shards").iterdir())


@pytest.mark.parametrize("name", ["nosuch://x/y", "memory2://x"])
def test_places_that_do_not_exist_are_refused(name) -> None:
    with pytest.raises(RunError, match="cannot be reached"), remote_folder(name):
        pass


def test_ranks_are_refused(url, monkeypatch) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RunError, match="ranks of one command"), remote_folder(url):
        pass


def test_python_is_told_how(tmp_path) -> None:
    with pytest.raises(RunError, match=r"with wb\.remote_folder"):
        swept(questions(tmp_path), "memory://x/run")  # pyright: ignore[reportArgumentType]


@pytest.mark.faults
def test_runs_that_are_killed_far_away_end_as_undisturbed_ones(tmp_path) -> None:
    """kill -9 at other moments, again and again, on one folder far away."""
    far = tmp_path / "far"
    words = ["--model", "mini/video-ft", "--data", "mini/moving_direction", "--limit", "6", "--out"]
    start = [sys.executable, "-m", "workbench", "run", "information_flow", *words]
    told = {"cwd": ROOT, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([*start, str(tmp_path / "here")], check=True, **told)
    killed = 0
    for shards in (1, 3, 5, 8):
        process = subprocess.Popen([*start, f"local://{far}"], **told)
        while process.poll() is None and len(list(far.glob("shards/*"))) < shards:
            time.sleep(0.05)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        process.wait()
    assert killed >= 3
    subprocess.run([*start, f"local://{far}"], check=True, **told)
    for name in ("effects.parquet", "pathways.csv"):
        assert (far / name).read_bytes() == (tmp_path / "here" / name).read_bytes()
