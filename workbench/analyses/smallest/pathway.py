"""The fewest open edges that keep the answers: searched on one half of the samples, told on the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from workbench.analyses.pathways.closing import Ranges, check_modes, closed_by
from workbench.analyses.smallest.contest import FLOWS, contest
from workbench.analyses.smallest.halves import search_and_test
from workbench.analyses.smallest.lab import Lab
from workbench.analyses.smallest.ranking import least_needed_first
from workbench.analyses.smallest.result import SmallestPathway
from workbench.analyses.smallest.search import Search
from workbench.analyses.smallest.tables import (
    BY_HEAD,
    BY_LAYER,
    all_weights,
    block_table,
    contender_table,
    faithful_tables,
    step_table,
)
from workbench.errors import RunError, shown
from workbench.interventions import Flow, as_flows
from workbench.interventions.blocks import ALL_HEADS, Block
from workbench.runs import as_seed

if TYPE_CHECKING:
    from workbench.data import Sample, Samples
    from workbench.engine import Engine
    from workbench.models import VideoLLM
    from workbench.prompts.assembly import Separators
    from workbench.video import Sampling


def smallest_pathway(
    model: VideoLLM,
    samples: Samples | Sequence[Sample],
    *,
    flows: Flow | str | Sequence[Flow | str] = FLOWS,
    heads: bool = True,
    floor: float = 2.0,
    scores: pd.DataFrame | None = None,
    ranges: Ranges | None = None,
    modes: Sequence[str] = ("faithful",),
    controls: int = 3,
    batch: int = 8,
    rounds: int = 40,
    engine: str | Engine = "incremental",
    out: Path | str | None = None,
    seed: int = 0,
    style: str | None = None,
    separators: Separators | None = None,
    frames: Sampling | int | str | None = None,
    progress: bool = True,
) -> SmallestPathway:
    """The fewest open edges with which a model still answers: found on half of the samples, told on the rest.

    Blocks (flow x layer, then the heads of those that are left) are closed backwards: first as many as can
    be of the least needed by score, then group by group, each step judged by the exact answers of the search
    half. All edges outside `flows` stay open. What is found is the smallest that this search found: no
    smaller one is ruled out.

    Args:
        flows: what may be closed; by default all that Map the Flow's rule can close (section 3.5).
        heads: whether to go on within the heads of what is left.
        floor: points of accuracy that may be lost on the search half, at most.
        scores: a table of estimated effects, with columns flow, layer (from 1), head (from 0; -1 for all) and
            estimate: the change of the logit difference where it is closed, negative where it is needed. If
            not given, every block alone is closed and measured on the search half; single heads, where the
            table has none, on its first samples.
        ranges: the paper's selection to compare with, as `wb.pathways` gives it; read it off the search half
            (`workbench.analyses.smallest.search_and_test`). None compares with none.
        modes: how it is closed, see `workbench.analyses.pathways.closing`.
        controls: random sets of each size, with the seeds `seed`, `seed + 1`, ..
        batch: how many candidates are tried at once.
        rounds: how often groups are tried in each stage, at most; `note` says where more would have been.
        engine, out, style, separators, frames: as in `sweep`. Every round of the search is a run in `out`,
            so that one that was stopped goes on.

    Samples without options, or whose answer is not known, are skipped. Raises RunError where the samples
    cannot be halved, where a flow names heads, for scores that lack a block, and for settings that cannot be.
    """
    from workbench.engine import get_engine

    parsed, seed = as_flows(flows), as_seed(seed)
    _check(parsed, floor=floor, controls=controls, batch=batch, rounds=rounds)
    modes = check_modes(modes)
    paper = {} if ranges is None else {mode: closed_by(ranges, model.n_layers, mode) for mode in modes}
    search, test = search_and_test(samples)
    lab = Lab(
        model=model,
        search=search,
        engine=get_engine(engine),
        out=None if out is None else Path(out),
        prompting={"style": style, "separators": separators, "frames": frames, "progress": progress},
    )
    shares, count = lab.weights(parsed)
    blocks, weights = all_weights(shares, model.n_layers, model.n_heads)
    needed = lab.scores("scores", blocks, scores)
    (whole,) = lab.ask([frozenset()])
    may_lose = whole.samples - whole.right + math.floor(floor / 100 * count + 1e-9)
    hunt = Search(partial(lab.ask, may_lose=may_lose), weights, metric=whole.metric, batch=batch)
    stopped = _close(hunt, BY_LAYER, least_needed_first(needed, weights), rounds)
    smallest = {BY_LAYER: hunt.closed}
    left = [one for block in blocks if block not in hunt.closed for one in block.by_head(model.n_heads)]
    if heads and left:
        known = scores is not None and bool((scores["head"] != ALL_HEADS).any())
        # These only say what is tried first: the first samples are enough.
        by_head = lab.scores("scores-heads", left, scores if known else None, screen=True)
        stopped += _close(hunt, BY_HEAD, least_needed_first(by_head, weights), rounds)
        smallest[BY_HEAD] = hunt.closed
    accepted = [step.closed for step in hunt.steps if step.accepted]
    asked = contest(lab, needed, weights, accepted, smallest, paper, range(seed, seed + controls))
    found = lab.sets("", test, [one.edges for one in asked.tested if one.edges is not None])
    notes = [
        f"The search by {phase} was stopped after {rounds} rounds: more may be closed." for phase in stopped
    ]
    curve = areas = pd.DataFrame()
    try:
        curve, areas = faithful_tables(found.table, asked.sized, asked.none, seed=seed)
    except RunError as problem:
        notes.append(str(problem))
    return SmallestPathway(
        table=contender_table(found.table, asked.tested, seed=seed),
        blocks=block_table(needed, weights, hunt.closed, model.n_heads),
        faithfulness=curve,
        areas=areas,
        steps=step_table(hunt.steps, weights),
        skipped=found.skipped,
        n_heads=model.n_heads,
        note=" ".join(notes),
        manifest=found.manifest,
        folder=found.folder,
    )


def _close(hunt: Search, phase: str, ranked: Sequence[Block], rounds: int) -> list[str]:
    """Closes as much of `ranked` as can be; names the phase where that was stopped by the rounds."""
    hunt.first_of(phase, ranked)
    done = hunt.each_of(phase, [block for block in ranked if block not in hunt.closed], rounds=rounds)
    return [] if done else [phase]


def _check(flows: Sequence[Flow], *, floor: float, controls: int, batch: int, rounds: int) -> None:
    for flow in flows:
        if flow.heads is not None:
            raise RunError(
                f"'{flow}' names heads, and the search looks at heads by itself. Leave them out, and say "
                "heads=False to look at whole flows only."
            )
    if isinstance(floor, bool) or not isinstance(floor, int | float) or not 0 <= floor <= 100:
        raise RunError(f"floor={shown(floor)}: give the points of accuracy that may be lost, from 0 to 100.")
    for name, value, least in (("controls", controls, 0), ("batch", batch, 1), ("rounds", rounds, 1)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise RunError(f"{name}={shown(value)}: give a whole number from {least}.")
