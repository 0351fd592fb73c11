"""Where checkpoints are found, and names that lead nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.tiny import tiny_folder
from workbench.errors import ModelError
from workbench.models import load


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("./nowhere", "no checkpoint folder ./nowhere"),
        ("/nowhere/at/all", "no checkpoint folder"),
        (Path("nowhere"), "no checkpoint folder nowhere"),
        ("llava", "hub id such as"),
        ("x" * 300, "no checkpoint folder xxx"),
        ("/" + "x" * 300, "no checkpoint folder /xxx"),
        ("a\0b", r"no checkpoint folder a\\x00b"),
        ("mini/a\0b", "no embedded model"),
        ("mini/../mini", "no embedded model"),
        ("~no-such-person/x", "no checkpoint folder ~no-such-person/x"),
        ("\x1b[2Jnobody", r"no checkpoint folder \\x1b\[2J"),
        ("nobody/\x1b[2J", r"nobody/\\x1b\[2J is no folder"),
        (5, "5 is no checkpoint. Give a folder's path, or a hub id, as text"),
        (None, "None is no checkpoint"),
        (["a"], "is no checkpoint"),
        ("nobody/nothing", "the hub did not give it .*hf download nobody/nothing"),
    ],
)
def test_a_name_that_leads_nowhere_is_refused(name: Any, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        load(name)


def test_a_revision_is_for_the_hub(folder: Path) -> None:
    with pytest.raises(ModelError, match="names a commit of the hub"):
        load(folder, revision="main")


def test_a_file_is_no_folder(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"is a file\. Give the folder"):
        load(folder / "model.safetensors")


def test_a_folder_is_named_by_its_last_part(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(folder).name == "model"
    monkeypatch.chdir(folder)
    assert load(".").name == "model"


def test_the_embedded_model_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    import workbench.mini

    folders = {"video-ft": tiny_folder()}
    monkeypatch.setattr(workbench.mini, "checkpoint", folders.__getitem__, raising=False)
    model = load("mini/video-ft")
    assert model.name == "mini/video-ft"
    assert model.folder == tiny_folder()
