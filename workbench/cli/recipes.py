"""workbench run RECIPE --model M --data D --out DIR"""

from __future__ import annotations

from argparse import ArgumentParser, _SubParsersAction

from workbench.cli.printed import print_table
from workbench.cli.status import FAILED
from workbench.errors import RunError

NAME = "run"


def add(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Its line in the list; `run` reads its words."""
    commands.add_parser(NAME, help="run a recipe; goes on with a run that was stopped", add_help=False)


def run(words: list[str]) -> int:
    """Run a recipe with its own options. Raises WorkbenchError."""
    from workbench.recipe import find_recipe, recipe_names

    if not words or words[0] in ("-h", "--help"):
        print("usage: workbench run RECIPE --model M --data D --out DIR [--limit N] [more options]\n")
        print("RECIPE is one of these, or a file of your own (./my_recipe.py):\n")
        print_recipes()
        print("\nworkbench run RECIPE --help shows a recipe's options.")
        return 0 if words else FAILED
    if words[0].startswith("-"):
        known = ", ".join(recipe_names())
        raise RunError(f"The recipe comes first: workbench run RECIPE {words[0]} ... Recipes: {known}.")
    import tyro

    from workbench.runs.manifest import made_by

    recipe = find_recipe(words[0])
    from workbench.cli.places import with_out_here

    with with_out_here(words) as local, made_by(["workbench", "run", *words]):
        tyro.cli(recipe, args=local[1:], prog=f"workbench run {words[0]}").run()
    return 0


def print_recipes() -> None:
    """What recipes there are."""
    from workbench.recipe import find_recipe, recipe_names

    rows = []
    for name in recipe_names():
        words = (find_recipe(name).__doc__ or "").strip()
        rows.append((name, words.partition("\n")[0]))
    print_table(("recipe", "what it finds"), rows)
