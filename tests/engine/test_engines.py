from __future__ import annotations

import pytest

from workbench.engine import ENGINES, IncrementalEngine, ReferenceEngine, get_engine
from workbench.errors import RunError


def test_engines_are_found_by_name() -> None:
    assert list(ENGINES) == ["incremental", "incremental-float32", "reference"]
    assert isinstance(get_engine("incremental"), IncrementalEngine)
    assert isinstance(get_engine("reference"), ReferenceEngine)
    assert all(engine.name == name for name, engine in ENGINES.items())
    own = ReferenceEngine()
    assert get_engine(own) is own


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(
        RunError, match=r"no engine 'referense'. Did you mean 'reference'.*Engines are: incremental, "
    ):
        get_engine("referense")
