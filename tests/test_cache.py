"""What is kept comes back as it was, or not at all; together it never takes more than it may."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from filelock import FileLock

from workbench import cache as module
from workbench import contents
from workbench.cache import KINDS, Cache, CacheUnused, key_of, sum_of_tensor
from workbench.errors import RunError

KEY = key_of("a clip")


def some(value: int, n: int = 100_000) -> dict[str, torch.Tensor]:
    return {"frames": torch.full((n,), value, dtype=torch.uint8)}


def file_of(cache: Cache, key: str = KEY) -> Path:
    return cache.folder / "frames" / key[:2] / f"{key}.safetensors"


def test_tensors_and_notes_come_back_to_the_bit(tmp_path: Path) -> None:
    rows = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))
    kept = {
        "bytes": torch.arange(256, dtype=torch.uint8).reshape(2, 128),
        "half": rows.to(torch.bfloat16),
        "turned": rows.T,
        "part": rows[1:3],
        "again": rows[1:3],
        "number": torch.tensor(2.5, dtype=torch.float64),
        "none": torch.zeros(0, 3),
    }
    Cache(tmp_path / "new" / "cache").put("features", KEY, kept, {"reader": "pyav", "é": "\0"})
    found = Cache(tmp_path / "new" / "cache").get("features", KEY)
    assert found is not None
    assert found.notes == {"reader": "pyav", "é": "\0"}
    assert found.tensors.keys() == kept.keys()
    for name, tensor in kept.items():
        assert found.tensors[name].dtype == tensor.dtype
        assert torch.equal(found.tensors[name], tensor), name
    assert found.tensors["part"].untyped_storage().nbytes() == kept["part"].nbytes


def test_kinds_and_keys_are_apart_and_counted(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    assert cache.get("frames", KEY) is None
    cache.put("frames", KEY, some(1))
    assert cache.get("features", KEY) is None
    assert cache.get("frames", key_of("another clip")) is None
    assert cache.get("frames", KEY) is not None
    assert cache.counts() == {"frames": {"made": 1, "found": 1}, "features": {}}


def test_keys_and_sums_tell_what_differs() -> None:
    assert len({key_of("ab", "c"), key_of("a", "bc"), key_of("abc"), key_of("a", "b", "c")}) == 4
    tensors = [
        torch.zeros(4, dtype=torch.uint8),
        torch.zeros(2, 2, dtype=torch.uint8),
        torch.zeros(1),
        -torch.zeros(1),
        torch.zeros(4, dtype=torch.int8),
    ]
    assert len(set(map(sum_of_tensor, tensors))) == len(tensors)


def _flip(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


DAMAGE = {
    "empty": lambda content: b"",
    "cut": lambda content: content[:-1],
    "cut in the header": lambda content: content[:20],
    "longer": lambda content: content + b"\0",
    "a bit of the first byte": lambda content: _flip(content, 0),
    "a bit of the last byte": lambda content: _flip(content, len(content) - 1),
    "a bit in the middle": lambda content: _flip(content, len(content) // 2),
    "the notes": lambda content: content.replace(b"pyav", b"pyaw"),
    "the name of an array": lambda content: content.replace(b'"frames"', b'"framez"'),
    "not JSON": lambda content: (5).to_bytes(8, "little") + b"[[[[[" + content,
    "deep JSON": lambda content: (100_000).to_bytes(8, "little") + b"[" * 100_000,
    "no metadata": lambda content: (2).to_bytes(8, "little") + b"{}",
    "a huge header": lambda content: (2**62).to_bytes(8, "little") + content[8:],
    "a pickle": lambda content: b"cos\nsystem\n(S'touch pwned'\ntR.",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_noticed_removed_and_made_again(tmp_path: Path, damage: str) -> None:
    cache = Cache(tmp_path)
    cache.put("frames", KEY, some(1), {"reader": "pyav"})
    file = file_of(cache)
    good = file.read_bytes()
    bad = DAMAGE[damage](good)
    assert bad != good
    file.write_bytes(bad)
    assert cache.get("frames", KEY) is None
    assert not file.exists()
    cache.put("frames", KEY, some(1), {"reader": "pyav"})
    assert file.read_bytes() == good
    assert cache.get("frames", KEY) is not None
    assert cache.counts()["frames"] == {"made": 2, "damaged": 1, "found": 1}


def test_a_file_under_the_name_of_another_is_damage(tmp_path: Path) -> None:
    cache, other = Cache(tmp_path), key_of("another clip")
    cache.put("frames", KEY, some(1))
    file_of(cache, other).parent.mkdir(parents=True, exist_ok=True)
    file_of(cache).rename(file_of(cache, other))
    assert cache.get("frames", other) is None


def test_the_least_recently_used_go_and_all_never_take_more_than_they_may(tmp_path: Path) -> None:
    cache = Cache(tmp_path, gb=330_000 / 1e9)  # three entries
    keys = [key_of(number) for number in range(4)]
    for age, key in enumerate(keys[:3]):
        cache.put("frames", key, some(age))
        os.utime(file_of(cache, key), (1000 + age, 1000 + age))
    assert cache.get("frames", keys[0]) is not None  # used now
    cache.put("frames", keys[3], some(3))
    assert [file_of(cache, key).exists() for key in keys] == [True, False, True, True]
    assert cache.taken() <= 330_000
    assert Cache(tmp_path, gb=120_000 / 1e9).get("frames", keys[2]) is not None
    Cache(tmp_path, gb=120_000 / 1e9).put("features", KEY, some(4))
    assert cache.taken() <= 120_000, "a smaller cache makes room among all kinds"


def test_an_entry_that_is_replaced_is_not_counted_twice(tmp_path: Path) -> None:
    cache, other = Cache(tmp_path, gb=220_000 / 1e9), key_of("another clip")
    cache.put("frames", other, some(2))
    cache.put("frames", KEY, some(1))
    cache.put("frames", KEY, some(3))
    assert file_of(cache, other).exists()
    found = cache.get("frames", KEY)
    assert found is not None
    assert int(found.tensors["frames"][0]) == 3


def test_what_is_larger_than_the_cache_is_not_kept_and_said_once(tmp_path: Path) -> None:
    cache = Cache(tmp_path, gb=1e-5)
    with pytest.warns(CacheUnused, match=r"takes 0\.000104 GB, more than the whole cache may.*are the same"):
        cache.put("frames", KEY, some(1))
    cache.put("frames", KEY, some(1))  # warnings are errors here
    assert cache.get("frames", KEY) is None
    assert cache.counts()["frames"] == {"made": 2, "not kept": 2}


def test_a_full_disk_or_a_lock_that_is_held_ends_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: object, target: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", full)
        with pytest.warns(CacheUnused, match=r"does not keep all: No space left on device\. The results"):
            Cache(tmp_path).put("frames", KEY, some(1))
    assert not list(tmp_path.rglob("*.tmp*"))
    monkeypatch.setattr(module, "_PATIENCE", 0.05)
    with FileLock(tmp_path / ".lock"), pytest.warns(CacheUnused, match="another process has held its lock"):
        Cache(tmp_path).put("frames", KEY, some(1))


def test_nothing_else_in_the_folder_is_touched(tmp_path: Path) -> None:
    cache = Cache(tmp_path, gb=110_000 / 1e9)
    mine = [
        tmp_path / "thesis.tex",
        tmp_path / "frames" / "ab" / "notes.txt",
        tmp_path / "frames" / "film.mp4",
    ]
    for path in mine:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 200_000)
        os.utime(path, (1, 1))
    for number in range(3):
        cache.put("frames", key_of(number), some(number))
    assert all(path.stat().st_size == 200_000 for path in mine)
    assert {path.name for path in tmp_path.iterdir()} == {"thesis.tex", "frames", ".lock"}
    assert cache.taken() <= 110_000


def test_what_a_killed_process_left_is_removed_later(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put("frames", KEY, some(1))
    old, new = (file_of(cache).with_name(f".{KEY[:40]}-{n}.tmp.safetensors") for n in ("0" * 8, "1" * 8))
    for path in (old, new):
        path.write_bytes(b"half")
    before = time.time() - 7200
    os.utime(old, (before, before))
    cache.put("features", KEY, some(1))
    assert not old.exists()
    assert new.exists(), "somebody may be writing it"


@pytest.mark.parametrize("gb", [0, -1, float("nan"), float("inf"), "2", True])
def test_a_size_that_is_none_is_refused(tmp_path: Path, gb: object) -> None:
    with pytest.raises(RunError, match=r"cache_gb=.*above 0"):
        Cache(tmp_path / "cache", gb)  # type: ignore[arg-type]
    assert not (tmp_path / "cache").exists()


def test_a_folder_that_cannot_be_used_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below", "nul\0"):
        with pytest.raises(RunError, match=r"cache=.*nothing can be kept there \(.*Name a folder"):
            Cache(folder)
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(RunError, match="no right to write into it"):
        Cache(tmp_path)


def test_later_is_after_flush_at_the_latest(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    for number in range(12):
        cache.put_later("features", key_of(number), some(number), {})
    cache.flush()
    found = [cache.get("features", key_of(number)) for number in range(12)]
    assert [int(one.tensors["frames"][0]) for one in found if one is not None] == list(range(12))


def test_contents_are_read_once_by_all_who_share_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = tmp_path / "0.mp4"
    clip.write_bytes(b"frames")
    wanted = Cache(tmp_path / "cache").content_of(clip)
    assert wanted == contents.content_of(clip, contents.stamp_of(clip))
    monkeypatch.setattr(contents, "_known", type(contents._known)())  # as in another process
    with monkeypatch.context() as patch:
        patch.setattr(contents, "_read", lambda video: "read again")
        assert Cache(tmp_path / "cache").content_of(clip) == wanted
    clip.write_bytes(b"other frames")
    assert Cache(tmp_path / "cache").content_of(clip) not in ("", wanted)
    assert Cache(tmp_path / "cache").content_of(tmp_path / "gone.mp4") == ""


WRITER = """
import json, sys, torch
from workbench.cache import Cache, key_of
cache = Cache(sys.argv[1], gb=float(sys.argv[2]))
bad = 0
for turn in range(40):
    for number in range(4):
        found = cache.get("frames", key_of(number))
        if found is not None and not bool((found.tensors["frames"] == number).all()):
            bad += 1
        cache.put("frames", key_of(number), {"frames": torch.full((100_000,), number, dtype=torch.uint8)})
print(json.dumps({"bad": bad, "taken": cache.taken(), **cache.counts()["frames"]}))
"""


@pytest.mark.parametrize("entries", [10, 2])
def test_processes_that_write_the_same_keys_see_whole_entries_alone(tmp_path: Path, entries: int) -> None:
    most = entries * 110_000
    command = [sys.executable, "-W", "error", "-c", WRITER, str(tmp_path), str(most / 1e9)]
    writers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    told = [json.loads(writer.communicate(timeout=120)[0]) for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    for one in told:
        assert one["bad"] == 0
        assert one["made"] == 160
        assert {"damaged", "not kept"} & one.keys() == set()
        assert one["taken"] <= most
    assert {path.name for path in tmp_path.iterdir()} <= {*KINDS, ".lock"}
    assert not list(tmp_path.rglob("*.tmp*"))
    assert Cache(tmp_path).taken() <= most
