"""Every format with every kind of damage: refused in one clear message, or one entry skipped and listed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.data.benchmarks import BENCHMARKS, Benchmark
from workbench.errors import SampleError


@pytest.fixture(params=list(BENCHMARKS))
def benchmark(request: pytest.FixtureRequest) -> Benchmark:
    return BENCHMARKS[request.param]()


def damaged_rows(benchmark: Benchmark, first: dict[str, Any]) -> Benchmark:
    """With its first entry changed."""
    benchmark.rows[0] = {**benchmark.rows[0], **first}
    return benchmark


def one_is_skipped(benchmark: Benchmark, root: Path, about: str) -> None:
    whole = len(BENCHMARKS[key_of(benchmark)]().load(benchmark_folder(benchmark, root)))
    found = benchmark.load(benchmark.write(root))
    assert len(found) == whole - 1
    (skipped,) = found.skipped
    assert about in skipped.reason, skipped
    assert skipped.reason.startswith(("row 1 ", "entry 1 ", "entry '0' ", "line 1 ")), "it names the place"
    assert "Traceback" not in skipped.reason


def key_of(benchmark: Benchmark) -> str:
    return f"table.{benchmark.file.partition('.')[2]}" if benchmark.name == "table" else benchmark.name


def benchmark_folder(benchmark: Benchmark, root: Path) -> Path:
    whole = root.with_name("whole")
    return BENCHMARKS[key_of(benchmark)]().write(whole)


def test_whole(benchmark: Benchmark, tmp_path: Path) -> None:
    found = benchmark.load(benchmark.write(tmp_path / "set"))
    assert len(found) >= 3
    assert not found.skipped
    assert len({sample.id for sample in found}) == len(found)
    assert all(sample.video.is_file() for sample in found)


DAMAGE: dict[str, tuple[Callable[[Benchmark], dict[str, Any]], str]] = {
    "a clip that is not there": (lambda b: {b.video: "gone_1.mp4"}, "not found"),
    "a path that leads out": (lambda b: {b.video: "../../etc/passwd_1"}, "leads out of the data set"),
    "a windows path": (lambda b: {b.video: "C:\\clips_1\\a.mp4"}, "leads out of the data set"),
    "a path with a zero byte": (lambda b: {b.video: "a\0_1.mp4"}, "not found"),
    "no clip named": (lambda b: {b.video: None}, ""),
    "an empty question": (lambda b: {b.question: ""}, "question"),
    "no question": (lambda b: {b.question: None}, "question"),
    "half a character": (lambda b: {b.question: "what \ud800 1"}, "broken character"),
}


@pytest.mark.parametrize("kind", list(DAMAGE))
def test_one_bad_entry(benchmark: Benchmark, kind: str, tmp_path: Path) -> None:
    change, about = DAMAGE[kind]
    if kind == "half a character" and not benchmark.file.endswith((".json", ".jsonl")):
        pytest.skip("only JSON can write it")
    if kind == "a path with a zero byte" and benchmark.file.endswith(".csv"):
        pytest.skip("a CSV with a zero byte is refused whole")
    if benchmark.name == "vinoground" and kind in ("an empty question", "half a character"):
        about = "does not end with the options"
    one_is_skipped(damaged_rows(benchmark, change(benchmark)), tmp_path / "set", about)


def test_answers_outside_the_options(benchmark: Benchmark, tmp_path: Path) -> None:
    for number, answer in enumerate(benchmark.bad_answers):
        if benchmark.file.endswith(".parquet") and not isinstance(answer, str):
            continue
        if benchmark.name == "vinoground" and answer == "":
            continue
        made = damaged_rows(BENCHMARKS[key_of(benchmark)](), {benchmark.answer: answer})
        one_is_skipped(made, tmp_path / str(number), "")


def test_options_that_say_the_same_or_nothing(benchmark: Benchmark, tmp_path: Path) -> None:
    if benchmark.options is None:
        pytest.skip("they are part of its question")
    for number, options in enumerate((["same", "same", "x"], ["only"], ["a", " "])):
        given: Any = "|".join(options) if benchmark.file.endswith(".csv") else options
        made = BENCHMARKS[key_of(benchmark)]()
        made = damaged_rows(made, {made.options: given} if made.options else {})
        one_is_skipped(made, tmp_path / str(number), "")


def test_a_link_that_leads_out(benchmark: Benchmark, tmp_path: Path) -> None:
    root = benchmark.write(tmp_path / "set")
    outside = tmp_path / "outside.mp4"
    clip = root / benchmark.clips[0]
    clip.rename(outside)
    clip.symlink_to(outside)
    found = benchmark.load(root)
    assert found.skipped
    assert all("leads out" in skipped.reason for skipped in found.skipped)


def test_one_id_twice(benchmark: Benchmark, tmp_path: Path) -> None:
    benchmark.rows.append(dict(benchmark.rows[0]))
    found = benchmark.load(benchmark.write(tmp_path / "set"))
    assert len({sample.id for sample in found}) == len(found)
    if benchmark.name in ("tvbench", "mvbench", "tomato", "table"):  # their ids count, so both are usable
        assert not found.skipped
    else:
        (skipped,) = found.skipped
        assert "there already" in skipped.reason


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe\x00", b"[1, 2", b"PAR1 but no table PAR1", b"null", b"[[[" * 50_000, b'"text"'],
    ids=["empty", "cut short", "not text", "no end", "no table", "null", "deep", "a text"],
)
def test_a_spoilt_file_is_refused_by_name(benchmark: Benchmark, content: bytes, tmp_path: Path) -> None:
    root = benchmark.write(tmp_path / "set", content)
    with pytest.raises(SampleError) as refused:
        benchmark.load(root)
    assert Path(benchmark.file).name in str(refused.value) or str(root) in str(refused.value)


def test_entries_that_are_no_entries(benchmark: Benchmark, tmp_path: Path) -> None:
    if not benchmark.file.endswith((".json", ".jsonl")) or benchmark.name == "table":
        pytest.skip("its file can hold rows only")
    rows = [7, None, [], *benchmark.rows]
    content = {str(number): row for number, row in enumerate(rows)} if benchmark.keyed else rows
    found = benchmark.load(benchmark.write(tmp_path / "set", json.dumps(content).encode()))
    assert len(found.skipped) == 3


def test_unknown_tasks_have_a_nearest_match(benchmark: Benchmark, tmp_path: Path) -> None:
    root = benchmark.write(tmp_path / "set")
    task = benchmark.load(root).tasks[0]
    with pytest.raises(SampleError, match=f"Did you mean '{task}'"):
        benchmark.load(root, tasks=[f"{task}x"])
    assert benchmark.load(root, tasks=task.upper()).tasks == (task,)


def test_limits_count_usable_entries_of_each_task(benchmark: Benchmark, tmp_path: Path) -> None:
    root = benchmark.write(tmp_path / "set")
    found = benchmark.load(root, limit=1)
    assert set(found.counts().values()) == {1}
    assert [sample.id for sample in found] == [
        next(sample.id for sample in benchmark.load(root) if sample.task == task) for task in found.tasks
    ]


def test_no_folder_and_an_empty_one(benchmark: Benchmark, tmp_path: Path) -> None:
    with pytest.raises(SampleError):
        benchmark.load(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SampleError):
        benchmark.load(tmp_path / "empty")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_in_place_of_a_clip_holds_nothing_up(benchmark: Benchmark, tmp_path: Path) -> None:
    root = benchmark.write(tmp_path / "set")
    (root / benchmark.clips[0]).unlink()
    os.mkfifo(root / benchmark.clips[0])
    found = benchmark.load(root)
    assert found.skipped
    assert all("neither a file nor a folder" in skipped.reason for skipped in found.skipped)


WRONG = (10**400, -1, 1.5, float("nan"), True, "", "\x00", "x" * 5000, [], [[]], {}, {"a": [None]}, ["a", 1])


def test_any_value_in_any_field_is_used_skipped_or_refused(benchmark: Benchmark, tmp_path: Path) -> None:
    sound = dict(benchmark.rows[0])
    if not benchmark.file.endswith((".json", ".jsonl")):
        pytest.skip("the columns of its file have types")
    root = benchmark.write(tmp_path / "set")
    whole = len(benchmark.load(root))
    for field in sound:
        for value in WRONG:
            benchmark.rows[0] = {**sound, field: value}
            (root / benchmark.file).write_bytes(benchmark.content())
            found = benchmark.load(root)
            assert len(found) + len(found.skipped) == whole
            assert len(found) >= whole - 1, (field, value, found.skipped)
