"""An authors' checkpoint becomes a folder that load reads; what does not fit is refused unwritten."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock
from safetensors.torch import load_file, save_file

from tests.models.broken_folders import change_json
from tests.tiny import tiny_folder, tiny_prompt
from tests.tiny.originals import UNUSED, WRITERS, Weights, write_llava
from workbench.cli import main
from workbench.errors import ModelError
from workbench.models import load
from workbench.models.checkpoints import conversion
from workbench.models.checkpoints.conversion import convert

SHARD = "model-00001-of-00002.safetensors"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder in the format of LLaVA-Video."""
    write_llava(tmp_path / "source", "llava_video")
    return tmp_path / "source"


def edit(folder: Path, change: Callable[[Weights], object]) -> None:
    weights = load_file(folder / SHARD)
    change(weights)
    save_file(weights, folder / SHARD, {"format": "pt"})


def listed(folder: Path) -> dict[str, str]:
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    return {name: digest for digest, name in (line.split("  ") for line in lines)}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_is_named_by_load_and_converted_whole(name: str, tmp_path: Path) -> None:
    """Every number of the checkpoint is in the converted model, once, and the model runs."""
    weights = WRITERS[name](tmp_path / "source")
    with pytest.raises(ModelError, match=r"converted once: workbench convert \S+ FOLDER"):
        load(tmp_path / "source", device="cpu")
    model = load(convert(tmp_path / "source", tmp_path / "out"), device="cpu")
    assert model.logits(tiny_prompt(model)).isfinite().all()
    used = [weight.flatten() for name, weight in weights.items() if not name.startswith(UNUSED)]
    before = torch.cat(used).sort().values
    after = torch.cat([weight.flatten() for weight in model.hf.state_dict().values()]).sort().values
    assert torch.equal(after[after != 0], before[before != 0])


def test_a_converted_folder_needs_nothing_else_and_is_listed(source: Path, tmp_path: Path) -> None:
    out = convert(source, tmp_path / "out")
    shutil.rmtree(source)
    moved = out.rename(tmp_path / "moved")
    model = load(moved, device="cpu")
    assert model.turn.opening.startswith("<|im_start|>system\nYou are a helpful assistant.")
    assert model.pixels.image_mean == (0.5, 0.5, 0.5)
    done = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=moved, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout
    files = {path.name for path in moved.iterdir() if not path.name.startswith(".")}
    assert files == {*listed(moved), "SHA256SUMS"}


def test_dtypes_stay(source: Path, tmp_path: Path) -> None:
    for path in source.glob("*.safetensors"):
        weights = {name: weight.bfloat16() for name, weight in load_file(path).items()}
        save_file(weights, path, {"format": "pt"})
    out = convert(source, tmp_path / "out")
    for path in out.glob("*.safetensors"):
        assert {weight.dtype for weight in load_file(path).values()} == {torch.bfloat16}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda weights: weights.pop("lm_head.weight"), r"1 missing \(lm_head.weight\).*partly random"),
        (lambda weights: weights.update({"model.odd": torch.zeros(1)}), r"without a place .*\(model.odd\)"),
        (
            lambda weights: weights.update({"lm_head.weight": torch.zeros(3, 64)}),
            r"1 of another shape \(lm_head.weight\)",
        ),
        (
            lambda weights: weights.update({"model.language_model.norm.weight": torch.zeros(64)}),
            r"holds model.language_model.norm.weight twice",
        ),
    ],
    ids=["missing", "unexpected", "another shape", "twice"],
)
def test_weights_that_do_not_fit_are_named_before_anything_is_written(
    change: Callable[[Weights], object], said: str, source: Path, tmp_path: Path
) -> None:
    held = {name: path for path in source.glob("*.safetensors") for name in load_file(path)}
    weights = load_file(held["lm_head.weight"])
    change(weights)
    save_file(weights, held["lm_head.weight"], {"format": "pt"})
    with pytest.raises(ModelError, match=said):
        convert(source, tmp_path / "out")
    assert not list((tmp_path / "out").glob("[!.]*"))


def test_a_truncated_shard_is_refused(source: Path, tmp_path: Path) -> None:
    path = source / SHARD
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError, match="cut off or damaged"):
        convert(source, tmp_path / "out")


def test_a_missing_shard_is_refused(source: Path, tmp_path: Path) -> None:
    (source / SHARD).unlink()
    with pytest.raises(ModelError, match="lacks 1 of 2 weight files"):
        convert(source, tmp_path / "out")


def pickled(source: Path) -> None:
    weights: Weights = {}
    for path in sorted(source.glob("*.safetensors")):
        weights |= load_file(path)
        path.unlink()
    (source / "model.safetensors.index.json").unlink()
    torch.save(weights, source / "pytorch_model.bin")


def test_pickles_are_opened_only_when_asked_and_with_a_warning(source: Path, tmp_path: Path) -> None:
    whole = load(convert(source, tmp_path / "safe"), device="cpu")
    pickled(source)
    with pytest.raises(ModelError, match=r"as pickles only.*--allow-pickle"):
        convert(source, tmp_path / "out")
    with pytest.warns(UserWarning, match=r"pickles.*only from authors that you trust"):
        model = load(convert(source, tmp_path / "out", allow_pickle=True), device="cpu")
    prompt = tiny_prompt(whole)
    assert torch.equal(model.logits(prompt), whole.logits(prompt))


