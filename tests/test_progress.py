"""A bar where somebody watches, and a line every half minute where nobody does."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from workbench.progress import progress_bar


class Clock:
    """Stands still, but while somebody waits; and an event that comes after so many waits."""

    def __init__(self, waits: int) -> None:
        self.now, self.left = 1000.0, waits

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        self.left -= 1
        return self.left < 0

    def set(self) -> None:
        self.left = 0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock(waits=3)
    monkeypatch.setattr("tqdm.std.time", lambda: made.now)
    monkeypatch.setattr("workbench.progress.Event", lambda: made)
    return made


@pytest.fixture
def thread(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """What would run in a thread of its own, to be called by the test."""
    started: list[Callable[[], None]] = []

    def made(*, target: Callable[[], None], **_: object) -> SimpleNamespace:
        return SimpleNamespace(start=lambda: started.append(target))

    monkeypatch.setattr("workbench.progress.Thread", made)
    return started


def test_without_a_terminal_there_is_a_line_every_half_minute(clock, thread, capsys) -> None:
    """Though nothing gets done after the first 12 of 60: 48 more take 4 times as long as these."""
    with progress_bar(60, what="sweep", unit=" knockouts") as bar:
        bar.update(5)
        bar.update(7)
        assert capsys.readouterr().err == "", "nothing before the first half minute"
        (speak,) = thread
        speak()
        lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "sweep: 12 of 60 knockouts, 0.40 knockouts/s, 02:00 left",
        "sweep: 12 of 60 knockouts, 0.20 knockouts/s, 04:00 left",
        "sweep: 12 of 60 knockouts, 0.13 knockouts/s, 06:00 left",
    ]
    assert capsys.readouterr().err == "", "and nothing at the end"


def test_the_line_comes_from_a_thread_that_ends_with_the_bar(capsys, monkeypatch) -> None:
    monkeypatch.setattr("workbench.progress.EVERY", 0.05)
    with progress_bar(3, what="sweep", unit=" knockouts"):
        end = time.monotonic() + 20
        said = ""
        while said.count("\n") < 2 and time.monotonic() < end:
            time.sleep(0.02)
            said += capsys.readouterr().err
    assert said.startswith("sweep: 0 of 3 knockouts, ? knockouts/s, ? left\n" * 2)
    assert "\r" not in said
    monkeypatch.undo()
    for one in threading.enumerate():
        if one.name == "progress":
            one.join(5)
            assert not one.is_alive()


def test_nothing_is_said_where_nobody_wants_it(thread, capsys) -> None:
    with progress_bar(3, what="sweep", unit=" knockouts", show=False) as bar:
        bar.update(2)
        assert bar.disable
    assert not thread
    assert capsys.readouterr() == ("", "")


def test_a_terminal_sees_what_is_done_of_what(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress_bar(3, what="sweep", unit="knockouts") as bar:
        bar.update(3)
    said = capsys.readouterr().err
    assert "sweep" in said
    assert "3/3" in said
    with progress_bar(3, what="sweep", unit="knockouts", show=False) as bar:
        bar.update(3)
    assert capsys.readouterr().err == ""


def test_a_notebook_has_a_bar_although_it_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    shell = type("ZMQInteractiveShell", (), {})()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))  # type: ignore[arg-type]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with progress_bar(3, what="sweep", unit="knockouts") as bar:
        assert not bar.disable
