"""Twin patching: which activations turn the answer into that of the twin, and which carry it.

Activation patching between a clip and its counterfactual (Vig et al. 2020; Meng et al. 2022), from both sides
(Heimersheim & Nanda 2024, section 3): the twin's activations in the clip show what the answer needs
(noising), the clip's in the twin what suffices for it (denoising).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import pandas as pd

from workbench.analyses.patching.measurement import DIRECTIONS, Direction, Patching
from workbench.attached import attached
from workbench.data import Samples
from workbench.data.pairs import as_pairs
from workbench.errors import InterventionError, RunError, near_matches, shown
from workbench.interventions.patches import WITHOUT_LAYERS, check_site
from workbench.prompts.spans import Span
from workbench.runs import measure_samples
from workbench.statistics.bootstrap import bootstrap_table

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from workbench.data import Sample
    from workbench.models import VideoLLM
    from workbench.prompts.assembly import Separators
    from workbench.video import Sampling

PLACE = ("task", "direction", "site", "layer", "head", "span")
"""What tells one patch of a task from another."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TwinPatching:
    """What patches between clips and their twins did."""

    table: pd.DataFrame
    """One row a pair, direction and patch. Columns: `workbench.analyses.patching.PatchRow`."""
    skipped: pd.DataFrame
    """Samples whose pair cannot be used, with the reason."""
    manifest: dict[str, Any]
    folder: Path | None = None

    def means(self, *, only_correct: bool = True, seed: int = 0) -> pd.DataFrame:
        """Means over pairs: `patch_means`."""
        return patch_means(self.table, only_correct=only_correct, seed=seed)

    figure: ClassVar[Callable[..., go.Figure]] = attached()
    """A heat map of layers and spans: `workbench.figures.twin_patching`."""

    def __repr__(self) -> str:
        pairs = self.table.drop_duplicates("pair_id")
        right = int(pairs["correct"].to_numpy(bool).sum())
        told = f"{len(pairs)} pairs, {right} answered correctly on both sides"
        return f"TwinPatching({told}; {len(self.table)} rows)"


def patch_means(table: pd.DataFrame, *, only_correct: bool = True, seed: int = 0) -> pd.DataFrame:
    """By task, direction, site, layer, head and span: the number of pairs `n`, the mean of `recovered` with
    its 95% bootstrap interval (`mean`, `low`, `high`), and `flipped`, the share of pairs whose answer flips.

    `only_correct` keeps to pairs of which the model answers both sides rightly: of others there is nothing to
    be turned. Raises RunError where none are left.
    """
    kept = cast(pd.DataFrame, table[table["correct"].astype(bool)]) if only_correct else table
    if kept.empty:
        raise RunError(
            "No pair is left: the model answers no clip and its twin both rightly. Give only_correct=False "
            "to see all."
            if only_correct
            else "The table has no rows. Measure at least one pair."
        )
    found = bootstrap_table(kept, PLACE, "recovered", seed=seed)
    grouped: Any = kept.groupby([*PLACE], sort=False)
    shares = grouped["flipped"].mean().reset_index()
    return found.merge(shares, on=[*PLACE], how="left", validate="one_to_one")


def flipping(means: pd.DataFrame, share: float = 0.95) -> pd.DataFrame:
    """By task, direction and site: how many patches there are (`patches`), how many of them flip at least
    `share` of the pairs (`flip`), and their percentage (`percent`). `means` is that of `patch_means`."""
    by = ["task", "direction", "site"]
    found: Any = (
        means.assign(flip=means["flipped"] >= share)
        .groupby(by, sort=False)["flip"]
        .agg(patches="size", flip="sum")
        .reset_index()
    )
    return found.assign(percent=100 * found["flip"] / found["patches"])


def patch(
    model: VideoLLM,
    pairs: Samples | Iterable[Sample] | Iterable[tuple[Sample, Sample]],
    sites: str | Sequence[str] = "resid_post",
    spans: str | Sequence[str] | None = None,
    layers: int | Iterable[int] | None = None,
    *,
    directions: str | Sequence[str] = DIRECTIONS,
    engine: str = "incremental",
    out: Path | str | None = None,
    style: str | None = None,
    separators: Separators | None = None,
    frames: Sampling | int | str | None = None,
    progress: bool = True,
) -> TwinPatching:
    """Put activations of one clip into its counterfactual, at every site, layer and span, from both sides.

    Args:
        pairs: [(clip, twin), ..], or samples among which there are pairs (`workbench.data.pairs`): the
            embedded world's clips and their time-reversed twins, Vinoground's and MVP's pairs.
        sites: of `workbench.interventions.PATCH_SITES`; `z` is patched head by head.
        spans: span expressions, each patched by itself. If not given: every frame, what stands between and
            behind them, the question, its options, the tail and the last row (only frames for sites before
            the decoder).
        layers: from 1 (blocks of the tower, for `vision`); all that have the site if not given.
        directions: "noising" (the twin's activations in the clip), "denoising" (the clip's in the twin).
        engine: "incremental", or "reference": one trace a patch.
        out: a folder for the results, written sample by sample; a run that was stopped goes on from there.
        style, separators, frames: as in `sweep`.

    Where a pair's two prompts do not have a span in the same rows, or the same answer is right for both, it
    is skipped and listed. Raises InterventionError, SpanError or HookError for sites, spans and layers that
    make no sense, SampleError for what is no pair, RunError where none can be used, or `out` holds a run with
    other settings.
    """
    listed = as_pairs(pairs)
    asked = Patching(
        sites=tuple(check_site(site) for site in _several(sites, "sites")),
        spans=None if spans is None else tuple(str(Span.parse(span)) for span in _several(spans, "spans")),
        layers=_layers(layers, _several(sites, "sites")),
        directions=check_directions(directions),
        engine=engine,
    )
    sides = Samples((sample for one in listed for sample in one), name=getattr(pairs, "name", "pairs"))
    found = measure_samples(
        model,
        sides,
        asked,
        out=out,
        style=style,
        separators=separators,
        frames=frames,
        progress=progress,
    )
    return TwinPatching(
        table=found.table, skipped=found.skipped, manifest=found.manifest, folder=found.folder
    )


def _several(given: str | Sequence[str], what: str) -> list[str]:
    found = [given] if isinstance(given, str) else list(given)
    if not found or len(set(found)) < len(found):
        raise InterventionError(f"{what}={given!r}: give one or more, each once.")
    return found


def check_directions(names: str | Sequence[str]) -> tuple[Direction, ...]:
    """The directions of these names. Raises InterventionError for a name that is none."""
    listed = _several(names, "directions")
    for name in listed:
        if name not in DIRECTIONS:
            hint = near_matches(name, DIRECTIONS)
            raise InterventionError(f"direction {shown(name)} is neither {' nor '.join(DIRECTIONS)}.{hint}")
    return tuple(one for one in DIRECTIONS if one in listed)


def _layers(layers: int | Iterable[int] | None, sites: Sequence[str]) -> tuple[int, ...] | None:
    if layers is None:
        return None
    found = [layers] if isinstance(layers, int) else list(layers)
    if not found or any(isinstance(one, bool) or not isinstance(one, int) or one < 1 for one in found):
        raise InterventionError(f"layers={layers!r}: give numbers from 1, or None for all.")
    if all(site in WITHOUT_LAYERS for site in sites):
        raise InterventionError(
            f"layers={layers!r}: {' and '.join(sites)} have no layers, so they would be ignored. Leave them "
            "out."
        )
    return tuple(dict.fromkeys(found))
