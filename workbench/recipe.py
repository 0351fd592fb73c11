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

and runs with `workbench run halves.py --model mini/video-ft --out runs/halves`.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

from workbench.errors import RunError, near_matches

if TYPE_CHECKING:
    from rich.console import Console

    from workbench.data import Samples
    from workbench.models import VideoLLM


@dataclass(frozen=True, kw_only=True)
class Recipe(ABC):
    """The settings that every experiment has."""

    paper_tasks: ClassVar[tuple[str, ...]] = ()
    """The paper's tasks, which `preferred_tasks` offers; empty stands for all."""
    model: str
    """mini/video-ft, mini/image, a folder with a checkpoint, or an id on the hub."""
    out: Path
    """Folder for the results. A run that was stopped goes on from what it holds."""
    data: str = "mini"
    """mini, mini/moving_direction,object_count, tvbench:/path/to/TVBench, or a folder in TVBench's
    format."""
    tasks: tuple[str, ...] = ()
    """Tasks of the data set to use; empty lets the recipe choose."""
    limit: int | None = None
    """Samples a task; all of them if not given."""
    device: str | None = None
    """cuda, cuda:1 or cpu; a GPU where there is one if not given."""
    dtype: str | None = None
    """float32, bfloat16 or float16; bfloat16 on a GPU and float32 on a CPU if not given."""
    seed: int = 0
    """For everything that is drawn at random, bootstrap intervals among them."""

    @abstractmethod
    def run(self) -> Any:
        """Do the experiment, leave its files in `out`, and give its result back."""

    def load_model(self) -> VideoLLM:
        """The model. Raises ModelError."""
        import workbench as wb

        return wb.load(self.model, device=self.device, dtype=self.dtype)

    def load_samples(self, *, tasks: tuple[str, ...] = (), limit: int | None = None) -> Samples:
        """The samples; `tasks` and `limit` are what the recipe prefers where the user does not say.

        Raises SampleError.
        """
        import workbench as wb

        name, root = data_source(self.data)
        names_tasks = root is None and "/" in name and name.partition("/")[0] == "mini"
        preferred = () if names_tasks else tasks
        return wb.samples(
            name,
            root=root,
            tasks=self.tasks or preferred or None,
            limit=self.limit if self.limit is not None else limit,
        )

    def preferred_tasks(self) -> tuple[str, ...]:
        """The paper's tasks where the data set has them; none, which is all, for others."""
        name, _ = data_source(self.data)
        return self.paper_tasks if name in ("mini", "tvbench") else ()


def refuse_other_model(model: VideoLLM, manifest: Mapping[str, Any], folder: Path, what: str = "run") -> None:
    """Raise RunError where a run in `folder` is of another model than the one asked for."""
    found = manifest["settings"]["model"]
    if found != model.name:
        raise RunError(f"{folder} is a {what} of {found!r}, and the model asked for is {model.name!r}.")


def usual_keywords(data: str) -> str:
    """The name of the keyword lists for a data set: the embedded world's own, or those of Map the Flow."""
    name, _ = data_source(data)
    return "mini" if name.partition("/")[0] == "mini" else "mtf"


def data_source(data: str) -> tuple[str, str | None]:
    """The name of a data set and its folder: "tvbench:/path" gives ("tvbench", "/path"), others have none."""
    from workbench.data import DATASETS

    # One letter before the colon is a drive.
    found = re.fullmatch(r"(?P<name>\w{2,}):(?P<root>.+)", data.strip())
    if not found:
        return data.strip(), None
    name = found["name"].lower()
    if name not in DATASETS:
        known = ", ".join(DATASETS)
        raise RunError(
            f"data {data!r} names no known data set ({known}).{near_matches(name, DATASETS)} "
            "Write tvbench:/path/to/TVBench, or just the path of a folder in TVBench's format."
        )
    return name, found["root"]


def recipes_folder() -> Path:
    """Where the recipes of the project are: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).parent
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


def console() -> Console:
    """Where recipes print to. Tables keep their width in a log file or a pipe."""
    from rich.console import Console

    plain = Console()
    return plain if plain.is_terminal else Console(width=max(plain.width, 140))
