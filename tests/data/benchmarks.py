"""Tiny data sets in the exact format of each benchmark, written on the spot, with clips of a few frames.

Each has two usable questions of two tasks at least. `rows` are the entries of its main annotation file, which
tests damage one way or another before it is written.
"""

from __future__ import annotations

import csv
import functools
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.data import Samples, samples
from workbench.video import write_clip

Row = dict[str, Any]


@functools.cache
def clip_bytes(folder: str) -> bytes:
    """A film of twelve frames, at 10 a second."""
    path = Path(folder) / "film.mp4"
    frames = np.zeros((12, 32, 48, 3), np.uint8)
    for number in range(12):
        frames[number, :, 4 * number : 4 * number + 4] = 200
    write_clip(path, frames, fps=10)
    return path.read_bytes()


@dataclass(kw_only=True)
class Benchmark:
    """A data set before it lies on the disk."""

    name: str
    """As `samples` takes it."""
    rows: list[Row]
    file: str
    """The annotation file that `rows` are written to."""
    clips: tuple[str, ...]
    beside: dict[str, str | bytes] = field(default_factory=dict)
    """Further files."""
    video: str = "video"
    """The field that names a clip."""
    question: str = "question"
    options: str | None = "options"
    answer: str = "answer"
    keyed: bool = False
    """The rows are the values of an object, not a list."""
    bad_answers: tuple[Any, ...] = ("no such option",)
    loaded: Callable[[Path], Samples] | None = None

    def write(self, root: Path, content: bytes | None = None) -> Path:
        """Put it into a folder; `content` takes the place of what the annotation file would hold."""
        film = clip_bytes(str(root.parent))
        for clip in self.clips:
            path = root / clip
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(film)
        for name, text in self.beside.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode() if isinstance(text, str) else text)
        path = root / self.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.content() if content is None else content)
        return root

    def content(self) -> bytes:
        """What the annotation file holds."""
        if self.file.endswith(".parquet"):
            sink = io.BytesIO()
            pq.write_table(pa.Table.from_pylist(self.rows), sink)
            return sink.getvalue()
        if self.file.endswith(".csv"):
            text = io.StringIO()
            table = csv.DictWriter(text, list(dict.fromkeys(key for row in self.rows for key in row)))
            table.writeheader()
            table.writerows(self.rows)
            return text.getvalue().encode()
        if self.file.endswith(".jsonl"):
            return "".join(json.dumps(row) + "\n" for row in self.rows).encode()
        body: Any = {str(number): row for number, row in enumerate(self.rows)} if self.keyed else self.rows
        return json.dumps(body).encode()

    def load(self, root: Path, **more: Any) -> Samples:
        if self.name == "table":
            return samples(root / self.file, **more)
        return samples(self.name, root=root, **more)


def tvbench() -> Benchmark:
    rows = [
        {
            "video": f"{n}.mp4",
            "question": f"Which way, {n}?",
            "candidates": ["left", "right"],
            "answer": "right",
        }
        for n in range(3)
    ]
    return Benchmark(
        name="tvbench", rows=rows, file="json/moving_direction.json", options="candidates",
        clips=tuple(f"video/moving_direction/{n}.mp4" for n in range(3)),
    )  # fmt: skip


def mvbench() -> Benchmark:
    rows = [
        {
            "video": f"{n}.mp4", "question": f"What next, {n}?", "candidates": ["sat", "ran", "ate"],
            "answer": "ran", "start": 0.2, "end": 1.0,
        }
        for n in range(3)
    ]  # fmt: skip
    return Benchmark(
        name="mvbench", rows=rows, file="json/action_sequence.json", options="candidates",
        clips=tuple(f"video/star/Charades_v1_480/{n}.mp4" for n in range(3)),
    )  # fmt: skip


def tomato() -> Benchmark:
    rows = [
        {
            "question": f"How often, {n}?", "options": ["1", "2", "3"], "answer": 1, "key": f"k{n}",
            "motion_type": "spin", "demonstration_type": "human", "variation": {}, "note": "",
        }
        for n in range(3)
    ]  # fmt: skip
    return Benchmark(
        name="tomato", rows=rows, file="data/count.json", keyed=True, video="key",
        clips=tuple(f"videos/human/k{n}.mp4" for n in range(3)), bad_answers=(7, -2, 1.5),
    )  # fmt: skip


def videomme() -> Benchmark:
    rows = [
        {
            "video_id": f"{n:03d}", "duration": "short", "domain": "Knowledge", "sub_category": "Law",
            "url": "", "videoID": f"v{n}", "question_id": f"{n:03d}-1", "task_type": "Temporal Reasoning",
            "question": f"Why, {n}?", "options": ["A. so.", "B. thus.", "C. no.", "D. yes."], "answer": "B",
        }
        for n in range(3)
    ]  # fmt: skip
    srt = (
        '1\n00:00:00,000 --> 00:00:00,500\n<font color="white" size=".72c">first words</font>\n\n'
        "2\n00:00:00,600 --> 00:00:09,000\nlast words\n"
    )
    return Benchmark(
        name="videomme", rows=rows, file="videomme/test-00000-of-00001.parquet", video="videoID",
        clips=("data/v0.mp4", "data/v1.MP4", "data/v2.mkv"), beside={"subtitle/v0.srt": srt},
        bad_answers=("E", "thus.", "AB"),
    )  # fmt: skip


