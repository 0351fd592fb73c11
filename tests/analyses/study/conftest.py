"""One study by depth and one by window of a planted model."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.analyses.study import planted
from workbench.models import VideoLLM


@pytest.fixture(scope="session")
def studied_model() -> VideoLLM:
    return planted.model()


@pytest.fixture(scope="session")
def by_depth_table(studied_model: VideoLLM, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return planted.depth_study(studied_model, tmp_path_factory.mktemp("depth"))


@pytest.fixture(scope="session")
def by_window_table(studied_model: VideoLLM, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return planted.window_study(studied_model, tmp_path_factory.mktemp("windows"))
