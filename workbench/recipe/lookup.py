"""Recipes by name: those of the project, and files of your own."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from workbench.errors import RunError, near_matches
from workbench.recipe.settings import Recipe


def recipes_folder() -> Path:
    """Where the recipes of the project are: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).parents[1]
    inside = package / "recipes"
    return inside if inside.is_dir() else package.parent / "recipes"


def recipe_names() -> list[str]:
    """The recipes of the project, by name."""
    return sorted(file.stem for file in recipes_folder().glob("*.py") if not file.stem.startswith("_"))


def find_recipe(recipe: str | Path) -> type[Recipe]:
    """The recipe of that name, or the one in a file of your own ("my_recipe.py").

    Raises RunError where there is none, with near matches, or where the file holds no recipe or several.
    """
    text = str(recipe)
    if text.endswith(".py") or "/" in text or "\\" in text:
        file = Path(text).expanduser()
        if not file.is_file():
            raise RunError(
                f"There is no recipe file {text}. Recipes of the project: {', '.join(recipe_names())}."
            )
        return _recipe_in(_import(file, f"workbench_recipe_{file.stem}"), file)
    known = recipe_names()
    if text not in known:
        raise RunError(
            f"There is no recipe {text!r}.{near_matches(text, known)} Recipes: {', '.join(known)}. "
            "A file of your own needs its .py: ./my_recipe.py"
        )
    file, name = recipes_folder() / f"{text}.py", f"workbench.recipes.{text}"
    return _recipe_in(sys.modules.get(name) or _import(file, name), file)


def _import(file: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by name.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (SyntaxError, ImportError) as error:
        raise RunError(f"The recipe {file} cannot be read: {type(error).__name__}: {error}") from error
    return module


def _recipe_in(module: ModuleType, file: Path) -> type[Recipe]:
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Recipe) and value.__module__ == module.__name__
    ]
    if len(found) != 1:
        names = ", ".join(value.__name__ for value in found) or "none"
        raise RunError(
            f"{file} must hold exactly one subclass of workbench.recipe.Recipe; it holds {names}. "
            "Copy a recipe of the project to start from."
        )
    return found[0]
