"""Who may write to a run's folder: one process alone, or the ranks of one command, each once.

    .lock              held by one process alone; by a rank while it reads or changes what all share
    .lock-2-of-8       held by rank 2 as long as it is at work

The locks are those of the file system: a process that is killed lets go of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from workbench.errors import RunError
from workbench.files import write_error
from workbench.ranks import Share

_RANK = re.compile(r"\.lock-(\d+)-of-(\d+)")
_PATIENCE = 60.0
"""Seconds that a rank waits for another one that is reading or changing what all share."""


def is_held(lock: Path) -> bool:
    """Whether a process holds this lock."""
    probe = filelock.FileLock(lock)
    try:
        probe.acquire(timeout=0)
    except filelock.Timeout:
        return True
    probe.release()
    return False


class Writers:
    """The place of this process among those that write to a folder."""

    def __init__(self, folder: Path, share: Share | None) -> None:
        self._folder, self._share = folder, share
        self._whole = filelock.FileLock(folder / ".lock")
        name = ".lock" if share is None else f".lock-{share.rank}-of-{share.of}"
        self._own = self._whole if share is None else filelock.FileLock(folder / name)

    def enter(self) -> None:
        """Take the place. Raises RunError where another process has it, or works on the folder otherwise."""
        if self._share is None:
            self._take(self._own, 0)
            try:
                self._refuse(self._held(), "rank {0} of {1} is")
            except BaseException:
                self._own.release()
                raise
            return
        with self.alone():
            others = [(rank, of) for rank, of in self._held() if of != self._share.of]
            self._refuse(others, "rank {0} of {1} is")
            self._take(self._own, 0)

    def leave(self) -> None:
        """Give the place back."""
        self._own.release()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While no other rank reads or changes what all share; a process alone always is."""
        if self._share is None:
            yield
            return
        self._take(self._whole, _PATIENCE)
        try:
            yield
        finally:
            self._whole.release()

    def absent(self) -> list[int]:
        """Other ranks of this command that are not at work on the folder."""
        assert self._share is not None
        with self.alone():  # a rank that begins must not find its place taken by who looks
            there = {rank for rank, of in self._held() if of == self._share.of}
        return [rank for rank in range(self._share.of) if rank not in there and rank != self._share.rank]

    def _held(self) -> list[tuple[int, int]]:
        """Ranks that are at work on the folder, this one left out."""
        found = []
        for path in sorted(self._folder.glob(".lock-*-of-*")):
            match = _RANK.fullmatch(path.name)
            if not match or path.name == Path(self._own.lock_file).name:
                continue
            if is_held(path):
                found.append((int(match[1]), int(match[2])))
        return found

    def _refuse(self, others: list[tuple[int, int]], who: str) -> None:
        if others:
            raise RunError(
                f"{who.format(*others[0]).capitalize()} writing to {self._folder}. Wait until it ends, stop "
                "it, or choose another folder (out=)."
            )

    def _take(self, lock: filelock.BaseFileLock, timeout: float) -> None:
        try:
            lock.acquire(timeout=timeout)
        except filelock.Timeout as error:
            raise RunError(
                f"Another process is writing to {self._folder}. Wait until it ends, stop it, or choose "
                "another folder (out=)."
            ) from error
        except NotImplementedError as error:
            raise RunError(
                f"The disk of {self._folder} cannot lock files, so two processes could write to one run. "
                "Choose a folder on another disk (out=)."
            ) from error
        except OSError as error:
            raise write_error(self._folder, error) from error
