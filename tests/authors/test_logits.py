"""A checkpoint as its authors would publish it gives the same logits in their code and, converted, in ours.

Their code is not part of the project. WORKBENCH_AUTHORS_CODE names a folder with clones of the repositories
LLaVA-NeXT, LongVA, map-the-flow, VideoLLaMA3 and VideoChat-Flash; WORKBENCH_AUTHORS_PYTHON a Python that has
transformers 4.46 (docs/conversion.md says how to make one).
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.authors import theirs
from tests.tiny import tiny_prompt
from tests.tiny.originals import LLAVA, write_internvl, write_llava, write_pllava, write_videollama3
from workbench.models import Prompt, VideoLLM, load
from workbench.models.checkpoints.conversion import convert

CODE, PYTHON = (os.environ.get(f"WORKBENCH_AUTHORS_{name}") for name in ("CODE", "PYTHON"))
SIGLIP_SIDE = 27 * 7
"""Pixels: their SigLIP asserts 27 x 27 patches."""
CLOSE = 1e-4


def need(*repositories: str) -> None:
    """Skips where the authors' code, or a Python that runs it, is not at hand."""
    if not (CODE and PYTHON):
        pytest.skip(
            "WORKBENCH_AUTHORS_CODE and WORKBENCH_AUTHORS_PYTHON do not say where the authors' code is"
        )
    if lacking := [name for name in repositories if not (Path(CODE) / name).is_dir()]:
        pytest.skip(f"{CODE} has no clone of {', '.join(lacking)}")


def their_logits(kind: str, source: Path, model: VideoLLM, prompt: Prompt, tmp_path: Path) -> torch.Tensor:
    """Logits (s, vocab) of the authors' code for the same pixels and the same text."""
    ids = prompt.inputs["input_ids"][0]
    rows = prompt.layout["video"]
    at, end = int(rows[0]), int(rows[-1]) + 1
    (pixels,) = (value for name, value in prompt.inputs.items() if name.startswith("pixel_values"))
    short = torch.cat((ids[:at], torch.tensor([theirs.IMAGE]), ids[end:]))
    pixels = pixels[0] if pixels.ndim == 5 else pixels
    token = torch.tensor(model.video_token_id)
    given = {"input_ids": short[None], "full_ids": ids[None], "token": token, "pixels": pixels}
    given |= {name: value for name, value in prompt.inputs.items() if name.startswith("video_")}
    save_file({name: value.contiguous() for name, value in given.items()}, tmp_path / "in.safetensors")
    files = [source, tmp_path / "in.safetensors", tmp_path / "out.safetensors"]
    done = subprocess.run(
        [str(PYTHON), theirs.__file__, kind, str(CODE), *map(str, files)],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"]},
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return load_file(tmp_path / "out.safetensors")["logits"]


def check_same(kind: str, source: Path, tmp_path: Path, *, frames: int = 4) -> None:
    """Converts `source` and compares our logits with theirs."""
    model = load(convert(source, tmp_path / "converted"), device="cpu")
    prompt = tiny_prompt(model, n_frames=frames)
    ours, other = model.logits(prompt), their_logits(kind, source, model, prompt, tmp_path)
    assert float(ours.std()) > 0.5  # a model that says something
    torch.testing.assert_close(ours, other, atol=CLOSE, rtol=0)


@pytest.mark.parametrize("name", LLAVA)
def test_llava(name: str, tmp_path: Path) -> None:
    clip = LLAVA[name]["clip"]
    need("LongVA" if clip else "LLaVA-NeXT")
    write_llava(tmp_path / "source", name, **({} if clip else {"side": SIGLIP_SIDE}))
    check_same("llava", tmp_path / "source", tmp_path)


@pytest.mark.parametrize("base", [False, True], ids=["tuned on video", "image model"])
def test_pllava(base: bool, tmp_path: Path) -> None:
    need("map-the-flow")
    write_pllava(tmp_path / "source", base=base)
    check_same("pllava", tmp_path / "source", tmp_path)


@pytest.mark.parametrize("hico", [False, True], ids=["Phi-3", "InternLM2 and merged tokens"])
def test_internvl(hico: bool, tmp_path: Path) -> None:
    need("map-the-flow", *(["VideoChat-Flash"] if hico else []))
    write_internvl(tmp_path / "source", hico=hico)
    check_same("internvl", tmp_path / "source", tmp_path, frames=8 if hico else 4)


def test_videollama3(tmp_path: Path) -> None:
    need("VideoLLaMA3")
    write_videollama3(tmp_path / "source")
    check_same("videollama3", tmp_path / "source", tmp_path)
