"""What a checkpoint's files hold, whatever wrote them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from workbench.errors import ModelError
from workbench.models.checkpoints import CheckpointFolder
from workbench.models.checkpoints.headers import Stored
from workbench.models.checkpoints.opening import beginning_of, shapes_of, size_of, weights_of

WEIGHTS = {"a": torch.arange(6.0).view(2, 3), "b.c": torch.zeros(4, dtype=torch.bfloat16)}
STORED = {"a": Stored("F32", (2, 3)), "b.c": Stored("BF16", (4,))}


@pytest.mark.filterwarnings("ignore:.*pickles")
@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_weights_by_name_with_dtype_and_shape(name: str, tmp_path: Path) -> None:
    if name.endswith("bin"):
        torch.save(WEIGHTS, tmp_path / name)
    else:
        save_file(WEIGHTS, tmp_path / name)
    assert dict(shapes_of(CheckpointFolder("x", tmp_path))) == STORED
    read = {key: weight() for key, weight in weights_of(tmp_path / name).items()}
    assert read.keys() == WEIGHTS.keys()
    assert all(torch.equal(read[key], WEIGHTS[key]) and read[key].dtype == WEIGHTS[key].dtype for key in read)


def test_pickles_are_opened_with_a_warning(tmp_path: Path) -> None:
    torch.save(WEIGHTS, tmp_path / "pytorch_model.bin")
    with pytest.warns(UserWarning, match=f"{tmp_path} has its weights as pickles"):
        shapes_of(CheckpointFolder("x", tmp_path))


def test_what_holds_more_than_weights_is_refused(tmp_path: Path) -> None:
    torch.save({"a": Path("x")}, tmp_path / "x.bin")
    with pytest.raises(ModelError, match="cannot be opened as weights alone"):
        weights_of(tmp_path / "x.bin")
    (tmp_path / "y.bin").write_bytes(b"no pickle")
    with pytest.raises(ModelError, match="cannot be opened as weights alone"):
        weights_of(tmp_path / "y.bin")


def test_sizes_are_those_of_the_tensors() -> None:
    assert {name: size_of(STORED[name]) for name in STORED} == {n: w.nbytes for n, w in WEIGHTS.items()}


def test_another_header_is_another_file(tmp_path: Path) -> None:
    for name, weight in (("a", torch.zeros(3)), ("b", torch.zeros(4)), ("c", torch.zeros(3))):
        save_file({"w": weight}, tmp_path / name)
    first, other, same = (beginning_of(tmp_path / name) for name in "abc")
    assert first == same != other
