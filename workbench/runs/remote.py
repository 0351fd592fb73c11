"""A run's folder elsewhere: s3://, gs://, sftp:// and whatever else fsspec reaches.

A run works in a folder of this machine, which is a copy of the one elsewhere: fetched when it begins, and
every file that is written goes there in the order in which it was. So the run's own rules hold there too: a
record counts when both its files are what was written. A process that is killed loses the samples that were
still on their way, and they are measured again.

    .lease-ID.json     renewed as long as a process is at work; one that stays as it is belongs to nobody
"""

from __future__ import annotations

import json
import os
import platform
import queue
import re
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from workbench.errors import RunError, WriteError
from workbench.files import watching
from workbench.ranks import share_of

BEAT = 5.0
"""Seconds between two renewals of a lease."""
SETTLE = 1.0
"""Seconds after which two processes that took a lease at once see each other's."""
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://.+")
_WAITING = 64
"""Files on their way; a run that writes faster than the connection carries waits."""


def is_remote(folder: Path | str) -> bool:
    """Whether a text names a folder by its URL."""
    return isinstance(folder, str) and _URL.fullmatch(folder) is not None


@contextmanager
def remote_folder(url: str) -> Iterator[Path]:
    """A folder of this machine for a run that lies at `url`; what is written into it goes there.

    For all that takes `out=`: `with remote_folder("s3://bucket/run") as out: wb.sweep(.., out=out)`.

    Raises RunError where the place cannot be reached, another process writes to it, or several ranks would;
    WriteError where a file cannot be written there: the folder of this machine is then kept, and named.
    """
    if share_of() is not None:
        raise RunError(
            f"{url}: the ranks of one command share a folder that all of them see, and each would have a "
            "copy of its own here. Give a folder on a shared disk as out=, or use --workers."
        )
    place = _Place(url)
    folder = Path(tempfile.mkdtemp(prefix="workbench-run-"))
    try:
        with place.lease():
            place.fetch(folder)
            with _Sender(place, folder) as sender, watching(sender.send):
                yield folder
    except WriteError as problem:
        problem.add_note(f"What was measured is kept in {folder}.")
        raise
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def fetched_folder(url: str) -> Iterator[Path]:
    """A copy of a run's folder at `url`, to be read. Raises RunError where it cannot be reached."""
    folder = Path(tempfile.mkdtemp(prefix="workbench-run-"))
    try:
        _Place(url).fetch(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Place:
    """A folder elsewhere."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.files, self.root = self._reach()

    def _reach(self) -> tuple[Any, str]:
        """A connection of one's own: fsspec's keep a state, and threads share none."""
        import fsspec

        try:
            files, root = fsspec.core.url_to_fs(self.url, skip_instance_cache=True)
        except (ImportError, ValueError) as problem:
            raise RunError(f"{self.url} cannot be reached: {problem}") from None
        return files, root.rstrip("/")

    def again(self) -> _Place:
        """The same place over another connection."""
        return _Place(self.url)

    def names(self) -> list[str]:
        """Files there, relative to the folder; locks of other machines are not among them.

        Raises RunError where the place cannot be listed, or a name leads out of it.
        """
        self.files.invalidate_cache()
        try:
            found = self.files.find(self.root) if self.files.exists(self.root) else []
        except Exception as problem:
            raise RunError(f"{self.url} cannot be read: {type(problem).__name__}: {problem}") from problem
        names = []
        for path in found:
            name = (
                PurePosixPath(path).relative_to(self.root)
                if path.startswith(self.root)
                else PurePosixPath(path)
            )
            if name.is_absolute() or ".." in name.parts:
                raise RunError(f"{self.url} holds {path!r}, which leads out of it. Nothing was fetched.")
            names.append(str(name))
        return names

    def fetch(self, folder: Path) -> None:
        """Copy what is there into `folder`. Raises RunError."""
        names = [name for name in self.names() if not PurePosixPath(name).name.startswith(".")]
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
        try:
            if names:
                self.files.get(
                    [f"{self.root}/{name}" for name in names], [str(folder / name) for name in names]
                )
        except Exception as problem:
            raise RunError(f"{self.url} cannot be read: {type(problem).__name__}: {problem}") from problem

    def write(self, name: str, content: bytes) -> None:
        """Put a file there, whole or not at all where the place can do that."""
        path = f"{self.root}/{name}"
        self.files.makedirs(path.rpartition("/")[0], exist_ok=True)
        with self.files.transaction, self.files.open(path, "wb") as file:
            file.write(content)

    @contextmanager
    def lease(self) -> Iterator[None]:
        """While this process alone writes to the place. Raises RunError where another one does."""
        own = f".lease-{secrets.token_hex(8)}.json"
        self._refuse_others()
        stop = threading.Event()
        self._renew(own, 0)
        beating = threading.Thread(target=self.again()._beat, args=(own, stop), daemon=True)
        beating.start()
        try:
            time.sleep(SETTLE)
            # Of two that came at once, both see the other, and the later name leaves.
            if any(name < own for name in self._leases()):
                raise self._taken()
            yield
        finally:
            stop.set()
            beating.join()
            self.files.rm_file(f"{self.root}/{own}")

    def _taken(self) -> RunError:
        return RunError(
            f"Another process is writing to {self.url}. Wait until it ends, stop it, or choose another "
            "folder (out=)."
        )

    def _leases(self) -> dict[str, bytes]:
        named = [name for name in self.names() if name.startswith(".lease-")]
        found = {}
        for name in named:
            try:
                found[name] = self.files.cat_file(f"{self.root}/{name}")
            except FileNotFoundError:
                continue  # given back meanwhile
        return found

    def _refuse_others(self) -> None:
        """Wait whether a lease that is there is renewed; remove those that nobody renews."""
        there = self._leases()
        end = time.monotonic() + 3 * BEAT
        while there and time.monotonic() < end:
            time.sleep(BEAT / 5)
            now = self._leases()
            if any(now.get(name, content) != content for name, content in there.items()):
                raise self._taken()
            there = {name: content for name, content in there.items() if name in now}
        for name in there:
            self.files.rm_file(f"{self.root}/{name}")

    def _renew(self, name: str, count: int) -> None:
        who = {"renewed": count, "host": platform.node(), "process": os.getpid()}
        self.write(name, json.dumps(who).encode())

    def _beat(self, name: str, stop: threading.Event) -> None:
        count = 0
        while not stop.wait(BEAT):
            count += 1
            try:
                self._renew(name, count)
            except Exception:
                continue  # the sender says what is wrong with the place


class _Sender:
    """Sends files to a place, one after the other, in a thread of its own."""

    def __init__(self, place: _Place, folder: Path) -> None:
        self._place, self._folder = place, folder
        self._waiting: queue.Queue[Path | None] = queue.Queue(_WAITING)
        self._sent: dict[str, str] = {}
        self._problem: Exception | None = None
        self._thread = threading.Thread(target=self._send_all, daemon=True)

    def __enter__(self) -> _Sender:
        for path in self._files():  # what was fetched is there
            self._sent[self._name(path)] = self._mark(path)
        self._thread.start()
        return self

    def __exit__(self, kind: object, *exc: object) -> None:
        self._waiting.put(None)
        self._thread.join()
        self._raise()
        for path in self._files():  # what was written otherwise
            if self._sent.get(self._name(path)) != self._mark(path):
                self._send(path)
        self._raise()

    def send(self, path: Path) -> None:
        """Send a file of the folder. Raises WriteError where an earlier one could not be sent."""
        if path.is_relative_to(self._folder) and not path.name.startswith("."):
            self._raise()
            self._waiting.put(path)

    def _send_all(self) -> None:
        while (path := self._waiting.get()) is not None:
            if self._problem is None:
                self._send(path)

    def _send(self, path: Path) -> None:
        try:
            mark = self._mark(path)
            self._place.write(self._name(path), path.read_bytes())
            self._sent[self._name(path)] = mark
        except FileNotFoundError as problem:
            if path.exists():
                self._problem = problem
        except Exception as problem:
            self._problem = problem

    def _raise(self) -> None:
        if self._problem is not None:
            raise WriteError(
                f"{self._place.url} cannot be written ({type(self._problem).__name__}: {self._problem}). "
                "Start the same command again when it can; the run goes on from what is there."
            ) from self._problem

    def _files(self) -> list[Path]:
        return [
            path
            for path in sorted(self._folder.rglob("*"))
            if path.is_file() and not path.name.startswith(".")
        ]

    def _name(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()

    @staticmethod
    def _mark(path: Path) -> str:
        """What changes whenever a file is written again."""
        there = path.stat()
        return f"{there.st_size}-{there.st_mtime_ns}-{there.st_ino}"
