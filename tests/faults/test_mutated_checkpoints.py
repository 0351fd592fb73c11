"""Thousands of files of tiny checkpoints, each changed somewhere: an error of ours, or a model that runs."""

from __future__ import annotations

import copy
import json
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.tiny import FAMILY_NAMES, FamilyName, tiny_folder, tiny_model, tiny_prompt
from workbench.errors import NotFinite, WorkbenchError
from workbench.models import load

pytestmark = pytest.mark.faults

MUTATIONS = 1200
"""Of all files together."""
BATCHES = 24
MOST_SECONDS = 90
"""A folder may take no longer, on a machine that is busy with something else."""

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 3, 7, 64, 10**4, 10**9, 2**63, 10**30, -(10**12)),
    *(0.0, 0.5, -1.5, 1e30, 1e-30, 1e308, float("nan"), float("inf"), float("-inf")),
    *("", "x", "default", "../x", "/dev/zero", "a\0b", "\x1b[2J", "ü", "9" * 100, "x" * 5000, "<video>"),
    *([], {}, [[]], [None], [1, 2, 3], ["a"], {"a": 1}, {"rope_type": "yarn"}, {"": None}, [{}] * 3),
)
FILES = (
    "config.json",
    "config.json",
    "model.safetensors.index.json",
    "video_preprocessor_config.json",
    "processor_config.json",
    "chat_template.json",
    "chat_template.jinja",
    "tokenizer_config.json",
    "tokenizer.json",
    "generation_config.json",
    "model-00001-of-00002.safetensors",
    "model-00001-of-00002.safetensors",
)
"""What is mutated in turn; what decides more comes twice."""
HIDDEN_BY = {
    "chat_template.json": "chat_template.jinja",
    "video_preprocessor_config.json": "processor_config.json",
}
"""Files that are read only where another is not."""


