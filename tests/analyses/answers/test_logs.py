"""Logs in the form of lmms-eval 0.7, of every benchmark: each line finds its sample, or says why not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.data.benchmarks import (
    Benchmark,
    egoschema,
    longvideobench,
    minimal_pairs,
    mvbench,
    tomato,
    tvbench,
    videomme,
    vinoground,
)
from workbench.analyses.answers.logs import from_logs
from workbench.data import Sample, Samples
from workbench.errors import RunError, SampleError


def metrics(name: str, sample: Sample, text: str) -> dict[str, Any]:
    """What the task's process_results adds to a line: what names a question, where anything does."""
    own = sample.id.partition("/")[2]
    pair, _, sign = own.partition("_")
    return {
        "mvbench": {"mvbench_accuracy": {"pred_answer": text, "gt_answer": "A", "score": 1}},
        "videomme": {"videomme_perception_score": {"question_id": own, "videoID": sample.video.stem}},
        "egoschema": {"submission": {sample.video.stem: 0}, "score": {"pred": 0, "ground_truth": 0}},
        "tomato": {"tomato_score": {"question_id": own, "score": 1.0}},
        "longvideobench": {"lvb_acc": {"id": own, "answer": "A"}, "submission": {own: text}},
        "vinoground": {
            "vinoground_score": {"index": f"{pair}_{sign}", "question_type": sample.task, "pred": text}
        },
        "mvp_mini": {"pair_accuracy": {"video_id": own, "rating": 1}},
    }.get(name, {"tvbench_acc": 1.0})


TASKS = {"tvbench": "tvbench_{}", "mvbench": "mvbench_{}", "mvp_mini": "mvp_mini_{}"}
"""Names of lmms-eval's tasks, where there is one for each of ours; else one has all."""


def write_log(folder: Path, name: str, samples: list[Sample], answer: str | None = None) -> list[Path]:
    """A file a task; the true letters, or `answer`."""
    folder.mkdir(exist_ok=True)
    files: dict[Path, list[dict[str, Any]]] = {}
    for sample in samples:
        task = TASKS.get(name, name).format(sample.task)
        lines = files.setdefault(folder / f"20261126_120000_samples_{task}.jsonl", [])
        options = "".join(
            f"\n{letter}. {text}" for letter, text in zip("ABCDE", sample.options, strict=False)
        )
        said = sample.true_letter if answer is None else answer
        number = sample.place if "{}" in TASKS.get(name, "") else len(lines)
        lines.append(
            {
                "doc_id": number,
                "target": "A",
                "filtered_resps": said,
                "token_counts": [None],
                "doc_hash": "74b29e",
                "input": f"{sample.question}{options}\nAnswer with the letter.",
                **metrics(name, sample, str(said)),
            }
        )
    for file, lines in files.items():
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return sorted(files)


def load(benchmark: Benchmark, root: Path) -> Samples:
    return benchmark.load(benchmark.write(root))


@pytest.mark.parametrize(
    "made", [tvbench, mvbench, videomme, egoschema, tomato, longvideobench, vinoground, minimal_pairs]
)
def test_every_line_finds_its_sample(made, tmp_path) -> None:
    samples = load(made(), tmp_path / "data")
    known = [sample for sample in samples if sample.true_letter]
    found = from_logs(samples, write_log(tmp_path / "logs", samples.name, known))
    assert [one.id for one in found.samples] == [one.id for one in known]
    assert found.texts == {one.id: one.true_letter for one in known}
    assert not len(found.unmatched)
    assert found.accuracy is not None
    assert set(found.accuracy.table["accuracy_percent"]) == {100.0}
    assert {dict(one.facets)["logged"] for one in found.samples} == {"right"}
    expected = {"mvp_mini": "lmms_mvp"}.get(samples.name, f"lmms_{samples.name}")
    assert found.accuracy.manifest["settings"]["scoring"] == expected


def twins() -> Benchmark:
    """Three questions in the same words, told apart by their place only."""
    benchmark = tvbench()
    for row in benchmark.rows:
        row["question"] = "Which way?"
    return benchmark


def test_questions_in_the_same_words_are_told_apart_by_their_number(tmp_path) -> None:
    samples = load(twins(), tmp_path / "data")
    asked = [samples[2], samples[0]]
    found = from_logs(samples, write_log(tmp_path / "logs", "tvbench", asked))
    assert [one.id for one in found.samples] == [samples[0].id, samples[2].id]


def test_the_only_one_left_is_not_taken_for_another(tmp_path) -> None:
    """Its twins' clips are gone: the log's question 0 is not question 2, though the words are the same."""
    samples = load(twins(), tmp_path / "data")
    logs = write_log(tmp_path / "logs", "tvbench", [samples[0], samples[2]])
    left = samples.filter(lambda one: one.place == 2)
    found = from_logs(left, logs)
    assert [one.place for one in found.samples] == [2]
    assert found.unmatched["reason"].tolist() == ["question 0 of the task is not among the samples"]


def test_what_was_wrong_there_is_marked(tmp_path) -> None:
    samples = load(tvbench(), tmp_path / "data")
    found = from_logs(samples, write_log(tmp_path / "logs", "tvbench", list(samples), answer="A. left"))
    assert {dict(one.facets)["logged"] for one in found.samples} == {"wrong"}
    assert found.samples.fingerprint != samples.fingerprint


def test_lines_without_an_answer_are_no_answers(tmp_path) -> None:
    samples = load(tvbench(), tmp_path / "data")
    (log,) = write_log(tmp_path / "logs", "tvbench", list(samples))
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    lines[0]["filtered_resps"] = [[-1.5, False]]  # likelihoods
    lines[1]["filtered_resps"] = [["B"]]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = from_logs(samples, log)
    assert len(found.samples) == 3
    assert set(found.texts) == {samples[1].id, samples[2].id}
    assert dict(found.samples[0].facets)["logged"] == "none"


def test_other_files_are_refused(tmp_path) -> None:
    samples = load(tvbench(), tmp_path / "data")
    with pytest.raises(SampleError, match="is no log of lmms-eval"):
        from_logs(samples, tmp_path / "none_samples_x.jsonl")
    other = tmp_path / "2026_samples_tvbench.jsonl"
    other.write_text('{"question": "x"}\n')
    with pytest.raises(SampleError, match=r"line 1 of .*a log of lmms-eval"):
        from_logs(samples, other)
    other.write_text('{"doc_id": 0, "input": "Something else?"}\n')
    with pytest.raises(RunError, match=r"No line .* no sample has its question and options"):
        from_logs(samples, other)
    other.write_text("")
    with pytest.raises(RunError, match="they are empty"):
        from_logs(samples, other)


def test_a_second_line_for_a_sample_is_listed(tmp_path) -> None:
    samples = load(tvbench(), tmp_path / "data")
    (log,) = write_log(tmp_path / "logs", "tvbench", list(samples))
    found = from_logs(samples, [log, log])
    assert len(found.samples) == 3
    assert found.unmatched["reason"].str.contains("has a line already").tolist() == [True] * 3
