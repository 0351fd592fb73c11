"""Where an experiment's data come from: data sets by name, and runs that are there already."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from workbench.errors import RunError, near_matches, shown

if TYPE_CHECKING:
    import pandas as pd

    from workbench.data import Samples
    from workbench.models import VideoLLM
    from workbench.runs import Run


_MACHINE = ("dtype", "attention", "device")


class Named(Protocol):
    """A model, loaded or not: its files have the same name."""

    @property
    def name(self) -> str: ...


def data_source(data: str) -> tuple[str, str | None]:
    """The name of a data set and its folder: "tvbench:/path" gives ("tvbench", "/path"), and "TVBench" gives
    ("tvbench", "TVBench") where that folder is here; others have none.
    """
    from workbench.data import DATASETS

    # One letter before the colon is a drive.
    found = re.fullmatch(r"(?P<name>\w{2,}):(?P<root>.+)", data.strip())
    if not found:
        name = data.strip()
        entry = DATASETS.get(name.lower())
        here = entry is not None and entry.needs_root and Path(name).is_dir()
        return (entry.name, name) if entry is not None and here else (name, None)
    name = found["name"].lower()
    if name not in DATASETS:
        known = ", ".join(DATASETS)
        raise RunError(
            f"data {shown(data)} names no known data set ({known}).{near_matches(name, DATASETS)} "
            "Write tvbench:/path/to/TVBench, or just the path of a folder in TVBench's format."
        )
    return name, found["root"]


def usual_keywords(data: str) -> str:
    """The name of the keyword lists for a data set: the embedded world's own, or those of Map the Flow."""
    name, _ = data_source(data)
    return "mini" if name.partition("/")[0] == "mini" else "mtf"


def given_run(folder: Path, model: Named, what: str = "sweep") -> Run:
    """The run in a folder. Raises RunError where it is of another model than the one asked for."""
    import workbench as wb

    run = wb.load_run(folder)
    _refuse_other_model(run.manifest, model, folder, what)
    return run


def given_measured(folder: Path, name: str, model: Named) -> pd.DataFrame:
    """The table of the analysis `name` in a folder. Raises RunError where it is of another one, or model."""
    from workbench.runs import load_measured

    found = load_measured(folder, name, name)
    _refuse_other_model(found.manifest, model, folder, "run")
    return found.table


def given_sweep(folder: Path, model: Named, samples: Samples, flows: Sequence[str], window: str) -> Run:
    """The rows of these flows in this window of a sweep. Raises RunError where it is of something else."""
    from workbench.interventions import Flow
    from workbench.runs import data_settings
    from workbench.runs.shards import other_clips

    run = given_run(folder, model)
    made, named = run.manifest["settings"], [str(Flow.parse(flow)) for flow in flows]
    wanted = data_settings(samples)
    if any(made.get(name) != value for name, value in wanted.items()):
        raise RunError(
            f"{folder} was made of other samples: {made.get('samples')} of {made.get('data')}, and asked are "
            f"{wanted['samples']} of {wanted['data']}. Give the same --data, --tasks and --limit."
        )
    if others := other_clips(folder, list(samples)):
        raise RunError(
            f"{folder} was made of other clips than those asked for now: {', '.join(others[:4])}"
            f"{', ..' if len(others) > 4 else ''}. Put those back, or leave --sweep out."
        )
    table = run.table
    missing = {*named, window} - {*table["flow"], *table["window"]}
    if missing:
        raise RunError(f"{folder} has no {' and no '.join(sorted(missing))}. Leave --sweep out.")
    kept = table["flow"].isin(named) & (table["window"] == window)
    return replace(run, table=cast("pd.DataFrame", table[kept]))


def given_runs(folders: Iterable[Path], models: Sequence[str]) -> dict[str, Run]:
    """Runs by the name of their model. Raises RunError for a name that is there twice, or not asked for."""
    import workbench as wb

    asked = ", ".join(models)
    if len(set(models)) < len(models):
        raise RunError(f"A model is named twice among {asked}. Name each once.")
    found: dict[str, Run] = {}
    for folder in folders:
        run = wb.load_run(folder)
        name = str(run.manifest["settings"].get("model"))
        if name not in models or name in found:
            why = "a second run of" if name in found else "a run of"
            raise RunError(
                f"{folder} holds {why} {name!r}, and the models asked for are {asked}. Name "
                "its model in --model or --models, or leave the folder out."
            )
        found[name] = run
    return found


def _refuse_other_model(manifest: dict[str, Any], model: Named, folder: Path, what: str) -> None:
    from workbench.runs.settings import differences, model_settings

    made = manifest["settings"]
    found = made.get("model")
    if found != model.name:
        raise RunError(f"{folder} is a {what} of {found!r}, and the model asked for is {model.name!r}.")
    if not hasattr(model, "checkpoint"):  # before it is loaded, its name is all that is known
        return
    # On which device, and in which dtype, it was made is for who gives it to decide.
    settings = {
        key: value for key, value in model_settings(cast("VideoLLM", model)).items() if key not in _MACHINE
    }
    lines = differences({key: made[key] for key in settings if key in made}, settings, legacy=True)
    if lines:
        told = "\n".join(f"  {line}" for line in lines)
        raise RunError(
            f"{folder} is a {what} of another {model.name!r} than the one asked for:\n{told}\n"
            "Name the model that it was made with, or leave the folder out."
        )
