"""EgoSchema as the hub's copies and as its authors have it."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.data.benchmarks import egoschema
from workbench.data import samples
from workbench.errors import SampleError


def test_the_subset_has_answers_and_the_whole_has_few(tmp_path: Path) -> None:
    made = egoschema()
    root = made.write(tmp_path / "set")
    (root / "MC").mkdir()
    rows = [{**row, "answer": "None"} for row in made.rows]
    pq.write_table(pa.Table.from_pylist(rows), root / "MC" / "test-00000-of-00001.parquet")
    found = samples("egoschema", root=root)
    assert [sample.id for sample in found] == ["subset/u0", "subset/u1", "subset/u2"]
    assert found[0].options == tuple(f"aim {letter}" for letter in "ABCDE")
    assert {sample.answer for sample in found} == {3}
    whole = samples("egoschema", root=root, tasks="full")
    assert [sample.id for sample in whole] == ["full/u0", "full/u1", "full/u2"]
    assert {sample.answer for sample in whole} == {None}
    (root / "Subset" / "test-00000-of-00001.parquet").unlink()
    assert samples("egoschema", root=root).tasks == ("full",), "all that is there"


def test_the_authors_files(tmp_path: Path) -> None:
    root = egoschema().write(tmp_path / "set")
    questions = [
        {"q_uid": f"u{n}", "google_drive_id": "x", "question": f"Why, {n}?"}
        | {f"option {at}": f"aim {at}" for at in range(5)}
        for n in range(2)
    ]
    (root / "questions.json").write_text(json.dumps(questions), "utf-8")
    (root / "subset_answers.json").write_text(json.dumps({"u1": 4, "gone": 0}), "utf-8")
    found = samples("egoschema", root=root)
    assert [(sample.id, sample.answer) for sample in found] == [("subset/u1", 4)]
    whole = samples("egoschema", root=root, tasks=["full"])
    assert [(sample.id, sample.answer) for sample in whole] == [("full/u0", None), ("full/u1", 4)]
    (root / "subset_answers.json").write_text("[]", "utf-8")
    with pytest.raises(SampleError, match="not answers by id"):
        samples("egoschema", root=root)


@pytest.mark.parametrize("id", [["u1"], {"u1": 1}, 7, None, ""])
def test_an_id_of_the_authors_files_that_is_no_text_costs_its_entry(id: object, tmp_path: Path) -> None:
    root = egoschema().write(tmp_path / "set")
    rows = [
        {"q_uid": uid, "question": "Why?"} | {f"option {at}": f"aim {at}" for at in range(5)}
        for uid in (id, "u1")
    ]
    (root / "questions.json").write_text(json.dumps(rows), "utf-8")
    found = samples("egoschema", root=root, tasks="full")
    assert [sample.id for sample in found] == ["full/u1"]
    assert len(found.skipped) == 1
