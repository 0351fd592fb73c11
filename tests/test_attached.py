"""Methods from a room above: imported on first use, and not a moment earlier."""

from __future__ import annotations

import importlib
import subprocess
import sys
import types
from typing import Any

import pytest

import workbench  # noqa: F401 - says where methods live
from workbench import attached as module
from workbench.attached import attach, attached, home_of


class Shelf:
    """Has methods from a module that does not exist before it is asked for."""

    books = 3
    counted: Any = attached()
    lost: Any = attached()


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of modules that were imported to find a method."""
    imported: list[str] = []

    def arrive(name: str) -> types.ModuleType:
        imported.append(name)
        made = types.ModuleType(name)
        vars(made)["count"] = lambda shelf, more=0: shelf.books + more
        return made

    monkeypatch.setattr(module, "_HOMES", {})
    monkeypatch.setattr(importlib, "import_module", arrive)
    attach({"Shelf.counted": "library.counting:count"})
    return imported


def test_a_method_is_imported_when_an_instance_is_asked_for_it(library: list[str]) -> None:
    assert library == []
    assert Shelf().counted(more=4) == 7
    assert library == ["library.counting"]


def test_asked_of_the_class_nothing_is_imported(library: list[str]) -> None:
    assert Shelf.counted is vars(Shelf)["counted"]
    assert library == []


def test_what_was_attached_nowhere_is_no_attribute(library: list[str]) -> None:
    with pytest.raises(AttributeError, match=r"Shelf\.lost is attached nowhere"):
        _ = Shelf().lost
    assert not hasattr(Shelf(), "lost")
    with pytest.raises(AttributeError, match=r"Shelf\.gone is attached nowhere"):
        home_of("Shelf.gone")


@pytest.mark.parametrize("method", sorted(module._HOMES))
def test_every_home_of_the_package_holds_its_function(method: str) -> None:
    assert callable(home_of(method))


def test_runs_know_of_no_figure_until_they_draw_one() -> None:
    program = (
        "import sys; from workbench.runs import Run; Run.figure; "
        "print(any(name.startswith('workbench.figures') for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
