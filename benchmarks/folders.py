"""Seconds to go on with, to read, to rebuild and to report a run of many samples.

    python -m benchmarks.folders --report --beside ../before --out benchmarks/results/folders.json

No model is at work: each sample's rows are given, so that only the folder is measured. `--beside DIR`
measures the workbench of another checkout too, in turn.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from benchmarks.saving import command
from workbench.runs.manifest import provenance

LAYERS = 32
FLOWS = 6


def main() -> None:
    """Read the options, measure, and print or store the seconds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--tasks", type=int, default=5)
    parser.add_argument("--report", action="store_true", help="time the report too")
    parser.add_argument("--beside", type=Path, help="another checkout, measured in turn")
    parser.add_argument("--out", type=Path, help="json file for the seconds")
    args = parser.parse_args()
    found: dict[str, Any] = {"command": command(), **provenance(), "now": measured(args)}
    if args.beside is not None:
        words = [sys.executable, __file__, "--samples", str(args.samples), "--tasks", str(args.tasks)]
        words += ["--report"] if args.report else []
        environment = {**os.environ, "PYTHONPATH": f"{args.beside.resolve()}{os.pathsep}{Path.cwd()}"}
        told = subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout
        found["before"] = json.loads(told)["now"]
        found["ratio"] = {
            name: round(found["before"][name] / seconds, 2)
            for name, seconds in found["now"].items()
            if name.endswith(" s") and seconds
        }
    text = json.dumps(found, indent=1)
    print(text)
    if args.out is not None:
        args.out.write_text(text + "\n")


def measured(args: argparse.Namespace) -> dict[str, Any]:
    """What `measure` says of a folder that is then removed."""
    with tempfile.TemporaryDirectory() as folder:
        return measure(Path(folder) / "run", args.samples, args.tasks, report=args.report)


def measure(out: Path, samples: int, tasks: int, *, report: bool) -> dict[str, Any]:
    """Seconds of each thing that is done with the folder, which is made in `out`."""
    from workbench import __version__
    from workbench.runs import load_run

    def again() -> object:
        return run(out, samples, tasks)

    rows = samples * LAYERS * FLOWS
    found: dict[str, Any] = {"workbench": __version__, "samples": samples, "rows": rows}
    timed(found, "write", again)
    timed(found, "resume a finished run", again)
    timed(found, "load", lambda: load_run(out))
    if report:
        from workbench.pages.report import write_report

        timed(found, "report", lambda: write_report(out))
    manifest = json.loads((out / "manifest.json").read_text())
    (out / "manifest.json").write_text(json.dumps({**manifest, "finished": None}))
    for name in ("effects.parquet", "samples.parquet", "skipped.csv"):
        (out / name).unlink()
    timed(found, "load from the samples' own files", lambda: load_run(out))
    timed(found, "resume an unfinished run", again)
    return found


def timed(found: dict[str, Any], name: str, work: Callable[[], object]) -> None:
    """Do it once; put its seconds, and those of the processor, which other programs do not lengthen."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    found[f"{name}, s"] = round(time.perf_counter() - wall, 2)
    found[f"{name}, processor s"] = round(time.process_time() - cpu, 2)


def run(out: Path, samples: int, tasks: int) -> object:
    """The run as `measure_samples` makes it, or goes on with it."""
    from workbench.data import Sample, Samples
    from workbench.models.checkpoints import CheckpointFolder
    from workbench.models.families import FAMILIES
    from workbench.prompts.pixels import PixelSettings
    from workbench.runs import Done, Encoder, Measurement, Record, SampleRow, effects_schema, measure_samples

    class Model:
        name, weights_hash = "given", "0" * 64
        device, dtype, attention = "cpu", "torch.float32", "sdpa"
        checkpoint = CheckpointFolder("given", Path("given"))
        adapter = setting = load_in = cache = remote = None
        family = FAMILIES["llava_next_video"]
        template, pixels = None, PixelSettings(size={"height": 1, "width": 1})

        def read_clip(self, sample: Any, frames: Any = None) -> Any:
            return type("Clip", (), {"frames": np.zeros(1, np.uint8)})()

        def encode(self, sample: Any, **more: Any) -> Any:
            return None

    @dataclass(frozen=True)
    class Given(Measurement):
        name: ClassVar[str] = "sweep"
        table: ClassVar[str] = "effects"
        keeps_samples: ClassVar[bool] = True

        @property
        def schema(self) -> pa.Schema:
            return effects_schema()

        @property
        def settings(self) -> Mapping[str, Any]:
            return {"flows": list(flows()), "windows": ["centred(9)"], "only_correct": True, "seed": 0}

        def refuse(self, model: Any, encoder: Encoder) -> None:
            return None

        def measure(self, model: Any, group: Sequence[Any], on_done: Done) -> list[Record]:
            on_done(len(group))
            return [self._record(asked) for asked in group]

        def _record(self, asked: Any) -> Record:
            sample = asked.sample
            answer = SampleRow(sample.id, sample.task, "A", 0.9, "A", "A", True, 2000, 0.0)
            return Record(rows(sample.id, sample.task, asked.position, self.schema), answer)

    asked = [
        Sample(id=f"t{n % tasks}/{n}", task=f"t{n % tasks}", video=Path(f"{n}.mp4"), question="What happens?")
        for n in range(samples)
    ]
    model: Any = Model()
    return measure_samples(model, Samples(asked, name="given"), Given(), out=out, progress=False)


@cache
def flows() -> tuple[str, ...]:
    """Flows of a usual sweep."""
    from workbench.interventions import NAMED_FLOWS

    return tuple(flow.text for flow in NAMED_FLOWS)[:FLOWS]


def rows(name: str, task: str, seed: int, schema: pa.Schema) -> pa.Table:
    """Rows of one sample: every flow, in every layer."""
    drawn = np.random.default_rng(seed)
    n = LAYERS * FLOWS
    layer = np.tile(np.arange(1, LAYERS + 1), FLOWS)
    change = drawn.normal(-5, 10, n).clip(-100)
    columns: dict[str, Any] = {
        "sample_id": [name] * n,
        "task": [task] * n,
        "flow": np.repeat(flows(), LAYERS),
        "window": ["centred(9)"] * n,
        "layer": layer,
        "first_layer": np.maximum(layer - 4, 1),
        "last_layer": np.minimum(layer + 4, LAYERS),
        "token": ["A"] * n,
        "p_base": np.full(n, 0.9),
        "p_knockout": 0.9 * (1 + change / 100),
        "change_percent": change,
        "correct_base": [True] * n,
        "correct_knockout": drawn.random(n) < 0.8,
    }
    return pa.table(
        {field.name: pa.array(columns[field.name], field.type) for field in schema}, schema=schema
    )


if __name__ == "__main__":
    main()
