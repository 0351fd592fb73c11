"""One spelling for what looks the same: Unicode has "à" as one letter (NFC), and as "a" with an accent (NFD).

Keyboards and data sets give the first, archives made on a Mac the second. Names, answers and files are
compared by what stands here; texts of prompts stay as they are written.
"""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path


def nfc(text: str) -> str:
    """The text with every letter and its accents as one character, where there is one."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def spelled(path: Path) -> Path:
    """`path` as the disk spells it: itself, or where nothing is there, what looks the same; OSError."""
    if str(path).isascii() or os.path.lexists(path):
        return path
    found = Path(path.anchor)
    for part in path.parts[len(found.parts) :]:
        step = found / part
        if not part.isascii() and not os.path.lexists(step):
            same = (
                (name for name in os.listdir(found) if nfc(name) == nfc(part)) if found.is_dir() else iter(())
            )
            step = found / next(same, part)
        found = step
    return found if os.path.lexists(found) else path
