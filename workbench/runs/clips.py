"""Which clip a sample's numbers are of: its content, wherever it lies.

A clip may be moved, and a whole data set with it; one that is replaced under the same name is another. To
read every clip again on each start would take long (`workbench.contents`), so what a clip was at its path, by
size and time of change, is kept beside its sha256.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from workbench.contents import absolute, content_of, stamp_of


class ClipIdentity(NamedTuple):
    """A clip as it was when its sample was measured."""

    path: str
    """Where it lay, absolute."""
    stamp: str
    """Size and time of the last change, of each picture in a folder; empty where there was nothing."""
    sha256: str
    """Of its content; empty where there was nothing to read."""

    def is_still(self, video: Path) -> bool | None:
        """Whether the clip at `video` is this one; None where nothing lies there and this lay elsewhere."""
        path, stamp = absolute(video), stamp_of(video)
        if not stamp:
            return True if path == self.path else None
        if (path, stamp) == (self.path, self.stamp):
            return True
        return content_of(video, stamp) == self.sha256 if self.sha256 else False


def identify(video: Path) -> ClipIdentity:
    """The identity of the clip that lies at `video`."""
    stamp = stamp_of(video)
    return ClipIdentity(absolute(video), stamp, content_of(video, stamp) if stamp else "")
