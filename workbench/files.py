"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path | str, content: bytes | str) -> Path:
    """Write a file so that a reader sees the old content or the new, never a part of one; gives its path.

    Text is written as UTF-8. The folder is made where it does not exist. Raises OSError.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.tmp")
    unfinished.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    os.replace(unfinished, path)
    return path
