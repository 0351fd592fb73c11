"""One shape for every message about a clip."""

from __future__ import annotations

from pathlib import Path

from workbench.errors import ClipError


def clip_error(path: Path, cause: str, remedy: str) -> ClipError:
    """Names the file, what is wrong with it and what to do."""
    return ClipError(f"{path}: {cause}. {remedy}")
