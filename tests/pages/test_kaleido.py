"""The drawing program: whatever it does, a request ends."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.pages import drawing as still
from workbench.pages.kaleido import Renderer


@pytest.fixture
def shell_renderer(tmp_path: Path) -> Callable[[str], Renderer]:
    """A renderer that is a shell script, in a folder of its own."""

    def make(script: str) -> Renderer:
        file = tmp_path / "program"
        file.write_text(f"#!/bin/sh\ncd {tmp_path}\n{script}")
        file.chmod(0o755)
        return Renderer([str(file)])

    return make


def test_a_renderer_that_hangs_is_ended_with_all_that_it_started_and_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell_renderer: Callable[[str], Renderer]
) -> None:
    renderer = shell_renderer(
        "echo ready; read request\nif [ -e child ]; then echo drawn; read end; exit; fi\n"
        "sleep 600 & echo $! > child; wait\n"
    )
    monkeypatch.setattr(still, "_TIMEOUTS", (1, 20))
    monkeypatch.setattr(still, "_renderer", lambda command: renderer)
    begun = time.monotonic()
    assert still._ask((), "draw\n") == "drawn\n"
    assert time.monotonic() - begun < 15
    renderer.end()
    if not Path("/proc/self/stat").exists():
        return
    child = int((tmp_path / "child").read_text("utf-8"))
    for _ in range(100):
        if not alive(child):
            return
        time.sleep(0.05)
    pytest.fail("what the renderer started goes on")


def test_a_request_that_is_never_read_ends_in_time(shell_renderer: Callable[[str], Renderer]) -> None:
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        shell_renderer("exec sleep 600\n").ask("x" * 1_000_000 + "\n", 0.5)  # more than a pipe holds
    assert time.monotonic() - begun < 10


def test_a_renderer_that_ends_tells_its_last_words(shell_renderer: Callable[[str], Renderer]) -> None:
    with pytest.raises(OSError, match=r"the program ended\. no display"):
        shell_renderer("echo no display >&2; exit 1\n").ask("draw\n", 20)


def alive(process: int) -> bool:
    """Whether it runs; one that has ended and was not collected yet does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_one_program_serves_all_requests_and_a_new_one_after_it_has_ended(
    tmp_path: Path, shell_renderer: Callable[[str], Renderer]
) -> None:
    renderer = shell_renderer("echo $$ >> started; echo ready; while read request; do echo $request; done\n")
    asked = ["a\n", "b\n", "c\n"]
    assert [renderer.ask(request, 60) for request in asked] == asked
    (first,) = (tmp_path / "started").read_text("utf-8").split()
    os.killpg(int(first), signal.SIGKILL)
    while alive(int(first)):
        time.sleep(0.05)
    assert renderer.ask("d\n", 60) == "d\n"
    assert len((tmp_path / "started").read_text("utf-8").split()) == 2
    renderer.end()
