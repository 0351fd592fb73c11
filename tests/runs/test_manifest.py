"""What a run says about itself, and what a manifest from outside may say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import RunError
from workbench.runs.manifest import is_legacy, new_manifest, read_manifest, settings_sum


class Model:
    device = "cpu"


def made(**settings: Any) -> dict[str, Any]:
    return new_manifest("sweep", {"model": "m", "data": "d", "samples": 2, "seed": 0, **settings}, Model())


def written(folder: Path, manifest: Any) -> Path:
    path = folder / "manifest.json"
    path.write_text(json.dumps(manifest), encoding="utf-8")
    return path


def test_a_manifest_comes_back_as_it_was_written(tmp_path: Path) -> None:
    manifest = made(flows=["video -> last"], style=None)
    assert read_manifest(written(tmp_path, manifest)) == manifest
    assert not is_legacy(manifest)


def test_what_an_older_version_did_not_write_may_be_missing(tmp_path: Path) -> None:
    old = {"format": 1, "kind": "sweep", "settings": {"model": "m"}, "resumed": ["2025-01-01T00:00:00+00:00"]}
    found = read_manifest(written(tmp_path, old))
    assert is_legacy(found)
    assert (found["finished"], found["command"], found["versions"]) == (None, None, {})


@pytest.mark.parametrize("key", ["model", "seed", "samples", "flows"])
def test_settings_that_were_changed_are_refused(tmp_path: Path, key: str) -> None:
    manifest = made(flows=["video -> last"])
    others = {"model": "n", "seed": 1, "samples": 3, "flows": ["last -> last"]}
    manifest["settings"][key] = others[key]
    with pytest.raises(RunError, match=r"settings in .* are damaged, or were changed"):
        read_manifest(written(tmp_path, manifest))


def test_settings_are_their_content_whatever_the_order() -> None:
    one, two = {"kind": "a", "settings": {"x": 1, "y": 2}}, {"kind": "a", "settings": {"y": 2, "x": 1}}
    assert settings_sum(one) == settings_sum(two)
    assert settings_sum(one) != settings_sum({**one, "kind": "b"})


WRONG: dict[str, list[Any]] = {
    "format": [None, "1", [1], 1.5, 2, -1, 10**400, True],
    "kind": [None, 5, ["sweep"], {}],
    "settings": [None, [], "x", 7],
    "resumed": [None, {}, "x", [5], [None]],
    "finished": [5, [], {}, False],
    "command": [5, []],
    "versions": [None, [], "x", {"torch": 2}, {"torch": None}],
    "created": [None, 5],
    "platform": [None, 5],
    "device_name": [None, 5],
    "settings_sha256": [5, "", "0" * 64],
}
WRONG_SETTINGS: dict[str, list[Any]] = {
    "samples": [None, "2", -1, 2.5, 10**30, [], True],
    "seed": [None, "abc", "0", -1, 1.5, 10**30, [], True],
    "model": [None, 5, []],
    "data": [None, 5, []],
    "flows": [None, "video -> last", [5], [None], {}],
    "windows": [None, "centred(3)", [5]],
    "dtype": [None, 5],
    "only_correct": [None, "yes", 1],
}


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key, values in WRONG.items() for value in values]
)
def test_a_key_of_another_type_is_refused_in_words(tmp_path: Path, key: str, value: Any) -> None:
    path = written(tmp_path, {**made(), key: value})
    with pytest.raises(RunError, match=r"is not a run's manifest|has format|were changed") as caught:
        read_manifest(path)
    assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key, values in WRONG_SETTINGS.items() for value in values]
)
def test_a_setting_of_another_type_is_named(tmp_path: Path, key: str, value: Any) -> None:
    manifest = made()
    manifest["settings"][key] = value
    manifest["settings_sha256"] = settings_sum(manifest)
    with pytest.raises(RunError, match=rf"is not a run's manifest .*settings\.{key}"):
        read_manifest(written(tmp_path, manifest))


@pytest.mark.parametrize("key", ["format", "kind", "settings", "resumed"])
def test_a_key_that_is_missing_is_named(tmp_path: Path, key: str) -> None:
    manifest = made()
    del manifest[key]
    with pytest.raises(RunError, match=rf"is not a run's manifest .*{key}"):
        read_manifest(written(tmp_path, manifest))


@pytest.mark.parametrize("content", [b"[" * 100_000, b"\xff\xfe", b"", b"{", b"[]", b"5", b"null", b'"x"'])
def test_what_is_no_manifest_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(RunError, match="is not a run's manifest"):
        read_manifest(tmp_path / "manifest.json")


def test_a_folder_or_a_huge_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").mkdir()
    with pytest.raises(RunError, match="is a folder"):
        read_manifest(tmp_path / "manifest.json")
    with (tmp_path / "sparse.json").open("wb") as file:
        file.truncate(2**33)
    with pytest.raises(RunError, match="bytes; at most"):
        read_manifest(tmp_path / "sparse.json")
