"""A header says what a file of weights holds, within bounds."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.tiny import tiny_folder
from workbench.errors import ModelError
from workbench.models.checkpoints.headers import read_header

WEIGHTS = tiny_folder() / "model.safetensors"


def with_header(path: Path, header: bytes, length: int | None = None, body: bytes = b"") -> Path:
    path.write_bytes((len(header) if length is None else length).to_bytes(8, "little") + header + body)
    return path


def test_a_header_says_names_shapes_and_kinds() -> None:
    stored = read_header(WEIGHTS)
    weights = load_file(WEIGHTS)
    assert {name: entry.shape for name, entry in stored.items()} == {
        name: tuple(weight.shape) for name, weight in weights.items()
    }
    assert {entry.dtype for entry in stored.values()} == {"F32"}
    assert sum(entry.numbers for entry in stored.values()) == sum(map(torch.numel, weights.values()))


def test_a_huge_sparse_header_is_refused_unread(tmp_path: Path) -> None:
    path = with_header(tmp_path / "model.safetensors", b"", length=3 * 10**9)
    os.truncate(path, 3 * 10**9 + 8)
    with pytest.raises(ModelError, match=r"no whole safetensors file \(3000000008 bytes"):
        read_header(path)


@pytest.mark.parametrize(
    "header",
    [
        b"[" * 10_000 + b"]" * 10_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b"{}" + b" " * 100,
        b"null",
        b"\xff\xfe",
        json.dumps({"a": {"dtype": "F32", "shape": [2**62, 2**62], "data_offsets": [0, 4]}}).encode(),
        json.dumps({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}).encode(),
        json.dumps({"a": {"dtype": "X", "shape": [1], "data_offsets": [0, 4]}}).encode(),
        json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}).encode(),
        json.dumps({"a": {"dtype": "F32", "shape": "1", "data_offsets": [0, 4]}}).encode(),
    ],
    ids=lambda header: repr(header[:30]),
)
def test_a_header_that_is_none_is_refused(tmp_path: Path, header: bytes) -> None:
    with pytest.raises(ModelError, match=r"model\.safetensors is"):
        read_header(with_header(tmp_path / "model.safetensors", header, body=b"1234"))


def test_a_folder_or_a_pipe_is_no_file_of_weights(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("folder", "pipe"):
        with pytest.raises(ModelError, match=f"{name} is not a file"):
            read_header(tmp_path / name)