@cache
def sharded(family: FamilyName) -> Path:
    """The tiny checkpoint in all the files that a checkpoint can have."""
    folder = tiny_folder(family).with_name(f"{family}-sharded")
    shutil.copytree(tiny_folder(family), folder)
    (folder / "model.safetensors").unlink()
    size = (tiny_folder(family) / "model.safetensors").stat().st_size
    tiny_model(family).hf.save_pretrained(folder, max_shard_size=size * 2 // 3)
    template = (folder / "chat_template.jinja").read_text("utf-8")
    pixels = json.loads((folder / "video_preprocessor_config.json").read_text("utf-8"))
    (folder / "processor_config.json").write_text(json.dumps({"video_processor": pixels}))
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": template}))
    return folder


def nodes(value: Any) -> Iterator[tuple[Any, Any]]:
    """(container, key) of everything in a json value."""
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inside in list(entries):
        yield value, key
        if isinstance(inside, dict | list):
            yield from nodes(inside)


def changed_json(content: bytes, rng: random.Random) -> bytes:
    """The same json with some of its values replaced, taken out, moved or wrapped."""
    said = json.loads(content)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        places = list(nodes(said))
        if not places:
            break
        # Long tables (a vocabulary) would else take every blow.
        short = [place for place in places if len(place[0]) < 60]
        container, key = rng.choice(short if short and rng.random() < 0.9 else places)
        kind = rng.choice(("value", "value", "value", "gone", "number", "name", "wrapped", "other"))
        old = container[key]
        if kind == "gone":
            del container[key]
        elif kind == "number" and isinstance(old, int | float) and not isinstance(old, bool):
            container[key] = rng.choice((old + 1, old - 1, old * 2, -old, old / 2, str(old)))
        elif kind == "name" and isinstance(container, dict):
            container[f"{key}x"] = container.pop(key)
        elif kind == "wrapped":
            container[key] = rng.choice(([old], {"a": old}, str(old)[:200]))
        elif kind == "other":
            elsewhere, which = rng.choice(places)
            container[key] = copy.deepcopy(elsewhere[which])
        else:
            container[key] = copy.deepcopy(rng.choice(VALUES))
    return json.dumps(said).encode()


def changed_bytes(content: bytes, rng: random.Random, *, first: int | None = None) -> bytes:
    """Bytes flipped, cut out, doubled or cut off, all below `first`."""
    data = bytearray(content)
    end = min(first or len(data), len(data))
    kind = rng.choice(("flip", "flip", "replace", "gone", "doubled", "cut"))
    for _ in range(rng.choice((1, 1, 3, 20))):
        at = rng.randrange(end)
        if kind == "flip":
            data[at] ^= 1 << rng.randrange(8)
        elif kind == "replace":
            data[at] = rng.randrange(256)
    at = rng.randrange(end)
    if kind == "gone":
        del data[at : at + rng.randrange(1, 40)]
    elif kind == "doubled":
        data[at:at] = data[at : at + rng.randrange(1, 40)]
    elif kind == "cut":
        del data[at:]
    return bytes(data)


def changed_header(content: bytes, rng: random.Random) -> bytes:
    """A file of weights with a header that says something else; sometimes its length is not said rightly."""
    length = int.from_bytes(content[:8], "little")
    header = changed_json(content[8 : 8 + length], rng)
    said = len(header) if rng.random() < 0.8 else rng.choice((0, 1, 2**40, 2**64 - 1, length // 2))
    return said.to_bytes(8, "little") + header + content[8 + length :]


WORDS = (
    "{%",
    "%}",
    "{{",
    "}}",
    "for",
    "endfor",
    "if",
    "messages",
    "['content']",
    "|",
    "(",
    ")",
    "raise",
    "'",
)


def changed_template(content: bytes, rng: random.Random) -> bytes:
    text = content.decode("utf-8")
    for _ in range(rng.choice((1, 2, 4))):
        at = rng.randrange(len(text) + 1)
        text = text[:at] + rng.choice((*WORDS, "")) + text[at + rng.choice((0, 0, 1, 5)) :]
    return text.encode()


def mutated(name: str, content: bytes, rng: random.Random) -> bytes:
    if name.endswith(".safetensors"):
        length = 8 + int.from_bytes(content[:8], "little")
        change: Callable[[], bytes] = rng.choice(
            (lambda: changed_header(content, rng), lambda: changed_bytes(content, rng, first=length))
        )
        return change()
    if name.endswith(".jinja"):
        return changed_template(content, rng) if rng.random() < 0.8 else changed_bytes(content, rng)
    return changed_json(content, rng) if rng.random() < 0.85 else changed_bytes(content, rng)


def outcome(folder: Path) -> str:
    """What came of a folder: "refused", "no prompt" (of the kind tests make), "no numbers" or "runs"."""
    try:
        model = load(folder, device="cpu")
    except WorkbenchError as error:
        return "refused" if "\x1b" not in str(error) else "unprintable"
    try:
        prompt = tiny_prompt(model)
    except WorkbenchError as error:
        return "no prompt" if "\x1b" not in str(error) else "unprintable"
    assert model.logits(prompt).shape == (len(prompt), model.vocab_size)
    try:
        assert isinstance(model.generate(prompt, 2), str)
    except NotFinite:  # its forward works; its numbers (a mean of 1e308) do not
        return "no numbers"
    return "runs"


@pytest.mark.parametrize("batch", range(BATCHES))
def test_a_changed_file_is_refused_or_makes_a_model_that_runs(batch: int, tmp_path: Path) -> None:
    found: Counter[tuple[str, str]] = Counter()
    raw: list[str] = []
    slowest = 0.0
    for number in range(batch, MUTATIONS, BATCHES):
        rng = random.Random(number)
        family = FAMILY_NAMES[number % len(FAMILY_NAMES)]
        name = FILES[rng.randrange(len(FILES))]
        folder = Path(shutil.copytree(sharded(family), tmp_path / str(number)))
        if name in HIDDEN_BY:
            (folder / HIDDEN_BY[name]).unlink()
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(mutated(name, content, rng))
        started = time.monotonic()
        try:
            found[name, outcome(folder)] += 1
        except Exception as error:
            raw.append(f"mutation {number} of {family} {name}: {error!r}"[:500])
        slowest = max(slowest, time.monotonic() - started)
        assert slowest < MOST_SECONDS, (number, name)
        shutil.rmtree(folder)
    assert not raw, "\n".join(raw)
    assert "unprintable" not in {what for _, what in found}
    print({f"{name}: {what}": count for (name, what), count in sorted(found.items())}, f"{slowest:.1f} s")


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_unchanged_the_files_make_a_model_that_runs(family: FamilyName) -> None:
    assert outcome(sharded(family)) == "runs"


def test_there_are_as_many_mutations_as_are_told() -> None:
    assert MUTATIONS >= 1000
    contents = {
        (name, mutated(name, (sharded(FAMILY_NAMES[0]) / name).read_bytes(), random.Random(seed)))
        for name in set(FILES)
        for seed in range(100)
    }
    assert len(contents) > 0.8 * 100 * len(set(FILES))  # nearly all of them are different
