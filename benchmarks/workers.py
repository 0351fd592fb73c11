"""A sweep shared by ranks: samples a second of 1, 2, .. processes, each with a GPU, on one run folder.

End to end: clips are read from the disk, prompts encoded, Map the Flow's set swept, records written. Weights
are random. See README.md.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import tyro
from PIL import Image

import workbench as wb  # before torch, whose threads it tells how to wait
from benchmarks.saving import RESULTS, save
from benchmarks.sizes import SIZES, write
from workbench.interventions import MTF_FLOWS, centred

READY, GO = "ready-{}", "go"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is swept, by how many."""

    size: Literal["tiny", "llava-next-7b"] = "llava-next-7b"
    device: str = "cuda"
    dtype: str = "bfloat16"
    counts: tuple[int, ...] = (1, 2)
    samples: int = 24
    kill: bool = False
    """Kill the last rank of the largest count in the middle, and start it again."""
    scratch: Path | None = None
    out: Path = RESULTS
    child: Path | None = None
    """Of a process that the benchmark starts: its work, as a file."""


def data_set(folder: Path, samples: int, frames: int) -> None:
    """A folder in TVBench's format, each clip a folder of 384 x 384 frames."""
    clips = folder / "video" / "noise"
    generator = np.random.default_rng(0)
    entries = []
    for number in range(samples):
        clip = clips / f"{number:04d}"
        clip.mkdir(parents=True)
        for frame in range(frames):
            coarse = generator.integers(0, 256, (24, 24, 3), dtype=np.uint8)
            Image.fromarray(coarse.repeat(16, axis=0).repeat(16, axis=1)).save(clip / f"{frame:03d}.jpg")
        entries.append(
            {
                "video": clip.name,
                "question": f"Which way does patch {number} move across the frames of this clip?",
                "candidates": ["to the left", "to the right", "up", "down"],
                "answer": "up",
            }
        )
    (folder / "json").mkdir()
    (folder / "json" / "noise.json").write_text(json.dumps(entries))


def child(work: dict[str, Any]) -> None:
    """One rank: ready when its model is warm, and then its share."""
    model = wb.load(
        work["model"], dtype=work["dtype"], **({} if work["device"] == "cuda" else {"device": "cpu"})
    )
    samples = wb.samples(work["data"])
    window = centred(9 if model.n_layers >= 24 else 3)
    how: dict[str, Any] = {"frames": f"midpoints({work['frames']})", "only_correct": False, "progress": False}
    wb.sweep(model, samples[:1], MTF_FLOWS, window, **how)  # kernels are compiled
    rank = os.environ.get("RANK", "0")
    Path(work["signals"], READY.format(rank)).touch()
    while not Path(work["signals"], GO).exists():
        time.sleep(0.005)
    begun = time.time()
    wb.sweep(model, samples, MTF_FLOWS, window, out=work["out"], **how)
    print(json.dumps({"rank": int(rank), "begun": begun, "ended": time.time()}), flush=True)


def together(count: int, work: dict[str, Any], *, kill: bool) -> dict[str, Any]:
    """So many ranks on one folder."""
    signals = Path(tempfile.mkdtemp(dir=work["scratch"]))
    file = signals / "work.json"
    file.write_text(json.dumps({**work, "signals": str(signals)}))

    def start(rank: int) -> subprocess.Popen[str]:
        shares = {"RANK": str(rank), "WORLD_SIZE": str(count), "LOCAL_RANK": str(rank)} if count > 1 else {}
        command = [sys.executable, "-m", "benchmarks.workers", "--child", str(file)]
        return subprocess.Popen(command, env={**os.environ, **shares}, stdout=subprocess.PIPE, text=True)

    ranks = [start(rank) for rank in range(count)]
    while len(list(signals.glob("ready-*"))) < count:
        assert all(process.poll() is None for process in ranks), "a rank ended before it began"
        time.sleep(0.02)
    (signals / GO).touch()
    killed = None
    if kill:
        shards = Path(work["out"]) / "shards"
        while len(list(shards.glob("sample-*.json"))) < work["samples"] // 2:
            time.sleep(0.01)
        ranks[-1].kill()
        ranks[-1].wait()
        killed = len(list(shards.glob("sample-*.json")))
        ranks[-1] = start(count - 1)
    said = [json.loads(process.communicate()[0].strip().splitlines()[-1]) for process in ranks]
    assert all(process.returncode == 0 for process in ranks)
    seconds = max(one["ended"] for one in said) - min(one["begun"] for one in said)
    return {
        "ranks": count,
        "seconds": seconds,
        "samples_per_s": work["samples"] / seconds,
        "killed_at_samples": killed,
    }


def main(settings: Settings) -> None:
    if settings.child is not None:
        child(json.loads(settings.child.read_text()))
        return
    size, device = SIZES[settings.size], torch.device(settings.device)
    scratch = Path(tempfile.mkdtemp(dir=settings.scratch))
    try:
        write(size, scratch / "model", device)
        data_set(scratch / "data", settings.samples, size.frames)
        if device.type == "cuda":
            torch.cuda.empty_cache()
        work = {
            "model": str(scratch / "model"),
            "data": str(scratch / "data"),
            "dtype": settings.dtype,
            "device": settings.device,
            "frames": size.frames,
            "samples": settings.samples,
            "scratch": str(scratch),
        }
        found, tables = [], []
        for count in settings.counts:
            out = scratch / f"run-{count}"
            found.append(together(count, {**work, "out": str(out)}, kill=False))
            tables.append((out / "effects.parquet").read_bytes())
            found[-1]["share_of_n"] = found[-1]["samples_per_s"] / found[0]["samples_per_s"] / count
            print(found[-1], flush=True)
        if settings.kill:
            count = max(settings.counts)
            out = scratch / "run-killed"
            found.append(together(count, {**work, "out": str(out)}, kill=True))
            tables.append((out / "effects.parquet").read_bytes())
            print(found[-1], flush=True)
        result = {**asdict(settings), "scaling": found, "identical": len(set(tables)) == 1}
        result = {key: value for key, value in result.items() if key not in ("scratch", "out", "child")}
        print("identical tables:", result["identical"])
        save(settings.out, f"workers-{settings.size}-{settings.device}-{settings.dtype}", result, None)
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main(tyro.cli(Settings))
