"""The tokenizer of a folder, and the marks of one that belongs to another model."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.tiny import FAMILY_NAMES, FamilyName, tiny_folder, tiny_model
from workbench.errors import ModelError
from workbench.models.checkpoints import CheckpointFolder
from workbench.models.checkpoints import tokenizer as tokenizer_module
from workbench.models.checkpoints.native import Native
from workbench.models.checkpoints.tokenizer import check_tokenizer, read_tokenizer


def read(folder: Path) -> Any:
    found = CheckpointFolder("tiny", folder)
    return read_tokenizer(found, Native().config(found, trust_remote_code=False), trust_remote_code=False)


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_a_folders_own_tokenizer_is_read_and_fits(family: FamilyName) -> None:
    folder = CheckpointFolder("tiny", tiny_folder(family))
    tokenizer = read(folder.path)
    offsets = tokenizer("a b", return_offsets_mapping=True, add_special_tokens=False)["offset_mapping"]
    assert offsets[0][0] == 0
    video = tokenizer.convert_tokens_to_ids(tiny_model(family).placeholder)
    check_tokenizer(folder, tokenizer, video, len(tokenizer))


def test_files_that_cannot_be_read_are_refused(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{")
    with pytest.raises(ModelError, match=r"tokenizer in .* cannot be read .*Copy its files again"):
        read(folder)


@pytest.mark.parametrize(
    ("vocab_size", "video", "says"),
    [
        (300, None, r"tokens, and the model 300\. Copy"),
        (None, 9, "id 9, .* no special token"),
        (None, 10**9, "None"),
    ],
)
def test_a_tokenizer_of_another_model_is_refused(
    folder: Path, vocab_size: int | None, video: int | None, says: str
) -> None:
    tokenizer = read(folder)
    rows = len(tokenizer) if vocab_size is None else vocab_size
    known = tokenizer.convert_tokens_to_ids("<video>")
    with pytest.raises(ModelError, match=says):
        check_tokenizer(CheckpointFolder("tiny", folder), tokenizer, video or known, rows)


def with_steps(folder: Path, part: str, step: dict[str, Any], times: int) -> Path:
    path = folder / "tokenizer.json"
    said = json.loads(path.read_text("utf-8"))
    names = {"normalizer": "normalizers", "pre_tokenizer": "pretokenizers", "decoder": "decoders"}
    said[part] = {"type": "Sequence", names[part]: [step] * times}
    path.write_text(json.dumps(said))
    return folder


DOUBLING = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}
BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}


@pytest.mark.parametrize(
    ("part", "step"),
    [
        ("normalizer", DOUBLING),
        ("normalizer", {"type": "Replace", "pattern": {"Regex": "."}, "content": "xyz"}),
        ("normalizer", {"type": "Replace", "pattern": {"String": ""}, "content": "x"}),
        ("normalizer", {"type": "ByteLevel"}),
        ("pre_tokenizer", BYTES),
        ("decoder", DOUBLING),
    ],
    ids=str,
)
def test_a_text_that_grows_without_bound_is_refused(folder: Path, part: str, step: dict[str, Any]) -> None:
    """Forty doublings of a text of one letter are a terabyte, and tokenizers ends the process."""
    with pytest.raises(ModelError, match=f"its {part} makes a text up to .* times as long"):
        read(with_steps(folder, part, step, 40))


def test_steps_of_known_tokenizers_are_taken(folder: Path) -> None:
    space = {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}
    assert read(with_steps(folder, "normalizer", space, 3))
    assert read(with_steps(folder, "decoder", {**space, "pattern": {"Regex": " {2,}"}}, 3))


@pytest.mark.parametrize(
    ("content", "needs", "installs"),
    [
        (b"\n\x0e\n\x05<unk>", "sentencepiece and protobuf", "sentencepiece protobuf"),
        (b"IQ== 0\nIg== 1\n", "tiktoken", "tiktoken"),
    ],
)
def test_a_vocabulary_that_no_installed_package_reads_names_the_package(
    folder: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, needs: str, installs: str
) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer.model").write_bytes(content)
    monkeypatch.setattr(tokenizer_module, "_installed", lambda package: False)
    with pytest.raises(
        ModelError, match=f"as tokenizer.model alone, .* with {needs}: pip install {installs}"
    ):
        read(folder)
    monkeypatch.setattr(tokenizer_module, "_installed", lambda package: True)
    with pytest.raises(ModelError, match="cannot be read"):  # by transformers, which was let at it
        read(folder)


def test_a_sentencepiece_model_alone_is_read(folder: Path) -> None:
    """Trained on the spot; ids and places of its tokens are those of sentencepiece itself."""
    spm: Any = pytest.importorskip("sentencepiece", reason="a tokenizer.model is read with sentencepiece")
    pytest.importorskip("google.protobuf", reason="a tokenizer.model is read with protobuf")
    made = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(["which way does the ball move", "left right up down"] * 9),
        model_writer=made,
        vocab_size=320,
        model_type="bpe",
        byte_fallback=True,
        user_defined_symbols=["<video>"],
        minloglevel=2,
    )
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer.model").write_bytes(made.getvalue())
    config = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    (folder / "tokenizer_config.json").write_text(json.dumps({**config, "tokenizer_class": "LlamaTokenizer"}))
    found = read(folder)("which ball", add_special_tokens=False, return_offsets_mapping=True)
    theirs = spm.SentencePieceProcessor(model_proto=made.getvalue())
    assert found["input_ids"] == theirs.encode("which ball")
    assert found["offset_mapping"][-1][1] == len("which ball")
