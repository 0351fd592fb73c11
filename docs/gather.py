"""Gathers the site's pages in build/docs, from which `make docs` builds it: `python docs/gather.py`.

Written pages are those of docs/, of benchmarks/ and the changes. What the code says of itself is not written
twice: the public names, hook points, columns and commands are asked from it.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

import workbench as wb
from workbench.errors import RunError

ROOT = Path(__file__).parents[1]
OUT = ROOT / "build" / "docs"
_PAGES = {"CHANGELOG.md": "changes.md", "benchmarks/README.md": "benchmarks.md", "SECURITY.md": "security.md"}
"""Pages that lie outside docs/, and what they are called on the site."""
_LINK = re.compile(r"(?P<before>!?\[[^\]]*\]\()(?P<target>[^)#\s]+)(?P<after>[^)]*\))")


def main() -> None:
    """Write all pages anew."""
    shutil.rmtree(OUT, ignore_errors=True)
    written = {path: path.relative_to(ROOT / "docs") for path in sorted((ROOT / "docs").rglob("*.md"))}
    written |= {ROOT / source: Path(name) for source, name in _PAGES.items()}
    for source, name in written.items():
        text = _linked(source, source.read_text("utf-8"), written)
        _write(name, text)
    _write(Path("reference/python.md"), public_names())
    _write(Path("reference/hooks.md"), hook_points())
    _write(Path("reference/columns.md"), columns())
    _write(Path("reference/commands.md"), commands())
    _write(Path("gallery.md"), gallery())
    print(f"{len(list(OUT.rglob('*.md')))} pages in {OUT}")


def _write(name: Path, text: str) -> None:
    (OUT / name).parent.mkdir(parents=True, exist_ok=True)
    (OUT / name).write_text(text, "utf-8")


def _linked(source: Path, text: str, written: dict[Path, Path]) -> str:
    """A page whose links lead to pages of the site. A picture is taken along; a file of the project that is
    no page is named, and not linked: the site does not know where the project's files are to be seen."""
    at = written[source].parent

    def lead(found: re.Match[str]) -> str:
        target = found["target"]
        if re.match(r"[a-z]+:", target):
            return found[0]
        file = (source.parent / target).resolve()
        if not file.exists():
            raise RunError(f"{source.relative_to(ROOT)} links to {target}, which does not exist.")
        if file in written:
            return f"{found['before']}{os.path.relpath(written[file], at)}{found['after']}"
        if file.suffix in (".png", ".svg", ".html"):
            inside = file.relative_to(ROOT / "docs") if file.is_relative_to(ROOT / "docs") else None
            name = inside or Path("files") / file.name
            (OUT / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, OUT / name)
            return f"{found['before']}{os.path.relpath(name, at)}{found['after']}"
        words = found["before"].lstrip("!")[1:-2]
        return f"{words} (`{file.relative_to(ROOT)}`)"

    return _LINK.sub(lead, text)


def public_names() -> str:
    """A section for every name of `workbench`, from its docstring. Raises RunError for one without."""
    lines = ["# Python", "", "Every public name: `import workbench as wb`.", ""]
    for name in sorted(wb.__all__, key=str.lower):
        value = getattr(wb, name)
        if name == "__version__":
            continue
        if not (value.__doc__ or "").strip():
            raise RunError(f"wb.{name} has no docstring, and everything public has one.")
        home = value.__name__ if name in ("errors", "figures") else f"{value.__module__}.{value.__qualname__}"
        lines += [f"## wb.{name}", "", f"::: {home}", "    options:", "      show_root_heading: false", ""]
    return "\n".join(lines)


def hook_points() -> str:
    """The hook points of every family, by the tiny models that the tests run on."""
    from tests.tiny import DECODER_NAMES, tiny_model
    from workbench.models.hooks import hook_names

    found: dict[str, list[str]] = {}
    for family in DECODER_NAMES:
        for name in dict.fromkeys(re.sub(r"\.\d+\.", ".N.", name) for name in hook_names(tiny_model(family))):
            found.setdefault(name, []).append(family)
    lines = [
        "# Hook points",
        "",
        "TransformerLens' names; N is the number of a layer, from 0. Where a family lacks one, its",
        "architecture has no such place. Shapes stand in `workbench/models/hooks/points.py`.",
        "",
        "| name | families |",
        "|---|---|",
    ]
    every = len(DECODER_NAMES)
    for name, families in found.items():
        lines.append(f"| `{name}` | {'all' if len(families) == every else ', '.join(families)} |")
    return "\n".join([*lines, ""])


def columns() -> str:
    """Every column of the tables that all runs have, with the docstrings of the rows' classes."""
    lines = ["# Tables and files", ""]
    for heading, module, name in (
        ("A sweep: `effects.parquet`, `run.table`", "workbench/runs/tables.py", "Effect"),
        ("Samples: `samples.parquet`, `run.samples`", "workbench/runs/tables.py", "SampleRow"),
        (
            "Tokens of an answer: `tokens.parquet`, `wb.flows_while_writing`",
            "workbench/analyses/writing/measurement.py",
            "StepRow",
        ),
        ("Answers under cuts: `study`", "workbench/analyses/study/measurement.py", "CaseRow"),
    ):
        lines += [f"## {heading}", "", "| column | type | what it is |", "|---|---|---|"]
        lines += [f"| `{column}` | `{kind}` | {said} |" for column, kind, said in _fields(module, name)]
        lines.append("")
    house = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    start = house.index("## A run folder")
    return "\n".join([*lines, house[start:]])


def _fields(module: str, name: str) -> Iterator[tuple[str, str, str]]:
    """Fields of a class with their annotations and docstrings, from its source."""
    tree = ast.parse((ROOT / module).read_text("utf-8"))
    (found,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name]
    for place, node in enumerate(found.body):
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        after = found.body[place + 1] if place + 1 < len(found.body) else None
        told = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        said = " ".join(str(after.value.value).split()) if told else ""  # pyright: ignore[reportAttributeAccessIssue, reportOptionalMemberAccess]
        yield node.target.id, ast.unparse(node.annotation).replace("|", "\\|"), said.replace("|", "\\|")


def commands() -> str:
    """What the command line says of itself."""
    from workbench.recipe import find_recipe, recipe_names

    lines = ["# Commands", "", "```", _said("--help"), "```", "", "## Recipes", ""]
    for name in recipe_names():
        first = (find_recipe(name).__doc__ or "").strip().partition("\n")[0]
        lines += [f"### {name}", "", first, "", "```", _said("run", name, "--help"), "```", ""]
    return "\n".join(lines)


def _said(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "workbench", *words],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return done.stdout.strip()


def gallery() -> str:
    """A picture, a sentence and a command each, as docs/gallery.yml lists them."""
    lines = ["# Gallery", "", "What each command leaves, on the embedded model.", ""]
    for entry in yaml.safe_load((ROOT / "docs" / "gallery.yml").read_text("utf-8")):
        picture = ROOT / "docs" / entry["picture"]
        if not picture.is_file():
            raise RunError(f"docs/gallery.yml names {entry['picture']}, which does not exist.")
        (OUT / entry["picture"]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(picture, OUT / entry["picture"])
        lines += [
            f"## {entry['title']}",
            "",
            f"![{entry['shows']}]({entry['picture']})",
            "",
            entry["shows"],
            "",
            "```",
            entry["command"].strip(),
            "```",
            "",
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
