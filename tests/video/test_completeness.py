"""A file that was cut is told by its structure, and the error says how much of it is whole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.video.helpers import cut
from workbench.errors import ClipError
from workbench.video import read_clip
from workbench.video.completeness import find_cut

READERS = ["auto", "pyav", "decord"]
CUT_NAMES = [
    "index_last.mp4",
    "index_first.mp4",
    "pieces.mp4",
    "a.mkv",
    "a.webm",
    "mpeg4.avi",
    "h264.avi",
    "a.gif",
]


@pytest.mark.parametrize("name", CUT_NAMES)
def test_whole_files_show_no_cut(whole: dict[str, Path], name: str) -> None:
    assert find_cut(whole[name]) is None
    assert len(read_clip(whole[name], 24)) == 24


@pytest.mark.parametrize("fraction", [0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97, 0.99])
@pytest.mark.parametrize("name", CUT_NAMES)
def test_cut_files(whole: dict[str, Path], tmp_path: Path, name: str, fraction: float) -> None:
    path = cut(whole[name], tmp_path / name, fraction)
    messages = set()
    for reader in READERS:
        with pytest.raises(ClipError) as caught:
            read_clip(path, 1, reader=reader)  # type: ignore[arg-type]
        messages.add(str(caught.value))
    assert len(messages) == 1  # whoever reads
    message = messages.pop()
    assert message.startswith(f"{path}: ")
    assert "cut short" in message
    assert "Copy or download it again" in message
    found = re.search(r"(no|(?:the first )?(\d+)(?: of (\d+))?) frames? can be decoded", message)
    assert found is not None, message
    count = int(found[2] or 0)
    assert count <= 24
    if found[3] and name != "pieces.mp4":  # where each piece announces its own frames
        assert int(found[3]) == 24
    if fraction <= 0.3:
        assert count < 24


def test_the_count_of_a_cut_file_is_what_decodes(whole: dict[str, Path], tmp_path: Path) -> None:
    counts = []
    for fraction in (0.4, 0.6, 0.8):
        path = cut(whole["index_first.mp4"], tmp_path / "a.mp4", fraction)
        with pytest.raises(ClipError, match=r"its mdat box should end at byte") as caught:
            read_clip(path)
        found = re.search(r"(\d+) of 24 frames", str(caught.value))
        assert found is not None
        counts.append(int(found[1]))
    assert 0 < counts[0] < counts[1] < counts[2] < 24
