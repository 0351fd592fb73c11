"""Pages beside a report that look into single samples: the viewer, with what it needs inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import pandas as pd

from workbench.errors import RunError, WorkbenchError
from workbench.files import plain_name
from workbench.interventions.depth import spread_layers
from workbench.pages.sample.exploration import Exploration
from workbench.pages.sample.page import write_page

if TYPE_CHECKING:
    from workbench.analyses.lens.keywords import KeywordList
    from workbench.data import Sample, Samples
    from workbench.models import VideoLLM
    from workbench.prompts.assembly import Separators
    from workbench.runs import Run
    from workbench.video import Sampling

FOLDER = "samples"
"""The pages' folder in a run folder."""
MOST_BYTES = 1_000_000
_MOST_LAYERS = 16
"""Layers on a page: the fewer, the more tokens fit."""


class SamplePage(NamedTuple):
    """A page that lies beside a report."""

    task: str
    sample_id: str
    address: str
    """From the run folder: letters, digits, dots, dashes and underscores, behind `samples/`."""


def address(sample_id: str) -> str:
    """Where a sample's page lies, from the run folder."""
    return f"{FOLDER}/{plain_name(sample_id)}.html"


def samples_to_show(run: Run, per_task: int = 1) -> list[str]:
    """Ids of the first samples of each task that have effects, correctly answered ones before others."""
    used = run.table["sample_id"].unique().tolist()
    mine = cast(pd.DataFrame, run.samples[run.samples["sample_id"].isin(used)])
    ordered = mine.sort_values("correct", ascending=False, kind="stable")
    chosen = set(ordered.groupby("task", sort=False).head(per_task)["sample_id"])
    return [name for name in mine["sample_id"] if name in chosen]


def write_sample_pages(
    model: VideoLLM,
    samples: Samples,
    run: Run,
    folder: Path | str,
    per_task: int = 1,
    *,
    tell: Callable[[str], object],
    **settings: Any,
) -> list[Path]:
    """Write the pages of `samples_to_show`. `settings` are those of `write_sample_page`.

    `tell` hears why a sample cannot be shown: the run is done all the same.
    """
    pages = []
    for name in samples_to_show(run, per_task):
        try:
            pages.append(write_sample_page(model, samples[name], run, folder, **settings))
        except WorkbenchError as error:
            tell(f"No page of {name}: {error}")
    return pages


def write_sample_page(
    model: VideoLLM,
    sample: Sample,
    run: Run,
    folder: Path | str,
    *,
    keywords: Sequence[KeywordList] = (),
    style: str | None = None,
    separators: Separators | None = None,
    frames: Sampling | int | str | None = None,
) -> Path:
    """Write the viewer of one sample into `folder`/samples, at most 1 MB where its frames leave room for it.

    It shows the sample's curves of `run`, and the lens in the colours of those `keywords` that the model can
    say. `style`, `separators` and `frames` are those of the run. Raises WorkbenchError where the sample
    cannot be shown.
    """
    # Not above: reading a run needs neither torch nor the model's code.
    from workbench.analyses.lens.logit_lens import logit_lens

    prompt = model.encode(sample, style=style, separators=separators, frames=frames)
    table = run.table
    curves = bool(((table["sample_id"] == sample.id) & (table["layer"] > 0)).any())
    has_cells = prompt.layout.grid is not None and prompt.layout.n_frames > 0
    known = _sayable(model, keywords) if has_cells else ()
    layers = spread_layers(model.n_layers, _MOST_LAYERS)
    lens = None
    if has_cells:
        lens = logit_lens(model, prompt, layers=layers, top_k=1, keywords=known, progress=False)
    exploration = Exploration(model, prompt, run=run if curves else None, lens=lens, layers=layers)
    return write_page(exploration, Path(folder) / address(sample.id), most_bytes=MOST_BYTES)


def sample_pages(folder: Path, samples: pd.DataFrame) -> list[SamplePage]:
    """The pages that lie in a run folder, of the samples of its run."""
    named = zip(samples["task"], samples["sample_id"], strict=True)
    pages = [SamplePage(str(task), str(name), address(str(name))) for task, name in named]
    return [page for page in pages if (folder / page.address).is_file()]


def _sayable(model: VideoLLM, keywords: Sequence[KeywordList]) -> Sequence[KeywordList]:
    """The lists, or none where the model's vocabulary lacks one of their words: colours are no need."""
    from workbench.analyses.lens.keywords import match_keywords

    try:
        match_keywords(model, keywords)
    except RunError:
        return ()
    return keywords
