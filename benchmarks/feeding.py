"""What a sweep waits for: end-to-end samples a second on real video files, against prompts that are ready.

Clips are 1080p H.264 that moves, written before; end to end they are decoded, resized, encoded and swept
(Map the Flow's set), with no cache, with one that is being filled, and with one that is full. Weights are
random. See README.md.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
import torch
import tyro

import workbench as wb
from benchmarks.saving import RESULTS, save
from benchmarks.sizes import SIZES, write
from benchmarks.timing import finish
from workbench import contents
from workbench.analyses.sweep.effects import KnockoutSweep
from workbench.cache import Cache
from workbench.data import Samples
from workbench.engine import get_engine
from workbench.interventions import MTF_FLOWS, as_flows, centred
from workbench.measures import as_measures
from workbench.models import VideoLLM
from workbench.runs import Encoder, measure_samples
from workbench.runs.record import Asked

WIDTH, HEIGHT, RATE = 1920, 1080, 30


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Which model, on which clips."""

    shape: Literal["mini", "tiny", "llava-next-7b"] = "llava-next-7b"
    """mini is the embedded model, with its own weights."""
    device: str = "cuda"
    dtype: str | None = None
    seconds: tuple[int, ...] = (30, 600)
    """Of each clip."""
    frames: tuple[int, ...] = (8, 32)
    samples: int = 24
    """Each asks about a clip of its own."""
    films: int = 2
    """Clips that are encoded; the others are the same pictures in files of other bytes, long ones the same
    pictures again and again."""
    flows: tuple[str, ...] = MTF_FLOWS
    scratch: Path | None = None
    """Where clips, cache and checkpoint are written for a while."""
    out: Path = RESULTS


