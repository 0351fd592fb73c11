"""Every way in which a checkpoint folder can be wrong, and what the error must say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file


def change_json(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **changes}))


def cut_off(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def cut_in_header(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:100])


def empty_weights(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"")


def git_pointer(folder: Path) -> None:
    text = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    (folder / "model.safetensors").write_text(text)


def only_pickle(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def drop(ending: str) -> Callable[[Path], None]:
    """Removes a weight, whatever stands before its name in the file."""

    def edit(weights: dict[str, torch.Tensor]) -> None:
        (name,) = (name for name in weights if name.endswith(ending))
        del weights[name]

    return edit_weights(edit)


def shorten(weights: dict[str, torch.Tensor]) -> None:
    (name,) = (name for name in weights if name.endswith("model.norm.weight"))
    weights[name] = weights[name][:3].clone()


def edit_weights(edit: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        weights = load_file(folder / "model.safetensors")
        edit(weights)
        save_file(weights, folder / "model.safetensors", {"format": "pt"})

    return apply


def missing_shard(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    shards = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))


def empty_index(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text("{}")


def no_config_but_adapter(folder: Path) -> None:
    (folder / "config.json").unlink()
    (folder / "adapter_config.json").write_text("{}")


def other_template(folder: Path) -> None:
    (folder / "chat_template.jinja").rename(folder / "chat_template.json")


def remove(*names: str) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()

    return apply


def write(name: str, text: str) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        (folder / name).write_text(text)

    return apply


def config(**changes: Any) -> Callable[[Path], None]:
    return lambda folder: change_json(folder / "config.json", **changes)


def other_vocabulary(folder: Path) -> None:
    text = json.loads((folder / "config.json").read_text("utf-8"))["text_config"]
    change_json(folder / "config.json", text_config={**text, "vocab_size": 300})

    def shrink(weights: dict[str, torch.Tensor]) -> None:
        for name in [name for name in weights if "embed_tokens" in name or "lm_head" in name]:
            weights[name] = weights[name][:300].clone()

    edit_weights(shrink)(folder)


BROKEN: dict[str, tuple[Callable[[Path], None], str]] = {
    "no config": (remove("config.json"), "no config.json.*Give the folder"),
    "an adapter": (
        no_config_but_adapter,
        "This is an adapter: load its base with adapter=FOLDER, or merge it",
    ),
    "config is no json": (write("config.json", "{"), "config.json is not JSON"),
    "config is a list": (write("config.json", "[]"), "must hold a json object, not a list"),
    "config without model_type": (write("config.json", "{}"), "does not say its model_type"),
    "another architecture": (
        config(model_type="llama"),
        "'llama' model.*supported families: llava_next_video",
    ),
    "config that cannot be built": (config(text_config=3), "describes no model .*text_config"),
    "no weights": (remove("model.safetensors"), "has no weights.*Download"),
    "weights cut off": (cut_off, "cut off or damaged: it has .* announces"),
    "weights cut off in the header": (cut_in_header, "no whole safetensors file"),
    "weights empty": (empty_weights, r"no whole safetensors file \(0 bytes"),
    "a Git LFS pointer": (git_pointer, "git lfs pull"),
    "pickle only": (only_pickle, "as pickles only .*allow_pickle=True"),
    "a shard is missing": (missing_shard, "lacks 1 of 2 weight files: model-00002"),
    "an index that lists nothing": (empty_index, "lists no weights"),
    "a weight is missing": (
        drop("model.norm.weight"),
        r"1 missing \(.*norm.weight\).*partly random",
    ),
    "a weight has no place": (
        edit_weights(lambda weights: weights.update(extra=torch.zeros(1))),
        r"1 without a place in the model \(extra\)",
    ),
    "a weight has another shape": (
        edit_weights(shorten),
        r"1 of another shape \(.*norm.weight\)",
    ),
    "no tokenizer": (remove("tokenizer.json"), "has no tokenizer"),
    "tokenizer is no json": (write("tokenizer.json", "{"), "tokenizer .* cannot be read"),
    "video token unknown to the tokenizer": (config(video_token_index=9), "id 9, .* no special token"),
    "more tokens than rows": (other_vocabulary, "tokens, and the model 300"),
    "no preprocessing": (remove("video_preprocessor_config.json"), "how frames become pixels"),
    "template file is no json": (
        other_template,
        "chat_template.json is not JSON",
    ),
}