class Bomb:
    """What a hostile pickle holds."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.mkdir, ("exploded",)


@pytest.mark.filterwarnings("ignore:.*pickles")
def test_code_in_a_pickle_never_runs(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pickled(source)
    torch.save({"lm_head.weight": Bomb()}, source / "pytorch_model.bin")
    with pytest.raises(ModelError, match="cannot be opened as weights alone"):
        convert(source, tmp_path / "out", allow_pickle=True)
    assert not (tmp_path / "exploded").exists()


def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversion, "LARGEST", 20_000)


def test_files_have_a_largest_size(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_files(monkeypatch)
    out = convert(source, tmp_path / "out")
    files = sorted(out.glob("*.safetensors"))
    assert len(files) > 10
    for path in files:
        weights = load_file(path)
        assert len(weights) == 1 or sum(weight.nbytes for weight in weights.values()) <= 20_000
    assert load(out, device="cpu").n_layers == 2


def test_a_stopped_conversion_goes_on(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the file at which it stops: finished files are kept, a damaged one is made again."""
    small_files(monkeypatch)
    whole = listed(convert(source, tmp_path / "whole"))
    out = tmp_path / "out"
    write = conversion._write
    written: list[str] = []

    def stopping(piece: Any, made: Any, path: Path) -> str:
        if len(written) == 5:
            raise KeyboardInterrupt
        written.append(path.name)
        return write(piece, made, path)

    monkeypatch.setattr(conversion, "_write", stopping)
    with pytest.raises(KeyboardInterrupt):
        convert(source, out)
    with pytest.raises(ModelError, match=r"was not finished\. Start the same"):
        load(out, device="cpu")
    first, damaged = written[0], out / written[1]
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    before = (out / first).stat().st_mtime_ns
    written.clear()
    monkeypatch.setattr(conversion, "_write", lambda *given: written.append(given[2].name) or write(*given))
    convert(source, out)
    assert (out / first).stat().st_mtime_ns == before
    assert damaged.name in written
    assert first not in written
    assert listed(out) == whole


def test_a_killed_conversion_goes_on(source: Path, tmp_path: Path) -> None:
    """Killed for good in the middle of a file: nothing half-written counts."""
    script = (
        "import os, sys\n"
        "from workbench.models.checkpoints import conversion\n"
        "conversion.LARGEST = 20_000\n"
        "made = conversion.whole\n"
        "count = []\n"
        "def killed(path):\n"
        "    count.append(path)\n"
        "    if len(count) == 4:\n"
        "        path.with_name('.half.tmp').write_bytes(b'half')\n"
        "        os._exit(9)\n"
        "    return made(path)\n"
        "conversion.whole = killed\n"
        "conversion.convert(sys.argv[1], sys.argv[2])\n"
    )
    out = tmp_path / "out"
    done = subprocess.run([sys.executable, "-c", script, source, out], capture_output=True, check=False)
    assert done.returncode == 9, done.stderr
    assert len(list(out.glob("model-*.safetensors"))) == 3
    conversion_of_all = listed(convert(source, tmp_path / "whole"))
    assert "config.json" in conversion_of_all
    script = script.replace("len(count) == 4", "False")
    done = subprocess.run([sys.executable, "-c", script, source, out], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    model, other = load(out, device="cpu"), load(tmp_path / "whole", device="cpu")
    prompt = tiny_prompt(model)
    assert torch.equal(model.logits(prompt), other.logits(prompt))


def test_a_folder_keeps_to_one_conversion(source: Path, tmp_path: Path) -> None:
    out = convert(source, tmp_path / "out")
    assert convert(source, out) == out  # nothing to do
    change_json(source / "config.json", mm_spatial_pool_mode="average")
    with pytest.raises(ModelError, match="holds a conversion of 'source'"):
        convert(source, out)


def test_a_destination_is_a_folder_of_its_own(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is the checkpoint itself"):
        convert(source, source)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    with pytest.raises(ModelError, match="holds other files"):
        convert(source, tmp_path / "full")
    with pytest.raises(ModelError, match="is a file"):
        convert(source, tmp_path / "full" / "notes.txt")


def test_two_processes_do_not_write_one_folder(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with FileLock(out / ".conversion.lock"), pytest.raises(ModelError, match="Another process is converting"):
        convert(source, out)


def test_what_needs_no_conversion_is_said_to(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is loaded as it is"):
        convert(tiny_folder(), tmp_path / "out")


def test_the_command_line_converts(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["convert", str(source), str(out)]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    assert json.loads((out / "config.json").read_text())["newlines"] == "grid"
    (source / SHARD).unlink()
    assert main(["convert", str(source), str(tmp_path / "other")]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_no_more_than_one_file_is_held_at_once(source: Path, tmp_path: Path) -> None:
    held: list[int] = []
    save = conversion.save_file

    def watching(weights: Weights, path: Path, metadata: dict[str, str]) -> None:
        held.append(sum(weight.untyped_storage().nbytes() for weight in weights.values()))
        save(weights, path, metadata)

    largest = 150_000  # bytes: the embedding has 107,000
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conversion, "LARGEST", largest)
        patch.setattr(conversion, "save_file", watching)
        convert(source, tmp_path / "out")
    assert len(held) > 3
    assert max(held) <= largest