def film(path: Path, seconds: int, seed: int) -> Path:
    """A textured scene that pans, and a textured square that moves through it, with a little noise: 1080p
    H.264 of 5 Mbit/s, a key frame every 250 frames, as x264 writes them."""
    generator = np.random.default_rng(seed)
    side = 3 * WIDTH // 2
    coarse = generator.integers(0, 256, (HEIGHT // 8, side // 8, 3), dtype=np.uint8)
    scene = coarse.repeat(8, axis=0).repeat(8, axis=1)[:HEIGHT]
    square = generator.integers(0, 256, (30, 30, 3), dtype=np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    grain = generator.integers(0, 9, (16, HEIGHT // 2, WIDTH // 2, 1), dtype=np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "g": "250"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.bit_rate = 5_000_000
        for number in range(seconds * RATE):
            left = int((side - WIDTH) / 2 * (1 + np.sin(number / 90)))
            picture = scene[:, left : left + WIDTH] // 8 * 7
            x, y = (7 * number) % (WIDTH - 240), (3 * number) % (HEIGHT - 240)
            picture[y : y + 240, x : x + 240] = square
            picture[::2, ::2] += grain[number % len(grain)]
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def lengthened(path: Path, film: Path, times: int) -> Path:
    """A film so many times in a row: its packets, with later time stamps."""
    with av.open(str(path), "w") as out, av.open(str(film)) as first:
        stream = out.add_stream_from_template(first.streams.video[0])
        for turn in range(times):
            with av.open(str(film)) as container:
                source = container.streams.video[0]
                assert source.duration is not None
                for packet in container.demux(source):
                    if packet.dts is None or packet.pts is None:
                        continue
                    packet.pts += turn * source.duration
                    packet.dts += turn * source.duration
                    packet.stream = stream
                    out.mux(packet)
    return path


def data_set(folder: Path, films: list[Path], samples: int, seconds: float) -> Samples:
    """A folder in TVBench's format, of clips of `seconds`. A copy of a film has a few bytes behind its end,
    so that its content is another, and is asked about other frames: nothing finds it in a cache."""
    clips = folder / "video" / "films"
    clips.mkdir(parents=True)
    entries = []
    for number in range(samples):
        clip = clips / f"{number:04d}.mp4"
        content = films[number % len(films)].read_bytes()
        # An empty box, as ISO 14496-12 has it: its length, and its name.
        clip.write_bytes(content + (16).to_bytes(4, "big") + b"free" + number.to_bytes(8, "big"))
        entries.append(
            {
                "video": clip.name,
                "question": f"Which way does square {number} move across the frames of this clip?",
                "candidates": ["to the left", "to the right", "up", "down"],
                "answer": "up",
                # Other frames of a copy.
                "start": 0.25 * (number // len(films)),
                "end": seconds,
            }
        )
    (folder / "json").mkdir()
    (folder / "json" / "films.json").write_text(json.dumps(entries))
    return wb.samples(str(folder))


def ready(model: VideoLLM, samples: Samples, measurement: KnockoutSweep, frames: int) -> float:
    """Samples a second of the engine alone, on prompts that were made before, in groups as in the loop."""
    asked = []
    with Encoder(model, samples, frames=frames, style=None) as encoder:
        for one in encoder.usable():
            # The pictures themselves are not needed any more, and many.
            small = replace(one.prompt.clip, frames=one.prompt.clip.frames[:, :1, :1].copy())
            asked.append(Asked(one.position, one.sample, replace(one.prompt, clip=small)))
    size = measurement.at_once(model, asked[0])
    measurement.measure(model, asked[:size], lambda done: None)  # kernels are compiled, caches of torch full
    finish(model.device)
    begun = time.perf_counter()
    for start in range(0, len(asked), size):
        measurement.measure(model, asked[start : start + size], lambda done: None)
    finish(model.device)
    return len(asked) / (time.perf_counter() - begun)


def end_to_end(
    model: VideoLLM, samples: Samples, measurement: KnockoutSweep, frames: int, out: Path
) -> tuple[float, float, bytes, dict[str, Any]]:
    """Samples a second from files to a written table, and after the first group, which waits for its clips;
    the table, and what the manifest says of the cache."""
    contents._known.clear()  # as a process that has not seen the clips
    finish(model.device)
    begun = time.perf_counter()
    found = measure_samples(model, samples, measurement, out=out, frames=frames, progress=False)
    rate = len(samples) / (time.perf_counter() - begun)
    return rate, going(out), (out / "effects.parquet").read_bytes(), found.manifest.get("cache", {})


def going(out: Path) -> float:
    """Samples a second once the first are done, by the times at which they were written; 0 for one group."""
    written = sorted(path.stat().st_mtime for path in (out / "shards").glob("sample-*.json"))
    # The samples of a group are written within moments.
    first = sum(time < written[0] + 0.2 for time in written)
    return (len(written) - first) / (written[-1] - written[first - 1]) if first < len(written) else 0.0


def measured(
    model: VideoLLM, samples: Samples, settings: Settings, frames: int, scratch: Path
) -> dict[str, Any]:
    """All ways for one set of clips and one number of frames."""
    window = centred(9 if model.n_layers >= 24 else 3)
    measurement = KnockoutSweep(
        flows=as_flows(settings.flows),
        windows=(window,),
        only_correct=False,
        engine=get_engine("incremental"),
        measures=as_measures(()),
        seed=0,
    )
    alone = ready(model, samples, measurement, frames)
    found: dict[str, Any] = {"frames": frames, "samples": len(samples), "ready_samples_per_s": alone}
    tables = []
    # What a process does once, whatever it measures: imports, the sum of the weights.
    end_to_end(model, samples[:1], measurement, frames, scratch / "once")
    cache = scratch / "cache"
    for name in ("no_cache", "cold", "warm"):
        # A cache of its own each time, as another process has.
        held = model if name == "no_cache" else replace(model, cache=Cache(cache, 100))
        rate, later, table, told = end_to_end(held, samples, measurement, frames, scratch / name)
        tables.append(table)
        found[name] = {
            "samples_per_s": rate,
            "of_ready": rate / alone,
            "after_the_first_group": later / alone,
            **told,
        }
        found[name].pop("folder", None)
        print(
            f"{frames} frames, {name}: {rate:.3g} of {alone:.3g} samples/s ({rate / alone:.2f}; "
            f"{later / alone:.2f} after the first group)",
            flush=True,
        )
    found["cache_bytes"] = Cache(cache, 100).taken()
    found["ready_again_samples_per_s"] = ready(model, samples, measurement, frames)
    assert len(set(tables)) == 1, "a cache changed the table"
    for name in ("once", "no_cache", "cold", "warm", "cache"):
        shutil.rmtree(scratch / name)
    return found


def main(settings: Settings) -> None:
    device = torch.device(settings.device)
    scratch = Path(tempfile.mkdtemp(dir=settings.scratch))
    try:
        name = "mini/video-ft"
        if settings.shape != "mini":
            write(SIZES[settings.shape], scratch / "model", device)
            name = str(scratch / "model")
        if device.type == "cuda":
            torch.cuda.empty_cache()
        model = wb.load(name, device=device, dtype=settings.dtype)
        short = [
            film(scratch / f"{seed}.mp4", min(settings.seconds), seed)
            for seed in range(min(settings.films, settings.samples))
        ]
        results = []
        for seconds in settings.seconds:
            films = short
            if seconds != min(settings.seconds):
                times = round(seconds / min(settings.seconds))
                films = [lengthened(path.with_name(f"long-{path.name}"), path, times) for path in short]
            sizes = [path.stat().st_size for path in films]
            samples = data_set(scratch / f"data-{seconds}", films, settings.samples, seconds)
            for frames in settings.frames:
                print(f"{seconds} s, {sum(sizes) / len(sizes) / 1e6:.0f} MB a clip", flush=True)
                found = measured(model, samples, settings, frames, scratch)
                results.append({"seconds": seconds, "bytes_a_clip": sum(sizes) / len(sizes), **found})
            shutil.rmtree(scratch / f"data-{seconds}")
        kept = {key: value for key, value in asdict(settings).items() if key not in ("scratch", "out")}
        result = {**kept, "cores": os.cpu_count(), "results": results}
        path = save(settings.out, f"feeding-{settings.shape}-{device.type}", result, model)
        print(f"Written: {path}")
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main(tyro.cli(Settings))