def egoschema() -> Benchmark:
    rows = [
        {
            "question_idx": str(n), "question": f"What for, {n}?", "video_idx": f"u{n}",
            "option": [f"{letter}. aim {letter}" for letter in "ABCDE"], "answer": "3",
        }
        for n in range(3)
    ]  # fmt: skip
    return Benchmark(
        name="egoschema", rows=rows, file="Subset/test-00000-of-00001.parquet", video="video_idx",
        options="option", clips=tuple(f"videos/u{n}.mp4" for n in range(3)), bad_answers=("5", "D", "1.0"),
    )  # fmt: skip


def longvideobench() -> Benchmark:
    rows = [
        {
            "video_id": f"y{n}", "id": f"y{n}_0", "video_path": f"y{n}.mp4", "subtitle_path": f"y{n}_en.json",
            "question": f"Who, {n}?", "candidates": ["he", "she", "it"], "correct_choice": 2,
            "duration": 1.2, "duration_group": 15, "question_category": "S2E", "topic_category": "life",
            "level": "L1-Perception", "starting_timestamp_for_subtitles": 0.0,
        }
        for n in range(3)
    ]  # fmt: skip
    said = json.dumps([{"timestamp": [0.0, 0.5], "text": "hello"}, {"timestamp": [0.6, None], "text": "bye"}])
    clock = json.dumps([{"start": "00:00:00.0", "end": "00:00:02.5", "line": "all along"}])
    return Benchmark(
        name="longvideobench", rows=rows, file="lvb_val.json", video="video_path", options="candidates",
        answer="correct_choice", clips=tuple(f"videos/y{n}.mp4" for n in range(3)),
        beside={"subtitles/y0_en.json": said, "subtitles/y1_en.json": clock, "subtitles/y2_en.json": said},
        bad_answers=(3, -2, "she"),
    )  # fmt: skip


def vinoground() -> Benchmark:
    rows = [
        {
            "idx": f"{n}_{sign}", "video_name": f"vinoground_videos/{n}_{sign}.mp4",
            "question": f"Which caption best describes this video?\nA. a {n} before b.\nB. b before a {n}.",
            "GT": "A" if sign == "pos" else "B",
        }
        for n in range(2)
        for sign in ("pos", "neg")
    ]  # fmt: skip
    both = [
        {
            "idx": f"{n}_{sign}", "video_name": f"vinoground_videos_concated/{n}.mp4",
            "question": f"Which video matches: a before b {n}?\nA. First video.\nB. Second video.",
            "GT": "A" if sign == "pos" else "B",
        }
        for n in range(2)
        for sign in ("pos", "neg")
    ]  # fmt: skip
    table = "index,major,minor\n0_pos_text,action,cyclical\n1_pos_text,object,\n"
    return Benchmark(
        name="vinoground", rows=rows, file="vinoground_videos/vinoground_textscore.json", video="video_name",
        options=None, answer="GT",
        clips=(
            *(f"vinoground_videos/{n}_{sign}.mp4" for n in range(2) for sign in ("pos", "neg")),
            *(f"vinoground_videos_concated/{n}.mp4" for n in range(2)),
        ),
        beside={
            "vinoground_videos_concated/vinoground_videoscore.json": json.dumps(both),
            "vinoground.csv": table,
        },
        bad_answers=("C", "", "pos"),
    )  # fmt: skip


def minimal_pairs() -> Benchmark:
    rows = [
        {
            "video_id": f"p{n}_{side}", "video_path": f"/clevrer/p{n}_{side}.mp4", "source": "clevrer",
            "question": f"Does it hit, {n}?", "candidates": ["yes", "no"],
            "answer": "yes" if side else "no",
        }
        for n in range(2)
        for side in (0, 1)
    ]  # fmt: skip
    return Benchmark(
        name="mvp_mini", rows=rows, file="temporal_reasoning/mini-00000-of-00001.parquet", video="video_path",
        options="candidates", clips=tuple(f"clevrer/p{n}_{side}.mp4" for n in range(2) for side in (0, 1)),
    )  # fmt: skip


def table(ending: str) -> Callable[[], Benchmark]:
    def made() -> Benchmark:
        rows: list[Row] = [
            {
                "video": f"clips/{n}.mp4", "question": f"Where, {n}?", "options": "here|there",
                "answer": "there", "task": "places", "facet_source": "mine",
            }
            for n in range(3)
        ]  # fmt: skip
        if ending != "csv":
            rows = [{**row, "options": ["here", "there"]} for row in rows]
        return Benchmark(
            name="table", rows=rows, file=f"mine.{ending}", clips=tuple(f"clips/{n}.mp4" for n in range(3))
        )

    return made


BENCHMARKS: dict[str, Callable[[], Benchmark]] = {
    "tvbench": tvbench,
    "mvbench": mvbench,
    "tomato": tomato,
    "videomme": videomme,
    "egoschema": egoschema,
    "longvideobench": longvideobench,
    "vinoground": vinoground,
    "mvp_mini": minimal_pairs,
    "table.csv": table("csv"),
    "table.jsonl": table("jsonl"),
    "table.parquet": table("parquet"),
}
