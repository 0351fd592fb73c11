"""Recipes by name, and in files of one's own."""

from __future__ import annotations

import dataclasses

import pytest

from workbench.errors import ModelError, RunError
from workbench.recipe import Recipe, data_source, find_recipe


def test_unknown_things_are_refused_with_near_matches(tmp_path) -> None:
    with pytest.raises(RunError, match="Did you mean 'information_flow'"):
        find_recipe("information-flow")
    with pytest.raises(RunError, match="no recipe file"):
        find_recipe(str(tmp_path / "mine.py"))
    with pytest.raises(RunError, match="Did you mean 'tvbench'"):
        data_source("tvbnch:/data")
    with pytest.raises(ModelError):
        find_recipe("evaluate")(model=str(tmp_path / "none"), out=tmp_path).run()


OWN = '''
from dataclasses import dataclass
from workbench.recipe import Recipe

@dataclass(frozen=True, kw_only=True)
class Mine(Recipe):
    """What I want to know."""

    times: int = 3
    """How often."""

    def run(self):
        return self.times
'''


def test_a_recipe_of_ones_own_is_a_file(tmp_path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(OWN)
    recipe = find_recipe(file)
    assert recipe(model="m", out=tmp_path).run() == 3
    assert issubclass(recipe, Recipe)
    with pytest.raises(dataclasses.FrozenInstanceError):
        recipe(model="m", out=tmp_path).times = 4  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = (", "cannot be read: SyntaxError"),
        ("import no_such_module", "cannot be read: ModuleNotFoundError"),
        ("from workbench.recipe import Recipe", "exactly one subclass.*it holds none"),
        (OWN + OWN.replace("Mine", "Other"), "it holds Mine, Other"),
    ],
)
def test_files_that_hold_no_recipe_are_refused(tmp_path, text, message) -> None:
    file = tmp_path / "bad.py"
    file.write_text(text)
    with pytest.raises(RunError, match=message):
        find_recipe(file)
