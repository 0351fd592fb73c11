"""Settings are checked before anything is loaded: their types, what their texts say, and where results go.

A setting of a recipe of your own that has one of the names in `_CHECKS` is checked in the same way.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Protocol, get_type_hints

from pydantic import TypeAdapter, ValidationError

from workbench.cache import DEFAULT_GB
from workbench.errors import RunError, near_matches
from workbench.interventions import Flow, LayerSpan, as_flows, parse_window
from workbench.interventions.patches import check_site
from workbench.measures import as_measures
from workbench.prompts import check_separators, check_style
from workbench.prompts.spans import Span
from workbench.recipe.folders import check_folder
from workbench.recipe.sources import data_source, given_measured, given_run, given_runs


class Settings(Protocol):
    """What a recipe is here: a dataclass that names its models and its folder."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def out(self) -> Path: ...

    def depth(self, name: str | None = None) -> int:
        """Decoder layers of a model, read from its config."""
        ...


def typed(recipe: Settings) -> dict[str, Any]:
    """Every setting as its annotation has it: a folder's name becomes a Path, a list a tuple.

    Raises RunError for a value of another kind, or out of the range that the annotation names.
    """
    hints = get_type_hints(type(recipe), include_extras=True)
    found = {}
    for field in dataclasses.fields(recipe):
        value = getattr(recipe, field.name)
        try:
            found[field.name] = _adapter(hints[field.name]).validate_python(value)
        except ValidationError as error:
            reason = error.errors(include_url=False)[0]["msg"]
            raise RunError(f"{field.name}={value!r}: {reason[:1].lower()}{reason[1:]}.") from None
    return found


def check(recipe: Settings) -> None:
    """Raise where a setting cannot be what it is meant to be. No weights are read.

    RunError, FlowError, WindowError and the like for texts that cannot be read, or that a model of this depth
    does not have; RunError for folders that hold something else; ModelError for a model that is not there.
    """
    check_folder(recipe.out)
    for field in dataclasses.fields(recipe):
        value = getattr(recipe, field.name)
        if value is not None and field.name in _CHECKS:
            _CHECKS[field.name](value, recipe)
    for name in _models(recipe):
        recipe.depth(name)


def one_range(window: str, n_layers: int, *, option: str) -> LayerSpan:
    """The layers of a window that does not move. Raises WindowError, and RunError for one that moves."""
    spans = parse_window(window).expand(n_layers)
    if len(spans) != 1:
        raise RunError(
            f"--{option} {window} is {len(spans)} ranges of layers, and one cut is asked for. Use "
            'all_layers, first_half, "after(6)" or "layers(3, 8)".'
        )
    return spans[0]


@cache
def _adapter(hint: Any) -> TypeAdapter[Any]:
    return TypeAdapter(hint)


def _models(recipe: Any) -> list[str]:
    """Every model that the recipe will load."""
    more = [*getattr(recipe, "models", ()), getattr(recipe, "image_model", None)]
    return [recipe.model, *filter(None, more)]


def _window(text: str, recipe: Settings) -> None:
    window = parse_window(text)
    for name in _models(recipe):
        window.expand(recipe.depth(name))


def _layers(layers: tuple[int, ...], recipe: Settings) -> None:
    from workbench.analyses.attention.maps import map_layers

    if layers:
        map_layers(layers, recipe.depth())


def _methods(names: tuple[str, ...], recipe: Settings) -> None:
    from workbench.analyses.attribution import as_methods

    as_methods(names)


def _heads(heads: str, recipe: Settings) -> None:
    from workbench.analyses.attention import parse_heads

    parse_heads(heads)


def _each(each: str, recipe: Any) -> None:
    from workbench.analyses.places import check_each

    check_each(each, recipe.to)


def _engine(engine: str, recipe: Settings) -> None:
    from workbench.engine import get_engine

    get_engine(engine)


def _frames(frames: str, recipe: Settings) -> None:
    from workbench.runs.encoding import read_frames

    read_frames(frames)


def _modes(modes: tuple[str, ...], recipe: Settings) -> None:
    from workbench.analyses.pathways.closing import check_modes

    check_modes(modes)


def _directions(names: tuple[str, ...], recipe: Settings) -> None:
    from workbench.analyses.patching.effects import check_directions

    check_directions(names)


def _spread(spread: str, recipe: Settings) -> None:
    from workbench.analyses.pathways.closing import check_spread

    check_spread(spread)


def _ranges(of: str, recipe: Any) -> None:
    from workbench.analyses.pathways.side_by_side import known_source

    if recipe.sweep is None:
        known_source(of, recipe.read_samples().tasks)
    else:
        known_source(of, list(dict.fromkeys(given_run(recipe.sweep, recipe.checkpoint()).table["task"])))


def _image_sweep(folder: Path, recipe: Any) -> None:
    if recipe.image_name is None:
        raise RunError("--image-sweep is given without --image-model. Name the model of that sweep.")
    given_run(folder, recipe.checkpoint(recipe.image_name))


