"""What several tests of models start from."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.tiny import tiny_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the tiny LLaVA-NeXT-Video checkpoint, to be changed."""
    return Path(shutil.copytree(tiny_folder(), tmp_path / "model"))
