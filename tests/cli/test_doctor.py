"""workbench doctor: what is there, what is not, and what that means."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from workbench.cli import doctor, main


def test_everything_that_is_needed_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "transformers" in said
    assert "notebooks  JupyterLab, and the viewer in it: yes" in said
    assert "missing for" not in said


def test_what_is_missing_is_told_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = doctor._version
    gone = {"ray": "", "plotly": "1.0"}
    monkeypatch.setattr(doctor, "_version", lambda name: gone.get(name, real(name)))
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "no (ray): pip install 'video-llm-workbench[ray]'" in said
    assert "Not as wanted: plotly." in said


def test_each_package_once_for_what_wants_it() -> None:
    packages = list(doctor.found())
    assert {one.extra for one in packages} <= {"", *doctor.FEATURES}
    assert len({(one.package, one.extra) for one in packages}) == len(packages)
    assert {"torch", "nnsight"} <= {one.package for one in packages if not one.extra}
    assert "mkdocs" not in {one.package for one in packages}, "developers' packages are their own"


def test_a_gpu_holds_so_much(monkeypatch: pytest.MonkeyPatch) -> None:
    assert any("No CUDA GPU" in line for line in doctor.devices()) or torch.cuda.is_available()
    card: Any = SimpleNamespace(name="H100", total_memory=80 * 10**9)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: card)
    assert [*doctor.devices()] == ["cuda:0 H100, 75 GiB: models of up to 30B in bfloat16, 100B in 4bit"]
