"""Checkpoint folders: how authors' files become a model. A new format is a module and a line in
`recognition.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.lazy import lazily

if TYPE_CHECKING:
    from workbench.models.checkpoints.adapter import Adapter
    from workbench.models.checkpoints.folder import CheckpointFolder
    from workbench.models.checkpoints.formats import Format
    from workbench.models.checkpoints.locate import find
    from workbench.models.checkpoints.recognition import FORMATS, recognise

__all__ = ["FORMATS", "Adapter", "CheckpointFolder", "Format", "find", "recognise"]

__getattr__ = lazily(
    __name__,
    {
        "Adapter": "adapter",
        "CheckpointFolder": "folder",
        "Format": "formats",
        "find": "locate",
        "FORMATS": "recognition",
        "recognise": "recognition",
    },
)
