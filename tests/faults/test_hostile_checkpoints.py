"""Folders made to do harm: no code of theirs runs, no path leads outside, nothing comes out raw."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.tiny import tiny_folder, tiny_model, tiny_prompt
from workbench.errors import WorkbenchError
from workbench.models import load

pytestmark = pytest.mark.faults

MOST_SECONDS = 90
"""A folder may take no longer, on a machine that is busy with something else."""

Harm = Callable[[Path, Path], object]
"""Changes the folder, given the one outside."""


@dataclass(frozen=True)
class Hostile:
    name: str
    harm: Harm
    harmless: bool = False
    """Whether it only tries, so that the model must load and be the plain one."""
    options: dict[str, Any] = field(default_factory=dict)


def code(outside: Path) -> str:
    """A program that leaves a trace: imported, unpickled or called, it does the same."""
    return f"open({str(outside / 'ran')!r}, 'w').close()\n"


class Bomb:
    def __init__(self, outside: Path) -> None:
        self.outside = outside

    def __reduce__(self) -> Any:
        return exec, (code(self.outside),)


def change(name: str, *where: str, **entries: Any) -> Harm:
    """Sets entries of a json file, below the keys `where`; the file is made where there is none."""

    def harm(folder: Path, outside: Path) -> None:
        path = folder / name
        said = json.loads(path.read_text("utf-8")) if path.exists() else {}
        part = said
        for key in where:
            part = part.setdefault(key, {})
        text = json.dumps(entries).replace("OUTSIDE", str(outside))
        part.update(json.loads(text))
        path.write_text(json.dumps(said))

    return harm


def both(*harms: Harm) -> Harm:
    return lambda folder, outside: [harm(folder, outside) for harm in harms]


def write(name: str, text: str) -> Harm:
    def harm(folder: Path, outside: Path) -> None:
        path = folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text.replace("OUTSIDE", str(outside)).replace("CODE", code(outside)))

    return harm


def program(name: str) -> Harm:
    return write(name, "CODE\nclass X:\n    pass\n")


def bomb(name: str) -> Harm:
    def harm(folder: Path, outside: Path) -> None:
        (folder / name).write_bytes(pickle.dumps({"weight": Bomb(outside)}))

    return harm


def remove(name: str) -> Harm:
    return lambda folder, outside: (folder / name).unlink()


MODULES = ("configuration_x", "modeling_x", "tokenization_x", "processing_x")
CLASSES = ("AutoConfig", "AutoModel", "AutoTokenizer", "AutoProcessor")
FILES = (
    "config.json",
    "generation_config.json",
    "tokenizer_config.json",
    "video_preprocessor_config.json",
    "processor_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.json",
)
JSON_FILES = (*FILES, "tokenizer.json", "model.safetensors.index.json", "adapter_config.json")


def code_that_comes_along() -> Iterator[Hostile]:
    programs = both(*(program(f"{module}.py") for module in MODULES))
    for file in FILES[:5]:
        for form, value in (
            ("object", dict(zip(CLASSES, (f"{module}.X" for module in MODULES), strict=True))),
            ("list", [f"{module}.X" for module in MODULES]),
            ("text", "modeling_x.X"),
            ("another repository", dict.fromkeys(CLASSES, "nobody/nothing--modeling_x.X")),
        ):
            yield Hostile(f"auto_map as {form} in {file}", both(programs, change(file, auto_map=value)))
    for key in ("architectures", "model_type", "tokenizer_class", "processor_class"):
        yield Hostile(f"{key} of its own", both(programs, change("config.json", **{key: "modeling_x.X"})))
    for part in ("text_config", "vision_config"):
        own = {"model_type": "x", "auto_map": {"AutoConfig": "configuration_x.X"}}
        yield Hostile(f"{part} of its own", both(programs, change("config.json", part, **own)))
    for name in (
        *("sitecustomize", "usercustomize", "conftest", "__init__", "jinja2", "markupsafe", "json"),
        *("torch", "accelerate", "peft", "flash_attn", "kernels", "custom_generate/generate"),
    ):
        yield Hostile(f"{name}.py beside", program(f"{name}.py"), harmless=True)
    yield Hostile("setup in pyproject", write("pyproject.toml", "[build-system]\nrequires=['x']"), True)


def pickles() -> Iterator[Hostile]:
    for name in (
        *("pytorch_model.bin", "training_args.bin", "optimizer.pt", "scheduler.pt", "rng_state.pth"),
        *("tokenizer.pkl", "consolidated.00.pth", "adapter.pt", ".metadata", "__0_0.distcp"),
    ):
        yield Hostile(f"{name} beside", bomb(name), harmless=True)
        gone = both(bomb(name), remove("model.safetensors"))
        yield Hostile(f"{name} alone", gone)
        yield Hostile(f"{name} alone, trusted", gone, options={"allow_pickle": True})
    yield Hostile("a pickle called safetensors", both(remove("model.safetensors"), bomb("model.safetensors")))
    index = {"weight_map": {"weight": "pytorch_model-1.bin"}}
    yield Hostile(
        "an index of pickles",
        both(
            remove("model.safetensors"),
            bomb("pytorch_model-1.bin"),
            write("pytorch_model.bin.index.json", json.dumps(index)),
        ),
        options={"allow_pickle": True},
    )
    listed = {"weight_map": {"weight": "pytorch_model-1.bin"}}
    yield Hostile(
        "pickles in the index of safetensors",
        both(
            remove("model.safetensors"),
            bomb("pytorch_model-1.bin"),
            write("model.safetensors.index.json", json.dumps(listed)),
        ),
        options={"allow_pickle": True},
    )


ESCAPES = (
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ cycler.__init__.__globals__.os.system('OUTSIDE/run') }}",
    "{{ lipsum.__globals__['os'].popen('OUTSIDE/run').read() }}",
    "{{ joiner.__init__.__globals__ }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ raise_exception.__globals__ }}",
    "{{ strftime_now.__globals__.sys.modules }}",
    "{{ dict.__base__.__subclasses__() }}",
    "{{ self._TemplateReference__context.environment }}",
    "{{ messages | attr('__class__') }}",
    "{{ '{0.__class__.__init__.__globals__}'.format(messages) }}",
    "{{ '%s' | format(messages.__class__) }}",
    "{{ messages.__reduce_ex__(2) }}",
    "{{ (messages | map(attribute='__class__') | list)[0].__init__.__globals__ }}",
    "{% include 'OUTSIDE/secret' %}",
    "{% import 'OUTSIDE/secret' as secret %}{{ secret }}",
    "{% extends 'OUTSIDE/secret' %}",
    "{% set ns = namespace(__class__=1) %}{{ ns }}",
    "{% macro m() %}{{ caller.__globals__ }}{% endmacro %}{% call m() %}{% endcall %}",
    "{{ messages.append(messages) }}{{ messages }}",
    "{{ open('OUTSIDE/secret').read() }}",
    "{{ __import__('os').system('OUTSIDE/run') }}",
)
ENDLESS = (
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "{% set n = namespace(s='ab') %}{% for i in range(60) %}{% set n.s = n.s ~ n.s %}{% endfor %}{{ n.s }}",
    "{{ 'a' * 10**12 }}",
    "{{ '%1000000000000d' % 1 }}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{{ " + "(" * 20_000 + "1" + ")" * 20_000 + " }}",
    "{{ " + "not " * 20_000 + "1 }}",
)


def templates() -> Iterator[Hostile]:
    for number, text in enumerate((*ESCAPES, *ENDLESS)):
        name = f"template {number}: {text[:40]}"
        yield Hostile(name, write("chat_template.jinja", text))
        if number % 4 == 0:
            gone = remove("chat_template.jinja")
            for file in ("chat_template.json", "tokenizer_config.json"):
                yield Hostile(f"{name} in {file}", both(gone, change(file, chat_template=text)))


PLACES = (
    "../outside/model.safetensors",
    "OUTSIDE/model.safetensors",
    "a/../../outside/model.safetensors",
    "./../outside/model.safetensors",
    "..\\outside\\model.safetensors",
    "~/model.safetensors",
    "file://OUTSIDE/model.safetensors",
    "C:\\model.safetensors",
    "model.safetensors\0.txt",
    "x" * 300 + ".safetensors",
    "",
    ".",
    "..",
    "/dev/zero",
    "/dev/stdin",
    "/proc/self/mem",
)


def paths() -> Iterator[Hostile]:
    for place in PLACES:
        index = {"metadata": {}, "weight_map": {"lm_head.weight": place}}
        listed = both(remove("model.safetensors"), change("model.safetensors.index.json", **index))
        yield Hostile(f"an index of {place[:40]!r}", listed)
    for place in (*PLACES[:8], "other.safetensors.index.json", "../outside/model.safetensors.index.json"):
        for where in ((), ("text_config",)):
            yield Hostile(
                f"transformers_weights {place[:40]!r} in {where}",
                change("config.json", *where, transformers_weights=place),
            )
    for key in (
        *("vocab_file", "tokenizer_file", "merges_file", "special_tokens_map_file", "name_or_path"),
        *("chat_template_file", "added_tokens_file", "spm_file", "tokenizer_config_file", "cache_dir"),
    ):
        yield Hostile(
            f"{key} outside",
            change("tokenizer_config.json", **{key: "OUTSIDE/tokenizer.json"}),
            harmless=True,
        )
    yield Hostile("init_inputs", change("tokenizer_config.json", init_inputs=["OUTSIDE/tokenizer.json"]))
    for key in ("_name_or_path", "name_or_path", "_commit_hash", "base_model_name_or_path", "cache_dir"):
        yield Hostile(
            f"{key} of the config outside", change("config.json", **{key: "OUTSIDE"}), harmless=True
        )
    for part in ("text_config", "vision_config"):
        yield Hostile(f"{part} from outside", change("config.json", part, _name_or_path="OUTSIDE"), True)
    for backbone in ("timm_wrapper", "timm_backbone", "maskformer", "rt_detr", "dpt"):
        own = {"model_type": backbone, "backbone": "resnet18", "use_pretrained_backbone": True}
        yield Hostile(f"a tower of {backbone}", change("config.json", "vision_config", **own))
    for base in ("OUTSIDE", "nobody/nothing"):
        adapter = {"base_model_name_or_path": base, "peft_type": "LORA", "auto_mapping": {"x": "y"}}
        yield Hostile(f"an adapter of {base}", change("adapter_config.json", **adapter))
    for file in ("video_preprocessor_config.json", "processor_config.json"):
        own = {"image_processor_type": "X", "feature_extractor_type": "X", "tokenizer": "OUTSIDE"}
        yield Hostile(f"processors in {file}", change(file, **own), harmless=True)


def in_place_of(name: str, kind: str) -> Harm:
    def harm(folder: Path, outside: Path) -> None:
        path = folder / name
        path.unlink(missing_ok=True)
        if kind == "folder":
            path.mkdir()
        elif kind == "pipe":
            os.mkfifo(path)
        elif kind == "device":
            path.symlink_to("/dev/zero")
        elif kind == "circle":
            path.symlink_to(path)
        elif kind == "nowhere":
            path.symlink_to(outside / "nothing")
        else:
            path.touch()
            os.truncate(path, 5 * 10**9)

    return harm


def things_that_are_no_files() -> Iterator[Hostile]:
    for name in (*JSON_FILES, "model.safetensors", "chat_template.jinja", "merges.txt"):
        for kind in ("folder", "pipe", "device", "circle", "nowhere", "5 GB"):
            yield Hostile(f"a {kind} called {name}", in_place_of(name, kind))
    for kind in ("folder", "pipe", "device"):
        yield Hostile(f"a {kind} for templates", in_place_of("additional_chat_templates", kind))


def sizes() -> Iterator[Hostile]:
    for name in JSON_FILES:
        for kind, text in (
            ("lists", "[" * 100_000 + "]" * 100_000),
            ("objects", '{"a":' * 100_000 + "1" + "}" * 100_000),
            ("nested value", '{"a":' + "[" * 100_000 + "]" * 100_000 + "}"),
            ("a number of 5,000 digits", '{"size":' + "9" * 5000 + "}"),
            ("10^5 keys", json.dumps({str(key): key for key in range(10**5)})),
            ("half a text", '{"a": "\\ud800'),
        ):
            yield Hostile(f"{kind} in {name}", write(name, text))
    for part, key in (
        *(("text_config", key) for key in ("num_hidden_layers", "hidden_size", "vocab_size", "head_dim")),
        *(("text_config", key) for key in ("num_attention_heads", "intermediate_size", "num_labels")),
        *(("vision_config", key) for key in ("num_hidden_layers", "hidden_size", "image_size", "num_labels")),
    ):
        for size in (10**6, 10**9, 10**12, -1, 0):
            yield Hostile(f"{key} of {size} in {part}", change("config.json", part, **{key: size}))
    for key in ("size", "crop_size", "min_pixels", "rescale_factor", "image_mean", "patch_size"):
        for value in (10**9, 0, -1, [], {}, [10**6] * 3, "x"):
            harm = change("video_preprocessor_config.json", **{key: value})
            yield Hostile(f"{key} of {value!s:.20} for pixels", harm)
    header = (3 * 10**9).to_bytes(8, "little")

    def sparse(folder: Path, outside: Path) -> None:
        (folder / "model.safetensors").write_bytes(header)
        os.truncate(folder / "model.safetensors", 3 * 10**9 + 8)

    yield Hostile("a sparse header of 3 GB", sparse)


def tokenizers() -> Iterator[Hostile]:
    names = {"normalizer": "normalizers", "pre_tokenizer": "pretokenizers", "decoder": "decoders"}
    doubling = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}
    for part, steps in names.items():
        for kind, step in (
            ("doublings", doubling),
            ("tripled letters", {"type": "Replace", "pattern": {"Regex": "."}, "content": "xyz"}),
            ("bytes of bytes", {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}),
        ):
            said = {"type": "Sequence", steps: [step] * 40}
            yield Hostile(f"40 {kind} in the {part}", change("tokenizer.json", **{part: said}))
    for pattern in ("(?=(a+)+b)", "(a|a)*b", "(.*)*x", "((a{0,99}){0,99}){0,99}b", "(", "[", "(?<x>a)\\k<x>"):
        split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
        yield Hostile(f"a split at {pattern}", change("tokenizer.json", pre_tokenizer=split))


GROUPS: dict[str, Callable[[], Iterator[Hostile]]] = {
    "code": code_that_comes_along,
    "pickles": pickles,
    "templates": templates,
    "paths": paths,
    "no files": things_that_are_no_files,
    "sizes": sizes,
    "tokenizers": tokenizers,
}


@cache
def hostile(group: str) -> tuple[Hostile, ...]:
    return tuple(GROUPS[group]())


_watched: list[tuple[str, list[str]]] = []


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("open", "os.listdir", "os.scandir") and _watched:
        place, seen = _watched[-1]
        if isinstance(arguments[0], str | bytes | os.PathLike) and place in os.fsdecode(arguments[0]):
            seen.append(os.fsdecode(arguments[0]))


@pytest.fixture(scope="module", autouse=True)
def audited() -> None:
    sys.addaudithook(_audit)


@contextmanager
def watched(place: Path) -> Iterator[list[str]]:
    """What is opened below `place` meanwhile."""
    seen: list[str] = []
    _watched.append((str(place), seen))
    try:
        yield seen
    finally:
        _watched.pop()


def attempt(folder: Path, options: dict[str, Any]) -> torch.Tensor | None:
    """Logits after everything that a user does with a checkpoint; None where it was refused."""
    try:
        model = load(folder, device="cpu", **options)
        prompt = tiny_prompt(model)
        logits = model.logits(prompt)
        model.generate(prompt, 2)
    except WorkbenchError as error:
        logits, message = None, str(error)
    else:
        message = ""
    assert logits is not None or message.strip()
    assert "\x1b" not in message
    return logits


@pytest.mark.parametrize(("group", "part"), [(group, part) for group in GROUPS for part in range(4)])
def test_a_hostile_folder_does_no_harm(
    group: str, part: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = tiny_model().logits(tiny_prompt(tiny_model()))
    outside = tmp_path / "outside"
    shutil.copytree(tiny_folder(), outside)
    (outside / "secret").write_text("secret")
    run = outside / "run"
    run.write_text(f"#!/bin/sh\ntouch {outside / 'ran'}\n")
    run.chmod(0o755)
    found: Counter[str] = Counter()
    for number, entry in enumerate(hostile(group)[part::4]):
        folder = Path(shutil.copytree(tiny_folder(), tmp_path / f"model-{number}"))
        entry.harm(folder, outside)
        monkeypatch.chdir(folder)
        started = time.monotonic()
        with watched(outside) as seen:
            logits = attempt(folder, entry.options)
        assert time.monotonic() - started < MOST_SECONDS, entry.name
        assert not (outside / "ran").exists(), entry.name
        assert not seen, (entry.name, seen)
        if entry.harmless:
            assert logits is not None, entry.name
            assert torch.equal(logits, plain), entry.name
        found["refused" if logits is None else "loaded"] += 1
        monkeypatch.chdir(tmp_path)
        shutil.rmtree(folder)
    print(f"{group} {part}: {dict(found)}")


def test_there_are_as_many_hostile_folders_as_are_told() -> None:
    counts = {group: len(hostile(group)) for group in GROUPS}
    print(counts)
    names = [entry.name for group in GROUPS for entry in hostile(group)]
    assert len(set(names)) == len(names)
    assert sum(counts.values()) >= 132


def test_the_traces_would_show(tmp_path: Path) -> None:
    """The program, the pickle and the watch do what they are there for."""
    exec(code(tmp_path))
    assert (tmp_path / "ran").exists()
    (tmp_path / "ran").unlink()
    pickle.loads(pickle.dumps(Bomb(tmp_path)))
    assert (tmp_path / "ran").exists()
    with watched(tmp_path) as seen:
        (tmp_path / "ran").read_text()
    assert seen == [str(tmp_path / "ran")]
