"""What every page has: its policy, and names from outside as text."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import jinja2
import pytest

from workbench.pages import html

FOLDER = Path(html.__file__).parent
EVIL = "<img src=x onerror=alert(1)>"


def policy(page: str) -> str:
    (found,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    return found


def test_every_template_is_a_page_with_the_policy() -> None:
    names = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.j2")} - {"base.html.j2"}
    assert len(names) == 4, names
    for name in names:
        assert (FOLDER / name).read_text(encoding="utf-8").startswith('{% extends "base.html.j2" %}\n'), name
    for path in FOLDER.rglob("*.py"):
        assert "<!doctype" not in path.read_text(encoding="utf-8").lower(), path


def test_a_page_without_scripts_may_run_none_and_shows_names_as_text() -> None:
    page = html.render("findings.html.j2", title=EVIL, about=EVIL, rows=[], colors={})
    assert policy(page).startswith("default-src 'none'; style-src")
    assert EVIL not in page
    assert page.count("&lt;img") == 3
    assert page.endswith("</html>\n")


def test_a_page_runs_its_own_scripts_and_loads_nothing() -> None:
    """By their hashes, computed here again from what stands in the page, as a browser does."""
    programs = ("let a = 1 < 2 && 3;", "b('ü');\n")
    page = html.render("document.html.j2", title="t", heading=EVIL, about="", parts=[], programs=programs)
    written = re.findall(r'<script type="text/javascript">(.*?)</script>', page, flags=re.DOTALL)
    assert tuple(written) == programs
    digests = [hashlib.sha256(text.encode("utf-8")).digest() for text in written]
    hashes = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    assert policy(page).startswith(f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; ")
    assert "unsafe-inline" not in policy(page).partition("style-src")[0]
    assert "http" not in policy(page)
    assert EVIL not in page
    assert "font: 15px/1.5 Inter, 'Segoe UI'" in page


def test_data_cannot_end_its_element() -> None:
    value = {"</script>": "<!-- & <script>"}
    text = html.as_data(json.dumps(value))
    assert not {"<", ">", "&"} & set(text)
    assert json.loads(text) == value


def test_what_a_template_needs_must_be_there() -> None:
    with pytest.raises(jinja2.UndefinedError, match="rows"):
        html.render("findings.html.j2", title="t", about="", colors={})
