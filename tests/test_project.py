"""The files around the package agree with one another."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import workbench
from tests import ROOT

MAX_FILE_BYTES = 35_000_000
MAX_MODULE_LINES = 300
LONG_MODULES: frozenset[str] = frozenset()
"""Modules that may be longer, because a reader is better served by one file."""
WITHOUT_TESTS_OF_THEIR_OWN = {
    "__main__.py": "tests/cli/test_main.py runs it",
    "cli/status.py": "two constants, which tests/cli compares with what commands give",
    "engine/accelerated/departures.py": "tests/engine/accelerated/test_accelerate.py runs every path of it",
    "prompts/turn.py": "two tuples without a method",
    "runs/record.py": "two tuples without a method",
    "version.py": "one constant, which a test below compares with the change log",
}
"""Modules without a test file of their own name, each with the reason."""


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    """Every file under version control that exists."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


def pins() -> dict[str, Version]:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    entries = [Requirement(line) for line in lines if line and not line.startswith("#")]
    for entry in entries:
        assert re.fullmatch(r"==[0-9][0-9a-z.]*", str(entry.specifier)), (
            f"{entry} is not one exact public version"
        )
        assert entry.url is None
    return {canonicalize_name(entry.name): Version(str(entry.specifier)[2:]) for entry in entries}


def test_environment_has_the_ranges_of_pyproject(project: dict[str, Any]) -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    python, *_, from_pip = environment["dependencies"]
    assert python == "python" + project["requires-python"]
    *listed, itself = from_pip["pip"]
    assert itself == "-e ."
    assert listed == project["dependencies"] + project["optional-dependencies"]["notebooks"]


def test_constraints_lie_in_the_ranges_of_pyproject(project: dict[str, Any]) -> None:
    exact = pins()
    wanted = [Requirement(entry) for entry in project["dependencies"]]
    for extra in project["optional-dependencies"].values():
        wanted += [Requirement(entry) for entry in extra]
    for requirement in wanted:
        name = canonicalize_name(requirement.name)
        if name == project["name"]:
            continue
        assert name in exact, f"constraints.txt lacks {name}"
        assert exact[name] in requirement.specifier, (
            f"{name}=={exact[name]} is outside {requirement.specifier}"
        )


def test_every_runtime_range_has_both_ends(project: dict[str, Any]) -> None:
    for requirement in map(Requirement, project["dependencies"]):
        operators = {specifier.operator for specifier in requirement.specifier}
        assert operators in ({">=", "<"}, {"=="}), f"{requirement} needs a lowest and a highest version"


def test_citation_names_both_papers_and_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == workbench.__version__
    assert [paper["title"] for paper in citation["references"]] == [
        "Map the Flow: Revealing Hidden Pathways of Information in VideoLLMs",
        "An Empirical Study on How Video-LLMs Answer Video Questions",
    ]
    assert [paper["year"] for paper in citation["references"]] == [2026, 2026]
    for paper in citation["references"]:
        assert paper["authors"]
        assert all(set(author) == {"family-names", "given-names"} for author in paper["authors"])


def test_version_is_written_once_and_the_changelog_knows_it(project: dict[str, Any]) -> None:
    assert "version" not in project
    assert project["dynamic"] == ["version"]
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert newest is not None
    assert newest.group(1) == workbench.__version__


def test_no_tracked_file_is_too_big(tracked: list[Path]) -> None:
    assert {str(path): size for path in tracked if (size := path.stat().st_size) > MAX_FILE_BYTES} == {}


def test_modules_can_be_read_in_one_sitting(tracked: list[Path]) -> None:
    long = {
        name: lines
        for path in tracked
        if path.suffix == ".py"
        and (name := path.relative_to(ROOT).as_posix()).startswith(("workbench/", "recipes/"))
        and name not in LONG_MODULES
        and (lines := len(path.read_text("utf-8").splitlines())) > MAX_MODULE_LINES
    }
    assert long == {}


