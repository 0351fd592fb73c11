"""Several files one after another, as one: archives are often passed on in parts."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class Parts(io.RawIOBase):
    """Several files one after another, to be read and sought in like one."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._files = [path.open("rb") for path in paths]
        sizes = [path.stat().st_size for path in paths]
        self._starts = [sum(sizes[:number]) for number in range(len(sizes) + 1)]
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._starts[-1]}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        for number, file in enumerate(self._files):
            if self._at < self._starts[number + 1]:
                file.seek(self._at - self._starts[number])
                content = file.read(min(len(buffer), self._starts[number + 1] - self._at))
                buffer[: len(content)] = content
                self._at += len(content)
                return len(content)
        return 0

    def close(self) -> None:
        for file in self._files:
            file.close()
        super().close()
