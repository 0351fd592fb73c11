"""Stores: in a folder, or nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.runs.test_folder import RECORDS, SCHEMA, manifest
from workbench.errors import RunError
from workbench.runs.finals import joined
from workbench.runs.store import MemoryStore, holds_run


def test_in_memory_nothing_is_kept_but_the_run_ends() -> None:
    with MemoryStore(manifest(), 2) as kept:
        kept.put(0, RECORDS[0])
        assert kept.stored() == [None, None]
        kept.finish(joined(RECORDS, SCHEMA))
        assert kept.manifest["finished"]


def test_only_a_folder_with_a_manifest_holds_a_run(tmp_path: Path) -> None:
    assert not holds_run(tmp_path)
    assert not holds_run(None)
    (tmp_path / "manifest.json").write_text("{}")
    assert holds_run(tmp_path)
    assert holds_run(str(tmp_path))


@pytest.mark.parametrize("out", [5, b"runs", ["runs"]])
def test_an_out_that_names_no_folder_is_refused(out: Any) -> None:
    with pytest.raises(RunError, match="give the name of a folder"):
        holds_run(out)
