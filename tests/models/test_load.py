"""Checkpoints that load, and every way in which a folder can be wrong."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import LlavaNextVideoForConditionalGeneration

from tests.tiny import FAMILY_NAMES, FamilyName, tiny_clip, tiny_folder, tiny_model, tiny_prompt
from workbench.errors import ModelError, PromptError
from workbench.models import load


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the tiny LLaVA-NeXT-Video checkpoint, to be broken."""
    return Path(shutil.copytree(tiny_folder(), tmp_path / "model"))


def change_json(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


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
    text = json.loads((folder / "config.json").read_text())["text_config"]
    change_json(folder / "config.json", text_config={**text, "vocab_size": 300})

    def shrink(weights: dict[str, torch.Tensor]) -> None:
        for name in [name for name in weights if "embed_tokens" in name or "lm_head" in name]:
            weights[name] = weights[name][:300].clone()

    edit_weights(shrink)(folder)


BROKEN: dict[str, tuple[Callable[[Path], None], str]] = {
    "no config": (remove("config.json"), "no config.json.*Give the folder"),
    "an adapter": (no_config_but_adapter, "This is an adapter: merge it"),
    "config is no json": (write("config.json", "{"), "config.json is no readable json"),
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
        "chat_template.json is no readable json",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_folder_is_refused_with_cause_and_remedy(folder: Path, kind: str) -> None:
    breaks, says = BROKEN[kind]
    breaks(folder)
    with pytest.raises(ModelError, match=says):
        load(folder, device="cpu")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("./nowhere", "no checkpoint folder ./nowhere"),
        ("/nowhere/at/all", "no checkpoint folder"),
        (Path("nowhere"), "no checkpoint folder nowhere"),
        ("llava", "hub id such as"),
        ("nobody/nothing", "the hub did not give it .*hf download nobody/nothing"),
    ],
)
def test_a_name_that_leads_nowhere_is_refused(name: str | Path, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        load(name)


def test_weights_that_the_model_computes_or_never_uses_are_left_out(tmp_path: Path) -> None:
    surplus = ("vision_tower.vision_model.head.probe", "language_model.model.rotary_emb.inv_freq")
    folder = Path(shutil.copytree(tiny_folder("llava_onevision"), tmp_path / "model"))
    edit_weights(lambda weights: weights.update({name: torch.zeros(1) for name in surplus}))(folder)
    model = tiny_model("llava_onevision")
    assert torch.equal(load(folder).logits(tiny_prompt(model)), model.logits(tiny_prompt(model)))


def test_a_revision_is_for_the_hub(folder: Path) -> None:
    with pytest.raises(ModelError, match="names a commit of the hub"):
        load(folder, revision="main")


def test_a_file_is_no_folder(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"is a file\. Give the folder"):
        load(folder / "model.safetensors")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"attention": "flash"}, "'sdpa' or 'eager'"),
        ({"dtype": "int8"}, "dtype='int8' is not offered"),
        ({"dtype": torch.int64}, "dtype='torch.int64' is not offered"),
        ({"device": "gpu"}, "device='gpu' is unknown"),
    ],
)
def test_options_that_do_not_exist_are_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ModelError, match=says):
        load(tiny_folder(), **options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(ModelError, match="sees no GPU"):
        load(tiny_folder(), device="cuda")


@pytest.mark.parametrize("family", FAMILY_NAMES)
@pytest.mark.parametrize(("kv_heads", "layers"), [(2, 4), (4, 2), (1, 1)])
def test_a_model_says_what_it_is(family: FamilyName, kv_heads: int, layers: int) -> None:
    model = tiny_model(family, n_kv_heads=kv_heads, n_layers=layers)
    assert (model.n_layers, model.n_heads, model.n_kv_heads) == (layers, 4, kv_heads)
    assert (model.d_model, model.d_head) == (64, 16)
    assert model.vocab_size == model.logits(tiny_prompt(model)).shape[1]
    assert model.dtype == torch.float32
    assert model.device == torch.device("cpu")
    assert f"{layers} layers" in repr(model)
    assert len(repr(model)) < 150
    assert not any(weight.requires_grad for weight in model.hf.parameters())
    assert not model.hf.training


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_attention_of_either_kind_gives_the_same_logits(family: FamilyName) -> None:
    fused, eager = tiny_model(family), tiny_model(family, attention="eager")
    assert (fused.attention, eager.attention) == ("sdpa", "eager")
    prompt = tiny_prompt(fused)
    assert torch.allclose(fused.logits(prompt), eager.logits(prompt), atol=1e-4)


def test_weights_are_those_of_the_folder() -> None:
    model = tiny_model()
    stored = load_file(tiny_folder() / "model.safetensors")
    plain = LlavaNextVideoForConditionalGeneration.from_pretrained(tiny_folder())
    assert len(stored) == len(plain.state_dict())
    ours = model.hf.state_dict()
    assert all(torch.equal(ours[name], weight) for name, weight in plain.state_dict().items())
    expected = hashlib.sha256((tiny_folder() / "model.safetensors").read_bytes()).hexdigest()
    assert model.weights_hash == expected


@pytest.mark.parametrize("dtype", ["bfloat16", torch.bfloat16, "torch.bfloat16"])
def test_dtypes_are_given_by_name_or_as_such(dtype: str | torch.dtype) -> None:
    model = load(tiny_folder(), dtype=dtype)
    assert model.dtype == torch.bfloat16
    assert "bfloat16" in repr(model)
    prompt = tiny_prompt(model)
    assert prompt.inputs["pixel_values_videos"].dtype == torch.float32  # rounded in the model, not before
    assert torch.isfinite(model.logits(prompt)).all()


def test_shards_and_pickles_load_the_same_weights(folder: Path, tmp_path: Path) -> None:
    prompt = tiny_prompt(tiny_model())
    expected = tiny_model().logits(prompt)
    sharded = Path(shutil.copytree(folder, tmp_path / "sharded"))
    (sharded / "model.safetensors").unlink()
    tiny_model().hf.save_pretrained(sharded, max_shard_size="200KB")
    assert len(list(sharded.glob("*.safetensors"))) > 1
    model = load(sharded)
    assert torch.equal(model.logits(prompt), expected)
    assert model.weights_hash != tiny_model().weights_hash
    only_pickle(folder)
    pickled = load(folder, allow_pickle=True)
    assert torch.equal(pickled.logits(prompt), expected)
    assert len(pickled.weights_hash) == 64


def test_a_newline_that_videos_never_use_may_be_missing(tmp_path: Path) -> None:
    next_video = Path(shutil.copytree(tiny_folder(), tmp_path / "next"))
    drop("image_newline")(next_video)
    prompt = tiny_prompt(tiny_model())
    assert torch.equal(load(next_video).logits(prompt), tiny_model().logits(prompt))
    onevision = Path(shutil.copytree(tiny_folder("llava_onevision"), tmp_path / "onevision"))
    drop("image_newline")(onevision)
    with pytest.raises(ModelError, match="image_newline"):
        load(onevision)


def test_a_folder_is_named_by_its_last_part(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(folder).name == "model"
    monkeypatch.chdir(folder)
    assert load(".").name == "model"


def test_the_embedded_model_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    import workbench.mini

    folders = {"video-ft": tiny_folder()}
    monkeypatch.setattr(workbench.mini, "checkpoint", folders.__getitem__, raising=False)
    model = load("mini/video-ft")
    assert model.name == "mini/video-ft"
    assert model.folder == tiny_folder()


TEMPLATES = {
    "parts": (None, "USER: ", "\n", " ASSISTANT:", " "),
    "plain text": (
        "{% for m in messages %}[{{ m['role'] }}] {{ m['content'] + '' }} [end]\n{% endfor %}",
        "[user] ",
        "\n",
        " [end]\n",
        "",
    ),
}


@pytest.mark.parametrize("kind", TEMPLATES)
@pytest.mark.parametrize("file", ["chat_template.jinja", "chat_template.json", "processor_config.json"])
def test_chat_templates_are_taken_apart(folder: Path, kind: str, file: str) -> None:
    template, *expected = TEMPLATES[kind]
    text = template or (folder / "chat_template.jinja").read_text()
    (folder / "chat_template.jinja").unlink()
    (folder / file).write_text(text if file.endswith("jinja") else json.dumps({"chat_template": text}))
    assert [*load(folder).turn] == expected


def test_without_a_template_the_familys_own_is_used(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    model = load(folder)
    assert model.template is None
    assert tiny_prompt(model).text.startswith("USER: <video>\nQuestion:")
    assert tiny_prompt(model).text.endswith(" ASSISTANT: Best option:(")


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("Hello", "writes the video 0 times and the question 0 times"),
        ("{{ messages[0]['content'] | join(' ') }}<video>", "encode\\(..., turn="),
        ("{{ messages[0]['content'][1]['text'] }} <video>", "puts the question before the video"),
        ("{{ raise_exception('No videos') }}", "No videos"),
        ("{% for", "cannot be used"),
    ],
)
def test_a_template_that_loses_the_video_or_the_question_is_refused(
    folder: Path, template: str, says: str
) -> None:
    (folder / "chat_template.jinja").write_text(template)
    model = load(folder)
    with pytest.raises(PromptError, match=says):
        model.encode(tiny_clip(), "What moves?")


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_greedy_text_is_the_likeliest_token_again_and_again(family: FamilyName) -> None:
    model = tiny_model(family)
    prompt = tiny_prompt(model)
    best = int(model.logits(prompt)[-1].argmax())
    ends = model.hf.generation_config.eos_token_id  # type: ignore[union-attr]
    if best != ends:
        said = model.tokenizer.decode([best], skip_special_tokens=True)
        assert model.generate(prompt, 1) == str(said).strip()
    assert model.generate(prompt, 6) == model.generate(prompt, 6)
    # What was generated before changes nothing.
    assert torch.equal(model.logits(prompt), model.logits(tiny_prompt(model)))
    with pytest.raises(PromptError, match="max_new_tokens=0"):
        model.generate(prompt, 0)


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_a_trace_is_plain_nnsight(family: FamilyName) -> None:
    model = tiny_model(family)
    prompt = tiny_prompt(model)
    with model.trace(prompt):
        layer = model.family.decoder_layers(model.nn)[2]
        layer.output[:, -1] = 0
        after = layer.output.save()
        logits = model.nn.output.logits.save()
    assert not after[0, -1].any()
    assert not torch.equal(logits[0, -1], model.logits(prompt)[-1])
    assert torch.equal(logits[0, :-1], model.logits(prompt)[:-1])


def test_hook_points_are_at_hand() -> None:
    model = tiny_model()
    prompt = tiny_prompt(model)
    assert "blocks.3.hook_resid_post" in model.hook_names()
    logits, cache = model.run_with_cache(prompt, names_filter="blocks.3.hook_resid_post")
    assert logits is not None
    assert torch.equal(logits, model.logits(prompt))
    assert cache["blocks.3.hook_resid_post"].shape == (1, len(prompt), 64)
    edited = model.run_with_hooks(prompt, fwd_hooks=[("blocks.3.hook_resid_post", lambda x, hook: x * 2)])
    assert edited.shape == logits.shape
    assert torch.allclose(edited, logits, atol=1e-3)  # the final norm takes out the scale
    with model.materialise("blocks.1.attn.hook_pattern"), model.trace(prompt):
        pattern = model.family.decoder_layers(model.nn)[1].self_attn.hook_pattern.output.save()
    assert torch.allclose(pattern.sum(-1), torch.ones(1, 4, len(prompt)))
