"""A bar counts whether it shows or not, and is silent where nobody watches."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from workbench.runs.progress import progress_bar


@pytest.mark.parametrize("show", [True, False])
def test_nothing_is_printed_into_a_file_or_a_pipe(show: bool, capsys) -> None:
    with progress_bar(3, what="sweep", unit="knockouts", show=show) as bar:
        bar.update(2)
        assert bar.disable
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
