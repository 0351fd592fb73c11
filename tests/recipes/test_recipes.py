"""Every recipe explains itself, is short, and uses public names only."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

import workbench as wb
from workbench.recipe import find_recipe, recipe_names, recipes_folder


def test_every_recipe_explains_itself_and_every_field(capsys) -> None:
    import tyro

    assert {"information_flow", "evaluate"} <= set(recipe_names())
    for name in recipe_names():
        recipe = find_recipe(name)
        assert recipe.__doc__
        assert "(" + recipe.__name__ not in recipe.__doc__  # a dataclass without words gets its signature
        with pytest.raises(SystemExit):
            tyro.cli(recipe, args=["--help"])
        said = " ".join(capsys.readouterr().out.replace("│", " ").split())
        for field in dataclasses.fields(recipe):
            option = f"--{field.name.replace('_', '-')}"
            assert option in said
            described = re.split(r"\((default|required)", said.split(option, 1)[1])[0]
            assert len(described) > 20, f"{name} {option} has no description"


def test_recipes_are_short_and_use_public_names_only() -> None:
    """Packages, and modules that stand alone: what a user would import."""
    package = Path(wb.__file__).parent
    for name in recipe_names():
        lines = (recipes_folder() / f"{name}.py").read_text(encoding="utf-8").splitlines()
        assert len(lines) < 80, f"{name} has {len(lines)} lines"
        for line in lines:
            found = re.match(r"\s*(?:from|import) workbench\.([\w.]+)", line)
            if found:
                place = package.joinpath(*found[1].split("."))
                assert (place / "__init__.py").is_file() or place.parent == package, f"{name}: {line}"
