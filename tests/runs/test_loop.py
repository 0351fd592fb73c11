"""The loop: what is stored is not measured again, groups stay whole, and nothing is lost on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pandas.testing import assert_frame_equal

from tests.analyses.stand_in import StandInModel, questions
from tests.runs.test_encoding import Counting
from tests.runs.test_legacy import write_part
from tests.runs.test_measurement import Length, Lengths
from workbench.errors import PromptError, RunError
from workbench.runs import Measured, Record, ThisProcess, measure_samples, table_of
from workbench.runs.tables import schema_of


def lengths(samples: Any = None, out: Path | None = None, **more: Any) -> Measured:
    model: Any = more.pop("model", StandInModel())
    what = more.pop("what", Lengths())
    return measure_samples(model, questions(*[0] * 5) if samples is None else samples, what, out=out, **more)


@dataclass
class Backwards(ThisProcess):
    """Gives the last group first, and says which were asked for."""

    asked: list[list[int]]

    def run(self, job: Any, groups: Any, on_done: Any) -> Iterator[Mapping[int, Record]]:
        groups = [list(group) for group in groups]
        self.asked += groups
        yield from reversed(list(ThisProcess().run(job, groups, on_done)))


def test_the_table_is_in_the_order_of_the_samples_whoever_measures(tmp_path: Path) -> None:
    plain, stored = lengths(), lengths(out=tmp_path, executor=Backwards([]))
    assert plain.table["sample_id"].tolist() == [f"direction/{n}" for n in range(5)]
    assert_frame_equal(plain.table, stored.table)
    assert stored.folder == tmp_path
    assert (tmp_path / "lengths.parquet").exists()
    assert not (tmp_path / "samples.parquet").exists()
    assert plain.samples.empty


def test_a_group_that_misses_a_record_is_measured_whole_and_no_other_is(tmp_path: Path) -> None:
    whole = lengths(out=tmp_path)
    (tmp_path / "shards" / "sample-00003.json").unlink()
    before = (tmp_path / "shards" / "sample-00002.json").stat().st_mtime_ns
    executor = Backwards([])
    again = lengths(out=tmp_path, executor=executor)
    assert executor.asked == [[2, 3]]
    assert (tmp_path / "shards" / "sample-00002.json").stat().st_mtime_ns == before
    assert_frame_equal(again.table, whole.table)


def test_a_finished_run_neither_reads_nor_encodes(tmp_path: Path) -> None:
    whole, model = lengths(out=tmp_path), Counting()
    assert_frame_equal(lengths(out=tmp_path, model=model).table, whole.table)
    assert (model.read, model.encoded) == ([], [])


def test_a_run_reads_every_clip_once(tmp_path: Path) -> None:
    model = Counting()
    lengths(model=model)
    assert sorted(model.read) == [f"{n}.mp4" for n in range(5)]
    assert len(model.encoded) == 5


def test_a_run_that_an_older_version_began_goes_on(tmp_path: Path) -> None:
    samples = questions(*[0] * 5, broken=(1,))
    whole = lengths(samples, out=tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text("utf-8"))
    del manifest["settings_sha256"]
    (tmp_path / "manifest.json").write_text(json.dumps({**manifest, "finished": None}))
    for path in [*(tmp_path / "shards").iterdir(), tmp_path / "lengths.parquet"]:
        path.unlink()
    for position, reason in ((0, ""), (1, "its clip was broken")):
        rows = table_of(() if reason else [Length("direction/0", 7)], schema_of(Length))
        write_part(tmp_path, position, reason, rows)
    executor = Backwards([])
    again = lengths(samples, out=tmp_path, executor=executor)
    assert executor.asked == [[2, 3], [4]]
    assert again.table["rows"].tolist() == [7, 10, 10, 10], "what was stored counts"
    assert again.table["sample_id"].tolist() == whole.table["sample_id"].tolist()
    assert again.skipped.to_dict("records") == [
        {"sample_id": "direction/1", "flow": "", "reason": "its clip was broken"}
    ]


def test_the_prompts_that_were_measured_can_be_had() -> None:
    prompts: dict[str, Any] = {}
    lengths(questions(0, 0, 0, broken=(1,)), prompts=prompts)
    assert list(prompts) == ["direction/0", "direction/2"]


@pytest.mark.parametrize("samples", [questions(0, 0, broken=(0, 1)), []])
def test_samples_of_which_none_can_be_used_are_refused_before_anything_is_written(
    tmp_path: Path, samples: Sequence[Any]
) -> None:
    with pytest.raises(RunError, match=r"None of the 2 samples can be used|There are no samples"):
        lengths(samples, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_samples_of_which_none_could_be_measured_are_refused() -> None:
    with pytest.raises(RunError, match=r"None of the 1 samples can be used.*direction/0: it has no length"):
        lengths(questions(0), what=Lengths(unusable="direction/0"))


def test_what_is_counted_to_a_frame_is_a_setting_of_the_run(tmp_path: Path) -> None:
    """Other separators give other numbers: the manifest has them, and another choice is another run."""
    lengths(out=tmp_path)
    assert json.loads((tmp_path / "manifest.json").read_text())["settings"]["separators"] == "video"
    assert len(lengths(out=tmp_path, separators="video").table) == 5
    with pytest.raises(RunError, match=r'separators: "video" in the folder, "frame" asked for'):
        lengths(out=tmp_path, separators="frame")
    with pytest.raises(PromptError, match="write 'video' or 'frame'"):
        lengths(separators="frames")


def test_separators_reach_the_prompts_of_a_run() -> None:
    class Asks(StandInModel):
        def encode(self, sample: Any, **how: Any) -> Any:
            asked.append(how["separators"])
            return super().encode(sample, **how)

    asked: list[Any] = []
    lengths(model=Asks(), separators="frame")
    assert asked == ["frame"] * 5
