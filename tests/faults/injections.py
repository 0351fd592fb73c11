"""Faults of a run other than kills, each injected at a place that is drawn; every one says what came of it.

They are done to runs of the stand-in, which take no time. Each raises AssertionError where a number is lost,
doubled or wrong, or where an error is none of ours.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

import workbench as wb
from tests.analyses.stand_in import StandInEngine, StandInModel, questions
from tests.faults.test_damage import SHARD_FILES, copy, cut, delete, flip, swap, whole_shard
from tests.test_not_finite import POISON
from workbench.analyses.sweep.effects import sweep
from workbench.data import Samples
from workbench.errors import RunError, WriteError
from workbench.models import VideoLLM
from workbench.planted import IDS, N_FRAMES, OPTIONS, planted_model, planted_sample, staged
from workbench.runs import Damaged, Run, folder, load_run, manifest, waiting

SAMPLES = 5
FLOWS = ["frames -> later frames", "video -> question"]
FINALS = ("effects.parquet", "skipped.csv")
OLDER = Path(__file__).parents[1] / "runs" / "folders"


class Faulty(StandInEngine):
    """Does something before it measures some samples."""

    def __init__(self, before: dict[str, Callable[[], object]], **more: Any) -> None:
        super().__init__(**more)
        self.before = before

    def _run(self, request: Any, on_done: Any) -> Any:
        self.before.get(request.prompt.sample.id, lambda: None)()
        return super()._run(request, on_done)


def run(out: Path | None, engine: StandInEngine | None = None, broken: tuple[int, ...] = ()) -> Run:
    model: Any = StandInModel()
    samples = questions(*[0] * SAMPLES, broken=broken)
    engine = engine or StandInEngine()
    return sweep(model, samples, FLOWS, "centred(3)", engine=engine, out=out, progress=False)


def out_of_gpu() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory.")


def drawn_sample(drawn: random.Random) -> tuple[int, str]:
    """A sample in the middle."""
    number = drawn.randrange(1, SAMPLES - 1)
    return number, f"direction/{number}"


def same(out: Path, right: Path) -> None:
    """The final tables are those of the undisturbed run, byte for byte, and nothing is left over."""
    for name in FINALS:
        assert (out / name).read_bytes() == (right / name).read_bytes(), f"{name} differs"
    columns = ["seconds", "peak_gb"]
    mine, whole = (load_run(one).samples.drop(columns=columns) for one in (out, right))
    assert mine.equals(whole), "samples differ"
    assert not list(out.rglob("*.tmp*")), "files are left over"


def skips_one(out: Path, right: Path, missing: str) -> str:
    """All but one sample are there with the right numbers, and that one is listed."""
    found, whole = load_run(out), load_run(right)
    assert found.skipped["sample_id"].tolist() == [missing]
    others = whole.table[whole.table["sample_id"] != missing].reset_index(drop=True)
    assert found.table.equals(others), "other samples' numbers differ"
    return "the sample is skipped and listed, the others are right"


@contextmanager
def no_room(limit: int) -> Iterator[None]:
    """Files end after so many bytes: the write is cut short there, in earnest."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _full_disk(out: Path, right: Path, drawn: random.Random, function: str, of: str) -> str:
    """The disk is full in the middle of what `function` writes."""
    real, left = getattr(folder, function), [drawn.randrange(SAMPLES) if of else 0]

    def write(*args: Any, **more: Any) -> None:
        if left[0]:
            left[0] -= 1
            return real(*args, **more)
        with no_room(drawn.randrange(1, 400)):
            return real(*args, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folder, function, write)
        with pytest.raises(WriteError, match="Make room on its disk"):
            run(out)
    assert not list(out.rglob("*.tmp*")), "files are left over"
    done = set(out.glob("shards/sample-*.json"))
    written = {path: path.stat().st_mtime_ns for path in done}
    run(out)
    assert {path: path.stat().st_mtime_ns for path in done} == written, "what was stored is measured again"
    same(out, right)
    return "an error that names the file; the same command goes on to the same bytes"


def full_disk_in_a_shard(out: Path, right: Path, drawn: random.Random) -> str:
    return _full_disk(out, right, drawn, "write_shard", "shards")


def full_disk_in_the_finals(out: Path, right: Path, drawn: random.Random) -> str:
    return _full_disk(out, right, drawn, "write_tables", "")


