"""The drawing program behind PNG files: one process that draws figure after figure."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from typing import IO


class Renderer:
    """A program that answers each line with a line, after one line that says it is ready.

    It is started by the first request and serves all that follow, since starting it takes longer than most
    figures do. It ends with Python, and where it does not answer in time; the next request then starts it
    anew.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self.command = list(command)
        self._process: subprocess.Popen[str] | None = None
        self._owner = 0
        self._complaints: IO[bytes] | None = None
        self._one_at_a_time = threading.Lock()
        atexit.register(self.end)

    def ask(self, request: str, seconds: float) -> str:
        """The answer to one line. Raises TimeoutError, and OSError where the program cannot run or ends."""
        with self._one_at_a_time:
            answers: list[str] = []
            try:
                started = self._start()
                process = self._process
                assert process is not None
                # A thread of its own may wait for ever in a pipe: ending the program ends it, too.
                talk = threading.Thread(
                    target=_talk, args=(process, request, 2 if started else 1, answers), daemon=True
                )
                talk.start()
                talk.join(seconds)
                if talk.is_alive():
                    self.end()
                    talk.join(5)
                    raise TimeoutError(f"no answer within {seconds:g} s")
                if not answers or not answers[-1]:
                    raise OSError(f"the program ended. {self._complaint()}".strip())
                return answers[-1]
            except BaseException:
                self.end()  # what it would say next is the answer to this request, not to the next one
                raise

    def end(self) -> None:
        """End the program with all that it started: kaleido's command is a shell script, and a browser that
        it leaves behind would stay for good."""
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():  # a forked child leaves its parent's alone
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, self._complaints):
            if pipe is not None:
                with contextlib.suppress(
                    OSError, ValueError
                ):  # what was not sent yet cannot be sent any more
                    pipe.close()

    def _start(self) -> bool:
        """Whether a process had to be started."""
        if self._process is not None and self._owner == os.getpid() and self._process.poll() is None:
            return False
        self.end()
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed by end; a pipe that nobody reads would fill up
        self._owner = os.getpid()
        self._process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        return True

    def _complaint(self) -> str:
        assert self._complaints is not None
        self._complaints.seek(0)
        return self._complaints.read().decode("utf-8", "replace")[-300:]


def _talk(process: subprocess.Popen[str], request: str, lines: int, answers: list[str]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(OSError, ValueError):  # the program has ended, which the missing answer tells
        process.stdin.write(request)
        process.stdin.flush()
        for _ in range(lines):
            answers.append(process.stdout.readline())
            if not answers[-1]:
                return