def test_every_module_has_a_test_file_of_its_own_name(tracked: list[Path]) -> None:
    """workbench/a/b.py has tests/a/test_b.py, so that nobody has to look for it."""
    names = {path.relative_to(ROOT).as_posix() for path in tracked}
    modules = {
        name.removeprefix("workbench/")
        for name in names
        if name.startswith("workbench/") and name.endswith(".py") and not name.endswith("/__init__.py")
    }
    without = {
        module
        for module in modules
        if f"tests/{Path(module).with_name('test_' + Path(module).name)}" not in names
    }
    assert without == set(WITHOUT_TESTS_OF_THEIR_OWN)
    recipes = {name.removeprefix("recipes/") for name in names if re.fullmatch(r"recipes/\w+\.py", name)}
    assert {recipe for recipe in recipes if f"tests/recipes/test_{recipe}" not in names} == set()


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_commands_in_the_pages_exist(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    asked = set(
        re.findall(r"^make ([a-z-]+)|`make ([a-z-]+)", (ROOT / page).read_text("utf-8"), re.MULTILINE)
    )
    names = {first or second for first, second in asked}
    assert names
    assert names <= targets


def test_files_that_the_pages_link_to_exist() -> None:
    for page in ("README.md", "CONTRIBUTING.md"):
        for link in re.findall(r"\]\(([^)#]+)", (ROOT / page).read_text("utf-8")):
            if not link.startswith(("http://", "https://")):
                assert (ROOT / link).exists(), f"{page} links to {link}"


def test_code_in_the_readme_uses_public_names() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        compile(block, "README.md", "exec")
        assert set(re.findall(r"\bwb\.(\w+)", block)) <= set(workbench.__all__)


@pytest.mark.parametrize("name", sorted(workbench.__all__))
def test_public_names_resolve(name: str) -> None:
    assert getattr(workbench, name) is not None


def test_nothing_tracked_names_a_machine(tracked: list[Path]) -> None:
    """No absolute path of a machine, no package index but the one that the README explains."""
    machine = re.compile(
        rb"(?<![\w.:/-])/(?:home|root|Users|work|mnt|opt)/\w|file:///|"
        + b"|".join(re.escape(str(place).encode()) + b"/" for place in (ROOT, Path.home()))
    )
    index = re.compile(rb"index-url[ =]+(?!https://download\.pytorch\.org/whl/cpu)\S+")
    found = []
    for path in tracked:
        if path == Path(__file__).resolve():
            continue
        content = path.read_bytes()
        found += [
            f"{path}: {match.group()!r}"
            for pattern in (machine, index)
            for match in pattern.finditer(content)
        ]
    assert found == []


def test_nothing_is_left_to_do_and_torchvision_is_never_imported(tracked: list[Path]) -> None:
    unwanted = re.compile(r"\b(?:TODO|FIXME|XXX)\b|^\s*(?:import|from) torchvision\b", re.MULTILINE)
    found = [
        f"{path}: {match.group()!r}"
        for path in tracked
        if path.suffix in {".py", ".md", ".ipynb"} and path != Path(__file__).resolve()
        for match in unwanted.finditer(path.read_text("utf-8"))
    ]
    assert found == []


def test_wheel_carries_the_data(tracked: list[Path]) -> None:
    """All that is tracked under workbench/ and recipes/ is in the wheel, below workbench/."""
    inside = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    names = [path.relative_to(ROOT).as_posix() for path in tracked]
    wanted = {name for name in names if name.startswith("workbench/")}
    wanted |= {f"workbench/{name}" for name in names if name.startswith("recipes/")}
    assert "workbench/py.typed" in wanted
    assert wanted - inside == set()
    assert {name for name in inside if not name.startswith("workbench/")} == set()


def test_import_is_instant() -> None:
    """`import workbench` must not load torch: the command line prints its help without it."""
    program = "import sys, workbench; print(sorted({'torch', 'nnsight', 'pandas'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_command_starts_the_cli(project: dict[str, Any]) -> None:
    module, _, function = project["scripts"]["workbench"].partition(":")
    assert callable(getattr(importlib.import_module(module), function))
