"""The benchmarks run, on a model small enough for a test, and their numbers hang together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import (
    acceleration,
    cost,
    feeding,
    folders,
    knockouts,
    patching,
    plot,
    reading,
    scaling,
    shapes,
    sizes,
    writing,
)
from tests.tiny import tiny_folder, tiny_model
from workbench.engine import get_engine
from workbench.engine.incremental.plan import Flows, make_jobs, make_plan
from workbench.interventions import Flow, Knockout
from workbench.runs import load_run

CPU = torch.device("cpu")


@pytest.mark.parametrize("work", ["mtf", "es"])
def test_three_ways_side_by_side(tmp_path: Path, work: str) -> None:
    knockouts.main(
        knockouts.Settings(shape="tiny", work=work, device="cpu", dtype="float32", repeats=1, out=tmp_path)
    )
    (path,) = tmp_path.glob("*.json")
    found = json.loads(path.read_text("utf-8"))
    assert found["ratio_traces"] == pytest.approx(found["traces_s"] / found["incremental_s"])
    assert max(found["largest_relative_error"].values()) < 1e-5
    assert found["command"].startswith("python -m ")
    assert 0 < found["needed_tflop"] < found["published_tflop"]
    assert "tiny" in plot.table([found])


def test_every_token_of_a_text(tmp_path: Path) -> None:
    writing.main(
        writing.Settings(
            shape="tiny", device="cpu", dtype="float32", repeats=1, tokens=12, samples=2, compared_tokens=3,
            out=tmp_path,
        )
    )  # fmt: skip
    (path,) = tmp_path.glob("writing-tiny-mtf-cpu-float32.json")
    found = json.loads(path.read_text("utf-8"))
    assert max(found["largest_relative_error"].values()) < 1e-5
    assert found["traces_own_step_s"] == pytest.approx(12 * found["traces_throughout_s"])
    assert found["tokens"] == 12


def test_a_map_of_patches_both_ways(tmp_path: Path) -> None:
    patching.main(
        patching.Settings(shape="tiny", device="cpu", dtype="float32", repeats=1, samples=2, out=tmp_path)
    )
    (path,) = tmp_path.glob("patching-tiny-*.json")
    found = json.loads(path.read_text("utf-8"))
    assert found["patches"] == 4 * len(found["spans"])
    assert max(found["largest_relative_error"].values()) < 1e-5
    assert found["needed_tflop"] > 0


def test_what_grows(tmp_path: Path) -> None:
    scaling.main(
        scaling.Settings(
            shape="tiny", device="cpu", dtype="float32", repeats=1,
            samples=(1, 2), layers=(2, 4), frames=(2,), out=tmp_path,
        )
    )  # fmt: skip
    (path,) = tmp_path.glob("scaling-*.json")
    found = json.loads(path.read_text("utf-8"))
    assert [row["n"] for row in found["samples"]] == [1, 2]
    assert found["samples"][1]["tflop"] == pytest.approx(2 * found["samples"][0]["tflop"])
    assert found["layers"][1]["tflop"] > 2 * found["layers"][0]["tflop"], "windows run on into the new layers"


def test_what_a_sweep_waits_for(tmp_path: Path) -> None:
    feeding.main(
        feeding.Settings(
            shape="tiny", device="cpu", seconds=(1, 2), frames=(4,), samples=3, films=2,
            flows=("question -> last",), scratch=tmp_path, out=tmp_path / "out",
        )
    )  # fmt: skip
    (path,) = (tmp_path / "out").glob("feeding-tiny-cpu.json")
    short, long = json.loads(path.read_text("utf-8"))["results"]
    assert long["bytes_a_clip"] > 1.5 * short["bytes_a_clip"]
    for found in (short, long):
        assert found["cold"]["frames"] == {"made": 3}, "every clip is another"
        assert found["warm"]["frames"] == {"found": 3}
        assert found["warm"]["features"] == {"found": 3}
        rate = found["warm"]["samples_per_s"]
        assert found["warm"]["of_ready"] == pytest.approx(rate / found["ready_samples_per_s"])
    assert [file.name for file in tmp_path.iterdir()] == ["out"], "clips and caches are removed"


def test_what_reading_costs(tmp_path: Path) -> None:
    reading.main(reading.Settings(shape="tiny", device="cpu", dtype="float32", repeats=1, out=tmp_path))
    (path,) = tmp_path.glob("reading-*.json")
    found = json.loads(path.read_text("utf-8"))
    assert found["rows"] == 36
    assert found["logit_lens"]["seconds"] > 0


def test_a_checkpoint_of_a_size_is_loaded_and_swept(tmp_path: Path) -> None:
    sizes.main(sizes.Settings(size="tiny", device="cpu", repeats=1, scratch=tmp_path, out=tmp_path / "out"))
    (path,) = tmp_path.glob("out/size-tiny-cpu.json")
    found = json.loads(path.read_text("utf-8"))
    assert found["parameters"] == sum(weight.numel() for weight in tiny_model().hf.parameters())
    assert found["knockouts"] == 11 * 4
    assert not any(one.is_dir() and one.name != "out" for one in tmp_path.iterdir()), "weights are taken away"


@pytest.mark.parametrize(
    ("size", "billions"),
    [("llava-next-7b", 7.06), ("qwen3-vl-8b", 8.77), ("llava-next-13b", 13.35), ("llava-next-32b", 32.85)],
)
def test_sizes_are_those_of_the_checkpoints(
    size: Any, billions: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []
    tiny_folder(sizes.SIZES[size].family)  # is kept for other tests: with its weights
    monkeypatch.setattr("transformers.PreTrainedModel.save_pretrained", lambda hf, *_, **__: made.append(hf))
    sizes.write(sizes.SIZES[size], tmp_path / "made", torch.device("meta"))
    count = sum(weight.numel() for weight in made[0].parameters())
    assert count / 1e9 == pytest.approx(billions, abs=0.005)


def test_what_a_folder_of_many_samples_costs(tmp_path: Path) -> None:
    found = folders.measure(tmp_path / "run", 6, 2, report=False)
    assert found["rows"] == len(load_run(tmp_path / "run").table) == 6 * 6 * 32
    assert all(value >= 0 for name, value in found.items() if name.endswith(" s"))


def test_real_lengths() -> None:
    for name, length in (("llava-next-7b", 1267), ("llava-video-7b", 6372)):
        shape = shapes.SHAPES[name]
        newline = name == "llava-video-7b"
        rows = shape.system + shape.frames * shape.tokens + newline + shape.gap + shape.question + shape.tail
        assert rows == length


def test_operations_of_a_whole_recomputation_are_those_of_a_forward() -> None:
    """All rows but the first, from the first layer on: nearly the decoder's own forward."""
    model, prompt = shapes.build("tiny", CPU, torch.float32)
    flows = Flows(prompt.layout)
    # Cuts an edge of the second row, in the first layer.
    knockout = Knockout.of(Flow.parse("system -> system"), (1, 1))
    plan = make_plan(make_jobs(0, [knockout], flows, 4), [len(prompt)], 4)
    found, whole = cost.packed(model, plan, [flows]), cost.decoder(model, len(prompt), rows_of_logits=1)
    row, keys = cost.per_row(model)
    # In the last layer only one row asks, and the others give keys and values.
    n = len(prompt)
    spared = 4 * row + (n - 2) * (row - keys) + cost.attention(model, n * (n - 1) // 2)
    assert found == pytest.approx(whole - spared, rel=0.01)
    assert get_engine("incremental").outcomes(model, prompt, [knockout]).changed[0].p > 0


def test_an_unknown_work_is_refused() -> None:
    with pytest.raises(SystemExit, match="unknown: mtf"):
        knockouts.work_of("map", 4)


def test_what_leaving_saves(tmp_path: Path) -> None:
    acceleration.main(
        acceleration.Settings(
            shape="tiny", device="cpu", dtype="float32", repeats=1, exit_after=2, frame_local=1, tokens=2,
            out=tmp_path,
        )
    )  # fmt: skip
    (path,) = tmp_path.glob("acceleration-*.json")
    found = json.loads(path.read_text("utf-8"))["cases"]
    both = found["exit + frame-local"]
    assert both["prefill_s_ratio"] == pytest.approx(both["prefill_s"] / found["untouched"]["prefill_s"])
    rows, video = 60, 36
    assert both["kv_bytes_ratio"] == pytest.approx((4 * rows - 2 * video) / (4 * rows))
    assert found["untouched"]["attention_pairs"] == 4 * rows * (rows + 1) // 2
    assert len(both["prefill_all_s"]) == len(both["alike_all_s"]) == 3
    assert found["pathways alone"]["attention_pairs"] < found["untouched"]["attention_pairs"]
