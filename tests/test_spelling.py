"""What looks the same is the same, whichever of Unicode's forms it has."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import pytest

from workbench.spelling import nfc, spelled

NAMES = ["à la mer", "Ünï", "한국어", "Å"]


@pytest.mark.parametrize("name", NAMES)
def test_both_forms_are_one_text(name: str) -> None:
    composed, apart = (unicodedata.normalize(form, name) for form in ("NFC", "NFD"))
    assert composed != apart
    assert nfc(apart) == nfc(composed) == composed
    assert nfc("plain") == "plain"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("written", "asked"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_file_is_found_in_either_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, written: Any, asked: Any
) -> None:
    forms = {form: unicodedata.normalize(form, name) for form in (written, asked)}
    there = tmp_path / forms[written] / "in" / f"{forms[written]}.mp4"
    there.parent.mkdir(parents=True)
    there.write_bytes(b"x")
    wanted = tmp_path / forms[asked] / "in" / f"{forms[asked]}.mp4"
    assert spelled(wanted).read_bytes() == b"x"
    assert spelled(there) == there
    monkeypatch.chdir(tmp_path)
    assert spelled(wanted.relative_to(tmp_path)).read_bytes() == b"x"


def test_the_very_name_comes_first(tmp_path: Path) -> None:
    forms = [tmp_path / unicodedata.normalize(form, "é.mp4") for form in ("NFC", "NFD")]
    for path in forms:
        path.write_bytes(path.name.encode())
    for path in forms:
        assert spelled(path) == path


@pytest.mark.parametrize("name", ["gone", "gön/é.mp4", "é\0", "é" * 5000, "é/../à"])
def test_what_is_not_there_stays_as_it_is(tmp_path: Path, name: str) -> None:
    assert spelled(tmp_path / name) == tmp_path / name
    (tmp_path / "é").write_bytes(b"a file, not a folder")
    assert spelled(tmp_path / name) == tmp_path / name
