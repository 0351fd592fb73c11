"""Authors' own formats, which are converted once. A new one is a module and a line here."""

from __future__ import annotations

from workbench.errors import ModelError
from workbench.models.checkpoints.folder import CheckpointFolder
from workbench.models.checkpoints.originals.internvl_chat import InternVLChat
from workbench.models.checkpoints.originals.llava import Llava
from workbench.models.checkpoints.originals.original import Becomes, Original, Shapes
from workbench.models.checkpoints.originals.pllava import LlavaNext, Pllava
from workbench.models.checkpoints.originals.videollama3 import VideoLLaMA3

ORIGINALS: tuple[Original, ...] = (Llava(), Pllava(), LlavaNext(), InternVLChat(), VideoLLaMA3())

_AMBIGUOUS = ("llava",)
"""model_types that unlike formats share."""


def original_of(folder: CheckpointFolder) -> Original | None:
    """The authors' format of a folder; None where it is none that is known.

    Raises ModelError where config and weights contradict each other, or say too little to tell formats apart.
    """
    for original in ORIGINALS:
        if original.recognises(folder):
            return original
    if folder.config.get("model_type") in _AMBIGUOUS:
        formats = "; ".join(
            f"{', '.join(sorted(original.architectures))} ({original.name} format)" for original in ORIGINALS
        )
        raise ModelError(
            f"{folder.path / 'config.json'}: several formats call themselves "
            f"{folder.config['model_type']!r}, and architectures = "
            f"{folder.config.get('architectures')!r:.80} is "
            f"none of those that are known: {formats}. LLaVA-1.5 sees images alone. If you know which one it "
            "is, say so in config.json."
        )
    return None


__all__ = ["ORIGINALS", "Becomes", "Original", "Shapes", "original_of"]