def _also(names: tuple[str, ...], recipe: Any) -> None:
    for name in names:
        data_source(name)


def _by(column: str, recipe: Any) -> None:
    from workbench.analyses.study.search import PRICES

    if column not in PRICES:
        raise RunError(
            f"by={column!r} is no cost.{near_matches(column, PRICES)} Use one of {', '.join(PRICES)}."
        )


def _study(folder: Path, recipe: Any) -> None:
    given_measured(folder, "study", recipe.checkpoint())


def _cache_gb(gb: float, recipe: Any) -> None:
    if gb != DEFAULT_GB and recipe.cache is None:
        raise RunError(
            f"cache_gb={gb!r} is the size of a cache, and there is none without --cache. Give --cache too, "
            "or leave --cache-gb out."
        )


def _of_workers(name: str) -> Callable[[Any, Any], None]:
    """A setting that says something of workers, and would be ignored without them."""

    def checked(value: Any, recipe: Any) -> None:
        usual = next(field.default for field in dataclasses.fields(recipe) if field.name == name)
        if value != usual and recipe.workers is None:
            option = name.replace("_", "-")
            raise RunError(
                f"{name}={value!r} says where workers are, and there are none without --workers. "
                f"Give --workers too, or leave --{option} out."
            )

    return checked


def _remote(remote: str, recipe: Any) -> None:
    from workbench.models.hosting import remote_of

    remote_of(remote)
    if recipe.workers is not None:
        raise RunError(f"--remote {remote}: a server measures, so leave --workers out.")
    engine = getattr(recipe, "engine", None)
    if engine != "reference":
        what = f"--engine {engine}" if engine else "this recipe"
        raise RunError(
            f"--remote {remote}: the reference engine alone runs models elsewhere, and {what} needs their "
            "weights here. Give --engine reference where a recipe has it, or leave --remote out."
        )


def _from_logs(files: tuple[Path, ...], recipe: Any) -> None:
    for file in files:
        if not file.is_file():
            raise RunError(
                f"from_logs={str(file)!r} is no file. Give logs of lmms-eval, DATE_samples_TASK.jsonl."
            )


def _steps(steps: str, recipe: Any) -> None:
    from workbench.analyses.writing import read_steps

    read_steps(steps)


def _scoring(name: str, recipe: Any) -> None:
    from workbench.analyses.answers.accuracy import asking

    asking(recipe.ask, batch=1, max_new_tokens=1, scoring=name)


def _scores(table: Path, recipe: Any) -> None:
    from workbench.analyses.smallest import read_scores

    read_scores(table)


_CHECKS: dict[str, Callable[[Any, Any], object]] = {
    "also": _also,
    "ask": lambda ask, recipe: _scoring("workbench", recipe),
    "from_logs": _from_logs,
    "scoring": _scoring,
    "answers": lambda folder, recipe: given_measured(folder, "answer_probability", recipe.checkpoint()),
    "answers_window": lambda text, recipe: one_range(text, recipe.depth(), option="answers-window"),
    "by": _by,
    "cache": lambda folder, recipe: check_folder(folder, name="cache", of="the cache"),
    "cache_gb": _cache_gb,
    "critical_layers": _study,
    "cut_layers": lambda text, recipe: one_range(text, recipe.depth(), option="cut-layers"),
    "directions": _directions,
    "each": _each,
    "engine": _engine,
    "exit_and_window": _study,
    "flow": lambda flow, recipe: Flow.parse(flow),
    "flows": lambda flows, recipe: as_flows(flows),
    "frames": _frames,
    "gpus_per_worker": _of_workers("gpus_per_worker"),
    "ray_address": _of_workers("ray_address"),
    "separators": lambda separators, recipe: check_separators(separators),
    "groups": lambda groups, recipe: recipe.task_groups,
    "heads": _heads,
    "image_sweep": _image_sweep,
    "layers": _layers,
    "measures": lambda names, recipe: as_measures(names),
    "methods": _methods,
    "mode": lambda mode, recipe: _modes((mode,), recipe),
    "modes": _modes,
    "pathways": lambda folder, recipe: given_measured(folder, "suffice", recipe.checkpoint()),
    "ranges": _ranges,
    "remote": _remote,
    "rows": lambda span, recipe: Span.parse(span),
    "runs": lambda folders, recipe: given_runs(folders, _models(recipe)),
    "sites": lambda names, recipe: [check_site(name) for name in names],
    "spans": lambda spans, recipe: [Span.parse(span) for span in spans],
    "scores": _scores,
    "spread": _spread,
    "steps": _steps,
    "style": lambda style, recipe: check_style(style),
    "sweep": lambda folder, recipe: given_run(folder, recipe.checkpoint()),
    "two_stages": _study,
    "which_attention": _study,
    "window": _window,
}
