"""Files from outside end in a value or in one clear error."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import BaseModel, Field

from workbench.errors import RunError, WorkbenchError, printable
from workbench.foreign import parse_json, read_bytes, read_json, validated


class Settings(BaseModel):
    layers: int = Field(ge=0, lt=2**31)
    name: str


def test_a_file_gives_what_it_holds_with_or_without_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(b"\xef\xbb\xbf" + '{"name": "für"}'.encode())
    assert read_json(file, error=RunError) == {"name": "für"}


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"[" * 200_000, "deep"),
        (b'{"a":' * 200_000, "deep"),
        (b'{"a": ', "not JSON"),
        (b"", "not JSON"),
        (b'"\xff"', "UTF-8"),
        (b"9" * 5_000, "not JSON"),
    ],
)
def test_what_is_not_json_is_named(tmp_path: Path, content: bytes, word: str) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(content)
    with pytest.raises(RunError, match=word) as caught:
        read_json(file, error=RunError)
    assert str(file) in str(caught.value)


def test_a_file_is_measured_before_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "sparse.json"
    with open(file, "wb") as made:
        made.truncate(2**40)  # takes no room on the disk
    with pytest.raises(RunError, match="1,099,511,627,776 bytes"):
        read_bytes(file, error=RunError)


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (tmp_path, pipe, tmp_path / "none", f"{tmp_path}/nul\0", tmp_path / ("x" * 300), "/dev/zero"):
        with pytest.raises(RunError):
            read_bytes(path, error=RunError)


def test_a_schema_says_which_field_what_came_and_what_is_allowed() -> None:
    assert validated(Settings, {"layers": 3, "name": "a"}, source="x", error=RunError).layers == 3
    for value, words in [
        ({"layers": -1, "name": "a"}, ("layers", "greater than or equal to 0", "-1")),
        ({"layers": 2**70, "name": "a"}, ("layers",)),
        ({"name": "a"}, ("layers", "required")),
        (None, ("it",)),
        ({"layers": "many", "name": None}, ("layers", "'many'", "1 more")),
    ]:
        with pytest.raises(RunError) as caught:
            validated(Settings, value, source="manifest.json", error=RunError)
        assert all(word in str(caught.value) for word in ("manifest.json", *words))


def test_text_is_read_as_bytes_are() -> None:
    assert parse_json('{"a": 1}', source="x", error=RunError) == {"a": 1}


def test_no_error_moves_the_cursor_of_a_terminal() -> None:
    hostile = "a\x1b[2Jb\x07\r\x9bc\u202ed\ne\tf"
    assert printable(hostile) == r"a\x1b[2Jb\x07\r\x9bc\u202ed" + "\ne\tf"
    assert str(WorkbenchError(hostile)) == printable(hostile)
    assert printable("für → ok") == "für → ok"


def test_nesting_is_bounded_far_below_what_python_can_print() -> None:
    deep = "[" * 100 + "]" * 100
    assert parse_json(deep, source="a.json", error=RunError)
    for text in (f"[{deep}]", '{"a":' * 101 + "0" + "}" * 101, "[" * 900 + "]" * 900):
        with pytest.raises(RunError, match=r"a\.json is nested too deeply: at most 100 levels"):
            parse_json(text, source="a.json", error=RunError)
