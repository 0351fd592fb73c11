"""A folder that cannot take results is refused before anything is computed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workbench.errors import RunError
from workbench.recipe.folders import check_folder


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a\0b", "has a NUL"),
        ("a\ud800b", "a character that no disk can hold"),
        ("x" * 256, "over 255 bytes"),
        (f"new/{'ä' * 128}/below", "over 255 bytes"),
    ],
)
def test_a_folder_that_cannot_be_is_refused(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=message):
        check_folder(tmp_path / name)
    check_folder(tmp_path / "new" / "below")
    assert not list(tmp_path.iterdir()), "nothing is made"


def test_a_folder_in_which_nothing_may_be_written_is_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
    with pytest.raises(RunError, match=f"nothing may be written into {tmp_path}"):
        check_folder(tmp_path / "new" / "below")
