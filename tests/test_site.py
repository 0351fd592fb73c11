"""The site: pages that lead somewhere, and a place for every one of them."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

import workbench as wb
from tests import ROOT
from workbench.errors import RunError

GENERATED = {f"reference/{name}.md" for name in ("python", "hooks", "columns", "commands")} | {"gallery.md"}


@pytest.fixture
def gather(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("gather", Path(ROOT) / "docs" / "gather.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "OUT", tmp_path / "site")
    return module


def pages_of(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    for part in nav if isinstance(nav, list) else nav.values() if isinstance(nav, dict) else ():
        yield from pages_of(part)


def test_every_page_has_its_place_and_no_place_is_empty(gather: ModuleType) -> None:
    nav = [*pages_of(yaml.safe_load((Path(ROOT) / "mkdocs.yml").read_text("utf-8"))["nav"])]
    written = {
        path.relative_to(Path(ROOT) / "docs").as_posix() for path in (Path(ROOT) / "docs").rglob("*.md")
    }
    assert len(nav) == len(set(nav))
    assert set(nav) == written | set(gather._PAGES.values()) | GENERATED


def test_links_lead_to_pages_and_pictures_of_the_site(gather: ModuleType, tmp_path: Path) -> None:
    source = gather.ROOT / "docs" / "index.md"
    written = {source: Path("index.md"), gather.ROOT / "benchmarks" / "README.md": Path("bench/marks.md")}
    text = "[a](../benchmarks/README.md#b), [c](https://d.e), ![f](information_flow.png), [g](../Makefile)"
    found = gather._linked(source, text, written)
    assert found == ("[a](bench/marks.md#b), [c](https://d.e), ![f](information_flow.png), g (`Makefile`)")
    assert (tmp_path / "site" / "information_flow.png").is_file()
    with pytest.raises(RunError, match=r"docs/index\.md links to nowhere\.md"):
        gather._linked(source, "[a](nowhere.md)", written)


def test_every_public_name_has_a_section(gather: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    page = gather.public_names()
    assert set(re.findall(r"^## wb\.(\w+)$", page, flags=re.M)) == {*wb.__all__} - {"__version__"}
    monkeypatch.setattr(wb.Flow, "__doc__", " ")
    with pytest.raises(RunError, match=r"wb\.Flow has no docstring"):
        gather.public_names()


def test_columns_come_from_the_code(gather: ModuleType) -> None:
    page = gather.columns()
    for column in ("change_percent", "p_knockout", "sample_id", "manifest.json"):
        assert column in page


def test_the_gallery_shows_pictures_that_exist(gather: ModuleType) -> None:
    page = gather.gallery()
    for picture in re.findall(r"!\[[^\]]*\]\(([^)]*)\)", page):
        assert (gather.OUT / picture).is_file()
