"""A person's methods: the file they stand in, and what they may give."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from workbench.analyses.methods import method_file
from workbench.analyses.methods.method import scores_of
from workbench.errors import RunError


def test_a_file_has_methods(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("METHODS = {'zero': lambda model, samples, candidates: [0] * len(candidates)}\n")
    assert list(method_file(file)) == ["zero"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 / 0", "stopped with ZeroDivisionError"),
        ("x = 3", "has no METHODS"),
        ("METHODS = {}", "has no METHODS"),
        ("METHODS = {'a': 3}", "should be a name and a function"),
        ("raise SystemExit(3)", "stopped with SystemExit"),
    ],
)
def test_a_file_without_any_is_refused(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(text)
    with pytest.raises(RunError, match=said):
        method_file(file)
    with pytest.raises(RunError, match="no file"):
        method_file(tmp_path / "other.py")


def test_scores_are_checked() -> None:
    assert scores_of([1, 2.5], "m", 2).tolist() == [1.0, 2.5]
    with pytest.raises(RunError, match=r"shape \(2,\) for 3 candidates"):
        scores_of([1, 2], "m", 3)
    with pytest.raises(RunError, match="1 numbers that are not finite"):
        scores_of([1, np.nan], "m", 2)
    with pytest.raises(RunError, match="gave no numbers"):
        scores_of(["a", "b"], "m", 2)
