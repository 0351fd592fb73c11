"""Recipes: an experiment as a dataclass. Its fields are its settings and the options of the command line.

A recipe of your own is a file with one subclass of `Recipe`:

    @dataclass(frozen=True, kw_only=True)
    class Halves(Recipe):
        '''What the two halves of the model do.'''

        flow: str = "frames -> later frames"
        '''Which flow to cut.'''

        def run(self) -> Run:
            return wb.sweep(self.load_model(), self.load_samples(), self.flow,
                            [wb.first_half(), wb.second_half()], out=self.out)

and runs with `workbench run halves.py --model mini/video-ft --out runs/halves`. Settings that experiments
share have classes of their own, to be taken in place of `Recipe`: `Prompting` (how samples are asked),
`Studying` (and how right answers are counted), `Sweeping` (and how knockouts are run), `Windowed` (and in
which layers), `Binned` (and the pathways' bins).
"""

from __future__ import annotations

from workbench.recipe.checks import one_range
from workbench.recipe.folders import check_folder
from workbench.recipe.lookup import find_recipe, recipe_names, recipes_folder
from workbench.recipe.output import console, frame_shown, say
from workbench.recipe.settings import Binned, Count, Prompting, Recipe, Studying, Sweeping, Whole, Windowed
from workbench.recipe.sources import (
    data_source,
    given_measured,
    given_run,
    given_runs,
    given_sweep,
    usual_keywords,
)

__all__ = [
    "Binned",
    "Count",
    "Prompting",
    "Recipe",
    "Studying",
    "Sweeping",
    "Whole",
    "Windowed",
    "check_folder",
    "console",
    "data_source",
    "find_recipe",
    "frame_shown",
    "given_measured",
    "given_run",
    "given_runs",
    "given_sweep",
    "one_range",
    "recipe_names",
    "recipes_folder",
    "say",
    "usual_keywords",
]
