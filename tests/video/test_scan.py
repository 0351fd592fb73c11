"""What one pass over a file finds out about its frames."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.video.helpers import needs_decord, numbers
from tests.video.irregular import IRREGULAR, many_groups, open_h264
from workbench.errors import ClipError
from workbench.video import Uniform, read_clip
from workbench.video.scan import Picture, open_container, scan_packets, scan_pictures, video_stream


@needs_decord
@pytest.mark.parametrize("make", [make for make, _ in IRREGULAR if make not in (many_groups, open_h264)])
def test_decord_is_kept_from_files_that_it_misnumbers(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    path = make(tmp_path)
    with pytest.raises(ClipError, match=rf"{path.name}: decord cannot be used: .*decord is not exact"):
        read_clip(path, reader="decord")
    assert read_clip(path).reader == "pyav"


def test_packets_that_lie_are_found_out(clips: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a packet's picture never comes, the file is decoded once more to find its frames."""
    from workbench.video import scan

    real = scan.scan_packets

    def with_ghosts(*arguments: Any) -> Any:
        found = real(*arguments)
        return found._replace(pts=sorted(found.pts + [pts + 1 for pts in found.pts]))

    monkeypatch.setattr("workbench.video.index.scan_packets", with_ghosts)
    clip = read_clip(clips["h264.mp4"], Uniform(24), reader="pyav")
    assert numbers(clip.frames) == list(range(24))


@pytest.mark.parametrize("name", ["h264.mp4", "hevc.mkv", "vp9.webm", "mpeg4.avi"])
def test_packets_tell_what_pictures_tell(clips: dict[str, Path], name: str) -> None:
    scans = []
    for scan in (scan_packets, scan_pictures):
        with open_container(clips[name]) as container:
            stream = video_stream(container)
            assert stream is not None
            scans.append(scan(container, stream))
    packets, pictures = scans
    assert packets.picture == pictures.picture == Picture(height=96, width=128, quarter_turns=0)
    assert len(packets.pts) == len(pictures.pts) == packets.n_packets == 24
    assert packets.keys[0] == packets.pts[0]
    assert [packets.irregular, packets.uncountable, packets.damaged, pictures.damaged] == [None] * 4
