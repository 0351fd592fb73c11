"""A folder that keeps what takes long to make: frames of clips, and what a vision tower makes of them.

One safetensors file an entry, and nothing else: no index that several machines would have to agree about, and
nothing in it is ever executed (as pickles are, which caches in general use). Whoever reads an entry compares
its sha256, so that a damaged one is made again. Processes may share a folder: a file takes its place whole.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import threading
import time
import warnings
from collections import Counter, deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from workbench.contents import absolute, content_of, is_known, remember, stamp_of
from workbench.errors import RunError, shown
from workbench.files import write_whole

if TYPE_CHECKING:
    from torch import Tensor

DEFAULT_GB = 50.0
KINDS = ("frames", "features", "contents")
"""What is kept, each in a folder of its own: nothing else in the folder is read or removed."""
_NAME = re.compile(r"[0-9a-f]{64}\.safetensors")
_ABANDONED = 3600
"""Seconds after which a file that is not finished belongs to a process that was killed."""
_PATIENCE = 30
"""Seconds to wait for another process that writes; then the entry is not kept."""
_PENDING = 8
"""Entries that wait in memory to be written, at most."""
_AROUND = 4096
"""Bytes of a file beside its arrays, at most; it holds the text of `notes` too."""


class CacheUnused(UserWarning):
    """Nothing more is kept: the folder cannot be written."""


class Kept(NamedTuple):
    """An entry."""

    tensors: dict[str, Tensor]
    """On the CPU."""
    notes: dict[str, str]


class Cache:
    """Entries by the hash of what they are of. Safe in threads, and for processes that share the folder."""

    def __init__(self, folder: Path | str, gb: float = DEFAULT_GB) -> None:
        """`gb` (10^9 bytes) is what the entries take together at most: the least recently used go.

        Raises RunError where nothing can be kept in the folder.
        """
        if isinstance(gb, bool) or not isinstance(gb, int | float) or not (math.isfinite(gb) and gb > 0):
            raise RunError(f"cache_gb={shown(gb)}: give the most that the cache may take, in GB, above 0.")
        self.folder, self.gb = Path(folder), gb
        self._most = int(gb * 1e9)
        self._counts: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
        self._guard = threading.Lock()
        self._warned = False
        self._later = ThreadPoolExecutor(1, thread_name_prefix="cache")
        self._pending: deque[Future[None]] = deque()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            usable = os.access(self.folder, os.R_OK | os.W_OK | os.X_OK)
            reason = "no right to write into it"
        except (OSError, ValueError) as error:
            usable, reason = False, getattr(error, "strerror", None) or str(error)
        if not usable:
            raise RunError(
                f"cache={str(folder)!r}: nothing can be kept there ({reason}). Name a folder that you may "
                "write to, or leave the cache out."
            )

    def get(self, kind: str, key: str) -> Kept | None:
        """What is kept of this; None where there is nothing, or it is damaged, and then it is removed."""
        path = self._path(kind, key)
        try:
            content = path.read_bytes()
        except OSError:
            return None
        try:
            found = _read(content, key)
        except MemoryError:
            raise
        except Exception:  # whatever a damaged file leads its reader to
            self._count(kind, "damaged")
            with suppress(OSError):
                path.unlink()
            return None
        self._count(kind, "found")
        with suppress(OSError):  # another user's, say
            os.utime(path)
        return found

    def put(self, kind: str, key: str, tensors: Mapping[str, Tensor], notes: Mapping[str, str] = {}) -> None:
        """Keep this, in place of what was there. A folder that cannot be written is warned about, once."""
        self._count(kind, "made")
        size = sum(tensor.nbytes for tensor in tensors.values()) + _AROUND
        reason = f"it takes {size / 1e9:.3g} GB, more than the whole cache may" if size > self._most else ""
        if not reason:
            reason = self._write(self._path(kind, key), key, tensors, notes, size)
        if reason:
            self._count(kind, "not kept")
            with self._guard:
                warned, self._warned = self._warned, True
            if not warned:
                warnings.warn(
                    f"The cache {self.folder} does not keep all: {reason}. The results are the same.",
                    CacheUnused,
                    stacklevel=3,
                )

    def put_later(self, kind: str, key: str, tensors: Mapping[str, Tensor], notes: Mapping[str, str]) -> None:
        """As `put`, in a thread, so that nobody waits for a device or the disk: until `flush`."""
        while len(self._pending) >= _PENDING:
            self._pending.popleft().result()
        self._pending.append(self._later.submit(self.put, kind, key, tensors, notes))

    def flush(self) -> None:
        """Wait for what `put_later` has begun."""
        while self._pending:
            self._pending.popleft().result()

    def content_of(self, video: Path) -> str:
        """sha256 of what lies at a path, as `contents.content_of`; read once by all who share the folder."""
        stamp = stamp_of(video)
        if not stamp or is_known(video, stamp):
            return content_of(video, stamp) if stamp else ""
        key = key_of(absolute(video), stamp)
        if (kept := self.get("contents", key)) is not None and "sha256" in kept.notes:
            remember(video, stamp, kept.notes["sha256"])
        elif sha256 := content_of(video, stamp):
            self.put("contents", key, {}, {"sha256": sha256})
        return content_of(video, stamp)

    def counts(self) -> dict[str, dict[str, int]]:
        """How many entries of each kind this process found, made, found damaged and could not keep."""
        with self._guard:
            return {kind: dict(counts) for kind, counts in self._counts.items() if kind != "contents"}

    def taken(self) -> int:
        """Bytes that the entries take."""
        return sum(size for _, size, _ in self._entries())

    def _count(self, kind: str, what: str) -> None:
        with self._guard:
            self._counts[kind][what] += 1

    def _path(self, kind: str, key: str) -> Path:
        return self.folder / kind / key[:2] / f"{key}.safetensors"

    def _write(
        self, path: Path, key: str, tensors: Mapping[str, Tensor], notes: Mapping[str, str], size: int
    ) -> str:
        """Make room and write; gives why that was not possible."""
        from filelock import FileLock, Timeout
        from safetensors.torch import save

        plain = {name: _own(tensor) for name, tensor in tensors.items()}
        told = json.dumps({"notes": dict(notes), "sha256": _sum(key, plain, notes)})
        try:
            # One after another, so that all together they never take more than is allowed.
            with FileLock(self.folder / ".lock", timeout=_PATIENCE):
                self._make_room(size, path)
                write_whole(path, save(plain, {"workbench": told}))
        except Timeout:
            return "another process has held its lock for long"
        except OSError as error:
            problem = error.__cause__ or error  # a WriteError speaks of results
            return getattr(problem, "strerror", None) or str(problem)
        return ""

    def _make_room(self, size: int, replaced: Path) -> None:
        entries = [entry for entry in self._entries() if entry[2] != replaced]
        taken = size + sum(entry[1] for entry in entries)
        for _, bytes_of, path in sorted(entries):
            if taken <= self._most:
                return
            with suppress(OSError):
                path.unlink(missing_ok=True)
                taken -= bytes_of

    def _entries(self) -> list[tuple[float, int, Path]]:
        """When each was last used, its bytes, and where it is; what a killed process left is removed."""
        found = []
        for kind in KINDS:
            for path in (self.folder / kind).glob("[0-9a-f][0-9a-f]/*"):
                with suppress(OSError):
                    stat = path.stat()
                    if _NAME.fullmatch(path.name):
                        found.append((stat.st_mtime, stat.st_size, path))
                    elif ".tmp" in path.suffixes and time.time() - stat.st_mtime > _ABANDONED:
                        path.unlink()
        return found


def _own(tensor: Tensor) -> Tensor:
    """On the CPU, in order, and no view of something larger."""
    plain = tensor.detach().cpu().contiguous()
    return plain if plain.untyped_storage().nbytes() == plain.nbytes else plain.clone()


def key_of(*parts: object) -> str:
    """The key of what these say together, each as its text."""
    return hashlib.sha256(json.dumps([str(part) for part in parts]).encode()).hexdigest()


def sum_of_tensor(tensor: Tensor) -> str:
    """sha256 of a tensor's type, shape and bytes."""
    import torch

    plain = tensor.detach().cpu().contiguous()
    digest = hashlib.sha256(f"{plain.dtype} {tuple(plain.shape)}\n".encode())
    digest.update(plain.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _sum(key: str, tensors: Mapping[str, Tensor], notes: Mapping[str, str]) -> str:
    return key_of(
        key, sorted(notes.items()), [(name, sum_of_tensor(tensors[name])) for name in sorted(tensors)]
    )


def _read(content: bytes, key: str) -> Kept:
    from safetensors.torch import load

    length = int.from_bytes(content[:8], "little")
    told = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["workbench"])
    found = Kept(load(content), told["notes"])
    if told["sha256"] != _sum(key, *found):
        raise ValueError("it is not what was written")
    return found
