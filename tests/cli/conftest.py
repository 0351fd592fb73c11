"""A model with a planted mechanism, and its samples, for commands to run on."""

from __future__ import annotations

import pytest

from tests.recipes.planted_folder import PlantedFolder, make_planted


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> PlantedFolder:
    return make_planted(tmp_path_factory.mktemp("planted"), samples=9)
