"""Parts of a run: what is stored comes back, what is damaged does not."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pyarrow.parquet as pq
import pytest
from pandas.testing import assert_frame_equal

from workbench.errors import RunError
from workbench.runs import Skip, new_manifest
from workbench.runs.parts import PartStore
from workbench.runs.tables import schema_of


class Row(NamedTuple):
    name: str
    layer: int
    p: float
    right: bool


ROWS = [Row("a", 1, 0.5, True), Row("<é>", 2, float("nan"), False)]


def store(out: Path | None, **settings) -> PartStore:
    class Model:
        device = "cpu"

    return PartStore(out, new_manifest("test", {"x": 1, **settings}, Model()), schema_of(Row))


@pytest.mark.parametrize("folder", [True, False])
def test_parts_become_one_table(tmp_path: Path, folder: bool) -> None:
    with store(tmp_path / "run" if folder else None) as parts:
        made = [parts.part(ROWS), parts.part((), "broken: <b>é</b>"), parts.part(ROWS[:1])]
        for position, part in enumerate(made):
            parts.put(position, part)
        table = parts.finish("rows", made, [Skip("b", "", "broken")])
        assert table["name"].to_pylist() == ["a", "<é>", "a"]
        assert parts.manifest["finished"]
    if not folder:
        return
    assert_frame_equal(pd.read_parquet(tmp_path / "run" / "rows.parquet"), table.to_pandas())
    with store(tmp_path / "run") as parts:
        back = [parts.get(position) for position in range(4)]
        assert back[3] is None
        assert [part.skipped for part in back[:3] if part] == ["", "broken: <b>é</b>", ""]
        assert [part.table.num_rows for part in back[:3] if part] == [2, 0, 1]
        assert back[0] is not None
        assert back[0].table.schema.equals(schema_of(Row))


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not parquet at all"])
def test_a_damaged_part_is_as_good_as_none(tmp_path: Path, content: bytes) -> None:
    with store(tmp_path) as parts:
        parts.put(0, parts.part(ROWS))
        path = next((tmp_path / "shards").glob("part-*.parquet"))
        whole = path.read_bytes()
        path.write_bytes(content)
        assert parts.get(0) is None
        path.write_bytes(whole[: len(whole) // 2])
        assert parts.get(0) is None
        path.write_bytes(whole)
        assert parts.get(0) is not None


def test_a_part_of_another_table_is_not_taken(tmp_path: Path) -> None:
    with store(tmp_path) as parts:
        parts.put(0, parts.part(ROWS))
        names = pq.read_table(next((tmp_path / "shards").glob("*.parquet"))).select(["name"])
        pq.write_table(names, tmp_path / "shards" / "part-00000.parquet")
        assert parts.get(0) is None


def test_other_settings_and_a_second_writer_are_refused(tmp_path: Path) -> None:
    with store(tmp_path):
        with pytest.raises(RunError, match="Another process"):
            store(tmp_path).__enter__()
    with pytest.raises(RunError, match="y: nothing in the folder"):
        store(tmp_path, y=2).__enter__()