def unreadable_clip(out: Path, right: Path, drawn: random.Random) -> str:
    number, name = drawn_sample(drawn)
    with pytest.MonkeyPatch.context() as patch:
        real = StandInModel.read_clip
        broken = questions(*[0] * SAMPLES, broken=(number,))[number]

        def read_clip(self: Any, sample: Any, frames: Any = None) -> Any:
            return real(self, broken if sample.id == name else sample, frames)

        patch.setattr(StandInModel, "read_clip", read_clip)
        run(out)
    return skips_one(out, right, name)


def nan_logits(out: Path, right: Path, drawn: random.Random) -> str:
    """Of a planted model, one of whose words has an embedding that is no number."""
    model = _poisoned()
    (clips := out.parent / "clips").mkdir(exist_ok=True)
    made = [replace(planted_sample(clips, letter), id=f"planted/{n}") for n, letter in enumerate("ABABA")]
    poisoned = drawn.randrange(1, 4)
    words = " ".join([*OPTIONS[1].split()[:-1], "unheard"])
    bad = [replace(one, options=(OPTIONS[0], words)) if n == poisoned else one for n, one in enumerate(made)]
    folders = out, out.with_name(f"{out.name}-right")
    for samples, where in zip((bad, made), folders, strict=True):
        wb.sweep(
            model,
            Samples(samples, name="planted"),
            "video -> last",
            "centred(3)",
            engine="reference",  # one sample at a time, so that others have the same bits
            out=where,
            frames=N_FRAMES,
            only_correct=False,
            progress=False,
        )
    return skips_one(*folders, f"planted/{poisoned}")


@cache
def _poisoned() -> VideoLLM:
    model = planted_model(staged(1, 3, 5))
    with torch.no_grad():
        model.hf.get_input_embeddings().weight[IDS[POISON]] = float("nan")  # pyright: ignore
    return model


def _out_of_memory(out: Path, right: Path, drawn: random.Random) -> str:
    found = skips_one(out, right, (name := load_run(out).skipped["sample_id"].tolist()[0]))
    assert name.startswith("direction/")
    run(out)
    same(out, right)
    return f"{found}; with more memory the same command goes on to the same bytes"


def out_of_memory_on_a_gpu(out: Path, right: Path, drawn: random.Random) -> str:
    run(out, Faulty({drawn_sample(drawn)[1]: out_of_gpu}))
    return _out_of_memory(out, right, drawn)


def out_of_memory_of_the_machine(out: Path, right: Path, drawn: random.Random) -> str:
    run(out, Faulty({drawn_sample(drawn)[1]: lambda: bytearray(2**62)}))
    return _out_of_memory(out, right, drawn)


def out_of_memory_while_encoding(out: Path, right: Path, drawn: random.Random) -> str:
    real, (_, name) = StandInModel.encode, drawn_sample(drawn)

    def encode(self: Any, sample: Any, **more: Any) -> Any:
        if sample.id == name:
            torch.empty(2**55, dtype=torch.uint8)
        return real(self, sample, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StandInModel, "encode", encode)
        run(out)
    return _out_of_memory(out, right, drawn)


def forked(act: Callable[[], object]) -> int:
    """The number of a child that does this, quietly; its status is 0 where that went well."""
    child = os.fork()
    if not child:
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            act()
            os._exit(0)
        finally:
            os._exit(1)
    return child


def two_processes(out: Path, right: Path, drawn: random.Random) -> str:
    child = forked(lambda: run(out, StandInEngine(seconds=0.01)))
    try:
        first = out / "shards" / f"sample-{drawn.randrange(2):05d}.json"
        _wait_for(first)
        with pytest.raises(RunError, match="Another process is writing to"):
            run(out)
    finally:
        _, status = os.waitpid(child, 0)
    assert status == 0, "the first process failed"
    same(out, right)
    return "the second is refused; the first ends with the same bytes"


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def clock_set_back(out: Path, right: Path, drawn: random.Random) -> str:
    """By more with every look; the run is stopped in between, and what is stored is of the future then."""
    real, back = time.time, [0.0]

    def earlier() -> float:
        back[0] += drawn.uniform(0, 1e6)
        return real() - back[0]

    _, name = drawn_sample(drawn)
    with pytest.raises(RuntimeError):
        run(out, StandInEngine(fails_on=name))
    for path in out.rglob("*"):
        os.utime(path, (real() + 1e7, real() + 1e7))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", earlier)
        patch.setattr(manifest, "now", lambda: "1999-12-31T23:59:59+00:00")
        patch.setattr(folder, "now", lambda: "1999-12-31T23:59:59+00:00")
        run(out)
    same(out, right)
    return "the run goes on to the same bytes"


