"""The embedded model: a small world of clips, and a Video-LLM trained on it that ships with the project."""

from __future__ import annotations

from pathlib import Path

from workbench.errors import ModelError, near_matches

_WEIGHTS = Path(__file__).parent / "weights"


def checkpoints() -> tuple[str, ...]:
    """Names of the shipped checkpoints, as `load("mini/NAME")` takes them."""
    return tuple(sorted(folder.name for folder in _WEIGHTS.iterdir() if folder.is_dir()))


def checkpoint(name: str) -> Path:
    """Folder of a shipped checkpoint: "video-ft", or "image", which has only seen single pictures.

    Raises ModelError for another name.
    """
    if name not in checkpoints():
        raise ModelError(
            f'There is no embedded model "mini/{name}". There are '
            + " and ".join(f'"mini/{known}"' for known in checkpoints())
            + f".{near_matches(name, checkpoints())}"
        )
    return _WEIGHTS / name