def damaged_shard(out: Path, right: Path, drawn: random.Random) -> str:
    shutil.copytree(right, out)
    files = drawn.choice(SHARD_FILES)
    damage = drawn.choice(
        [*(do(files) for do in (flip, cut, swap, copy, delete)), whole_shard(True), whole_shard(False)]
    )
    before = {path: path.read_bytes() for path in sorted(out.rglob("shards/*"))}
    damage(out, drawn)
    hurt = [path for path in before if not path.exists() or _says_other(path, before[path])]
    gone = any(not path.exists() for path in hurt)  # as if it had not been measured yet
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        run(out)
    same(out, right)
    if not gone:
        said = " ".join(str(one.message) for one in told if issubclass(one.category, Damaged))
        assert "measured again" in said or not hurt, "it is not named"
    return "it is measured again, to the same bytes, and named where it is there"


def _says_other(path: Path, before: bytes) -> bool:
    """Whether a file says something else than before: a json may lose its last line feed."""
    try:
        return json.loads(path.read_bytes()) != json.loads(before)
    except ValueError:
        return path.read_bytes() != before


def future_format(out: Path, right: Path, drawn: random.Random) -> str:
    shutil.copytree(right, out)
    path = out / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": drawn.randrange(2, 99)}))
    before = {one: one.read_bytes() for one in out.rglob("*") if one.is_file()}
    for act in (lambda: run(out), lambda: load_run(out)):
        with pytest.raises(RunError, match=r"has format .* Read it with the version named in it"):
            act()
    assert {one: one.read_bytes() for one in out.rglob("*") if one.is_file()} == before
    return "refused with the format's number; nothing in the folder changed"


def older_version(out: Path, right: Path, drawn: random.Random) -> str:
    """The folder as that version wrote it, with one sample lost."""
    from tests.runs.test_legacy import swept

    older = drawn.choice(["v0.1.0", "v0.2.0-begun"])
    shutil.copytree(OLDER / older, out)
    (out / "shards" / f"sample-{drawn.randrange(3):05d}.json").unlink()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = swept(out)
    assert found.table.equals(swept().table)
    if older == "v0.1.0":  # the other one says that it is of this version
        assert any("goes on with other versions" in str(one.message) for one in told)
    return "it goes on to the same numbers; a warning names other versions"


def dying_rank(out: Path, right: Path, drawn: random.Random) -> str:
    """One of two ranks is killed at one of its samples; the other says so; then both are started again."""
    lost = drawn.randrange(2)
    mine = range(lost, SAMPLES, 2)

    def rank(number: int, engine: StandInEngine | None = None) -> Run:
        with pytest.MonkeyPatch.context() as patch:
            for key, value in {"RANK": number, "WORLD_SIZE": 2, "LOCAL_RANK": number}.items():
                patch.setenv(key, str(value))
            patch.setattr(waiting, "LOOK", 0.001)
            patch.setattr(waiting, "PATIENCE", 0.05)
            return run(out, engine)

    dies = Faulty({f"direction/{drawn.choice(mine)}": lambda: os.kill(os.getpid(), 9)})
    _, status = os.waitpid(forked(lambda: rank(lost, dies)), 0)
    assert os.WIFSIGNALED(status)
    with pytest.raises(RunError, match=rf"of the 2 ranks {lost} are not at work.*the same command again"):
        rank(1 - lost)
    done = {path: path.stat().st_mtime_ns for path in out.glob("shards/*.json")}
    assert rank(lost).finished
    assert rank(1 - lost).finished
    assert {path: path.stat().st_mtime_ns for path in done} == done, "a sample is measured twice"
    same(out, right)
    return "the other rank says which is lost; the same command goes on to the same bytes"


INJECTIONS: dict[str, Callable[[Path, Path, random.Random], str]] = {
    "full disk in the middle of a shard": full_disk_in_a_shard,
    "full disk in the middle of a final table": full_disk_in_the_finals,
    "an unreadable clip in the middle": unreadable_clip,
    "NaN logits": nan_logits,
    "out of memory on a GPU (the exception)": out_of_memory_on_a_gpu,
    "out of memory of the machine": out_of_memory_of_the_machine,
    "out of memory while a sample is encoded": out_of_memory_while_encoding,
    "two processes on one folder": two_processes,
    "the clock is set back between writes": clock_set_back,
    "a damaged shard": damaged_shard,
    "a manifest of a future format": future_format,
    "a folder of an older version": older_version,
    "a rank that dies": dying_rank,
}
"""Takes an empty folder's name, the undisturbed run's folder, and what places are drawn from."""
