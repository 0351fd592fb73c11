"""The verdict: which claims of Map the Flow hold for a model and its data.

Each claim has a rule in words (column `rule`), a measured number with its 95% interval over samples, and a
verdict: the claim holds where the rule is met by the whole interval, does not hold where the whole interval
is on the other side, and is undecided otherwise, with fewer than 5 samples, or within rounding of the bound.
Each verdict is wrong in at most 5% of runs (docs/statistics.md).

Curves are means over samples of the change of the answer's probability, by centre layer.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pandas as pd

from workbench.analyses.findings.claims import CLAIMS, Finding, finding, findings_table, not_measured
from workbench.analyses.findings.rules import above, below, both
from workbench.analyses.lens.roles import FALSE, ROLES, TRUE
from workbench.errors import RunError
from workbench.interventions.catalogue import (
    CROSS_FRAME,
    FALSE_LAST,
    LAST_LAST,
    QUESTION_LAST,
    TRUE_LAST,
    VIDEO_LAST,
    VIDEO_QUESTION,
)
from workbench.statistics.bootstrap import Estimate, bootstrap_mean, percentile_interval, sample_weights
from workbench.statistics.cautions import ROUNDING
from workbench.statistics.columns import SWEEP, require_columns
from workbench.statistics.familywise import LEAST
from workbench.statistics.landmarks import (
    SampledCurves,
    deepest,
    deepest_apart,
    early_share,
    half_layer,
    loss_layer,
    sampled_curves,
)

MARGIN = -LEAST
"""Percent. Map the Flow's threshold: a change of less than this does not matter."""
FINDING_FLOWS = (CROSS_FRAME, VIDEO_QUESTION, QUESTION_LAST, VIDEO_LAST, LAST_LAST, TRUE_LAST, FALSE_LAST)
"""All flows that a sweep needs for all claims."""
_SWEPT = ("sample_id", "task", "flow", "window", "layer", "change_percent")
_LOST = ("task", "setting", "mode", "seed", "samples", "lost_points", "lost_low", "lost_high")


def findings(
    table: pd.DataFrame,
    *,
    image: pd.DataFrame | None = None,
    suffice: pd.DataFrame | None = None,
    mode: str = "faithful",
    answers: pd.DataFrame | None = None,
    task: str | None = None,
    noise: float = ROUNDING,
    seed: int = 0,
) -> pd.DataFrame:
    """Every claim with its rule, what was measured, and the verdict; a row a claim. Columns: `Finding`.

    Args:
        table: a sweep's table with a centred window and the flows of `findings.FINDING_FLOWS`.
        image: the table of the image model's sweep; without it the claim about tuning is not measured.
        suffice: the table of `suffice(..)`, of which `mode` is used; without it two claims are not measured.
        answers: a row a sample, layer and option with columns sample_id, task, layer, role
            ("true_option" or "false_option") and p, as `wb.answer_probability` gives it.
        task: one task; all together if not given.
        noise: how far rounding alone moves the answer's probability, in percent (`run.noise_percent`).

    Raises RunError for tables without the columns, or an unknown task or mode.
    """
    require_columns(table, *_SWEPT, remedy=SWEEP)
    table = _of_task(table, task)
    image = None if image is None else _of_task(image, task)
    found = [
        _cross_frame(table, seed),
        _tuning(table, image, seed),
        _order(table, seed),
        _negligible("video_last", VIDEO_LAST, table, seed),
        _negligible("last_last", LAST_LAST, table, seed),
        _true_option(table, noise, seed),
        _false_options(table, noise, seed),
        _rise(table, answers, seed),
        *_sufficiency(suffice, mode, task),
    ]
    return findings_table(found)


def _cross_frame(table: pd.DataFrame, seed: int) -> Finding:
    claim, curves = CLAIMS["cross_frame"], sampled_curves(table, CROSS_FRAME, seed=seed)
    if isinstance(curves, str):
        return not_measured(claim, curves)
    depth, share = curves.deepest(CROSS_FRAME), curves.estimate(early_share, CROSS_FRAME)
    verdict = both(below(depth, -MARGIN), above(share, 50.0))
    early = f"{share}% of the loss in the first half" if np.isfinite(share.value) else "no loss beyond 5%"
    words = f"deepest {depth}%; {early}"
    return finding(claim, depth, curves.n, verdict, words)


def _tuning(table: pd.DataFrame, image: pd.DataFrame | None, seed: int) -> Finding:
    claim = CLAIMS["tuning"]
    if image is None:
        return not_measured(claim, "no table of an image model was given")
    require_columns(image, *_SWEPT, remedy=SWEEP, what="The image model's table")
    shared = tuple(sorted(set(table["sample_id"]) & set(image["sample_id"])))
    if not shared:
        return not_measured(claim, "no question is answered correctly by both models")
    tuned, plain = (sampled_curves(part, CROSS_FRAME, samples=shared, seed=seed) for part in (table, image))
    for curves in (tuned, plain):
        if isinstance(curves, str):
            return not_measured(claim, curves)
    tuned, plain = cast(SampledCurves, tuned), cast(SampledCurves, plain)
    if tuned.samples != plain.samples:
        return not_measured(claim, "the two models' tables do not hold the same samples")
    difference = deepest_apart(tuned.cut(CROSS_FRAME), plain.cut(CROSS_FRAME), seed=seed)
    words = (
        f"difference {difference} points: deepest {tuned.deepest(CROSS_FRAME)}% in the "
        f"video-tuned, {plain.deepest(CROSS_FRAME)}% in the image model"
    )
    return finding(claim, difference, tuned.n, below(difference, -MARGIN), words)


def _order(table: pd.DataFrame, seed: int) -> Finding:
    claim = CLAIMS["order"]
    curves = sampled_curves(table, VIDEO_QUESTION, QUESTION_LAST, seed=seed)
    if isinstance(curves, str):
        return not_measured(claim, curves)
    first, second = (curves.deepest(flow) for flow in (VIDEO_QUESTION, QUESTION_LAST))
    lead = curves.estimate(lambda one, two: loss_layer(one) - loss_layer(two), VIDEO_QUESTION, QUESTION_LAST)
    verdict = both(below(first, -MARGIN), below(second, -MARGIN), below(lead, 0.0))
    deep = f"deepest {first}% and {second}%"
    if not np.isfinite(lead.value):
        # A flow that loses nothing beyond 5% has no layer where it does: how little it loses is what decides.
        unit = "% (deepest mean change of the flow that loses less)"
        return finding(claim._replace(unit=unit), max(first, second), curves.n, verdict, deep)
    words = (
        f"{lead} layers: mean layer of the loss {curves.estimate(loss_layer, VIDEO_QUESTION).value:.1f} and "
        f"{curves.estimate(loss_layer, QUESTION_LAST).value:.1f}; {deep}"
    )
    return finding(claim, lead, curves.n, verdict, words)


def _negligible(name: str, flow: str, table: pd.DataFrame, seed: int) -> Finding:
    claim, curves = CLAIMS[name], sampled_curves(table, flow, seed=seed)
    if isinstance(curves, str):
        return not_measured(claim, curves)
    depth = curves.deepest(flow)
    return finding(claim, depth, curves.n, above(depth, -MARGIN), f"deepest {depth}%")


def _true_option(table: pd.DataFrame, noise: float, seed: int) -> Finding:
    claim, curves = CLAIMS["true_option"], sampled_curves(table, TRUE_LAST, FALSE_LAST, seed=seed)
    if isinstance(curves, str):
        return not_measured(claim, curves)
    lead = deepest_apart(curves.cut(TRUE_LAST), curves.cut(FALSE_LAST), seed=seed)
    true, false = (curves.deepest(flow) for flow in (TRUE_LAST, FALSE_LAST))
    return finding(
        claim,
        lead,
        curves.n,
        below(lead, 0.0, noise=noise),
        f"difference {lead} points: deepest {true}% for true, {false}% for false",
        _rounding(lead, noise),
    )


def _false_options(table: pd.DataFrame, noise: float, seed: int) -> Finding:
    claim, curves = CLAIMS["false_options"], sampled_curves(table, FALSE_LAST, seed=seed)
    if isinstance(curves, str):
        return not_measured(claim, curves)
    change, raised = curves.mean(FALSE_LAST), deepest(-curves.cut(FALSE_LAST), seed=seed)
    highest = Estimate(-raised.value, -raised.high, -raised.low)
    note = ""
    if "p_base" in table:
        of_flow = table.loc[table["flow"] == FALSE_LAST, "p_base"].to_numpy(np.float64)
        room = float(np.mean(1 / of_flow - 1) * 100)
        note = f"p_base leaves room for {room:.2g}% at most" if room < MARGIN else ""
    words = f"mean change {change}%; highest {highest}%"
    note = "; ".join(filter(None, (note, _rounding(change, noise))))
    return finding(claim, change, curves.n, above(change, 0.0, noise=noise), words, note)


def _rounding(found: Estimate, noise: float) -> str:
    """A note where a number is too small to be told from rounding."""
    return f"within rounding ({noise:.2g} points)" if abs(found.value) <= noise else ""


def _rise(table: pd.DataFrame, answers: pd.DataFrame | None, seed: int) -> Finding:
    claim = CLAIMS["rise"]
    if answers is None:
        return not_measured(claim, "no table of answer probabilities was given")
    require_columns(
        answers, "sample_id", "layer", "role", "p", remedy="Pass the table of wb.answer_probability."
    )
    leads = _leads(answers)
    shared = tuple(sorted(set(map(str, leads.index)) & set(table["sample_id"])))
    curves = sampled_curves(table, VIDEO_QUESTION, samples=shared, seed=seed)
    if isinstance(curves, str):
        return not_measured(claim, curves)
    leads_of = leads.loc[list(curves.samples)].to_numpy(np.float64)  # (n, l)
    _, *ends, _ = found = bootstrap_mean(leads_of[:, -1], seed=seed, within=(-1.0, 1.0))
    final = Estimate(found.mean, *ends)
    lead = sample_weights(curves.n, seed=seed) @ leads_of  # (1 + r, l)
    after = percentile_interval(half_layer(lead) - loss_layer(curves.resampled(VIDEO_QUESTION)), curves.n)
    depth = curves.deepest(VIDEO_QUESTION)
    verdict = both(above(final, 0.0), above(after, 0.0), below(depth, -MARGIN))
    words = (
        f"half of the lead at layer {half_layer(lead)[0]:.0f}, video -> question at "
        f"{curves.estimate(loss_layer, VIDEO_QUESTION).value:.1f}; final lead "
        f"{Estimate(*(100 * x for x in final))} points"
    )
    return finding(claim, after, curves.n, verdict, words)


def _leads(answers: pd.DataFrame) -> pd.DataFrame:
    """Probability of the true option minus the mean of the false ones: a row a sample, a column a layer."""
    roles = set(answers["role"])
    if not roles <= set(ROLES):
        raise RunError(
            f"The table of answers has the roles {', '.join(map(str, sorted(roles)))}; they must be "
            f"{' and '.join(ROLES)}, as wb.answer_probability writes them."
        )
    by_role: Any = answers.pivot_table(
        index=["sample_id", "role"], columns="layer", values="p", aggfunc="mean"
    )
    if FALSE not in roles:
        return by_role.xs(TRUE, level="role")
    return (by_role.xs(TRUE, level="role") - by_role.xs(FALSE, level="role")).dropna()


def _sufficiency(table: pd.DataFrame | None, mode: str, task: str | None) -> list[Finding]:
    if table is None:
        return [
            not_measured(CLAIMS[name], "no table of suffice(..) was given") for name in ("pathways", "random")
        ]
    require_columns(table, *_LOST, remedy="Pass the table of wb.suffice.")
    modes = [name for name in dict.fromkeys(table["mode"]) if name]
    if mode not in modes:
        raise RunError(f"The table of suffice(..) has no mode {mode!r}. It has {', '.join(modes) or 'none'}.")
    tasks = list(dict.fromkeys(table["task"]))
    wanted = task or ("all" if "all" in tasks else tasks[0])
    rows = {
        row["setting"]: row
        for row in table.to_dict("records")
        if row["task"] == wanted and row["mode"] == mode and row["seed"] == -1
    }
    found = []
    for name, setting in (("pathways", "effective"), ("random", "random")):
        claim = CLAIMS[name]._replace(claim=f"{CLAIMS[name].claim} ({mode})")
        row = rows.get(setting)
        if row is None:
            found.append(not_measured(claim, f"the table of suffice(..) has no {setting} row of {wanted}"))
            continue
        lost = Estimate(row["lost_points"], row["lost_low"], row["lost_high"])
        if setting == "effective":
            kept = lost.value <= 2 and lost.high < 5
            verdict = "holds" if kept else "does not hold" if lost.low > 2 else "undecided"
        else:
            broken = lost.value >= 10 and lost.low > 2
            verdict = "holds" if broken else "does not hold" if lost.high < 10 else "undecided"
        words = f"{lost} points lost, {row['edges_percent']:.0f}% of the edges left"
        found.append(finding(claim, lost, int(row["samples"]), verdict, words))
    return found


def _of_task(table: pd.DataFrame, task: str | None) -> pd.DataFrame:
    if task is None:
        return table
    chosen = cast(pd.DataFrame, table[table["task"] == task])
    if chosen.empty:
        raise RunError(f"The table has no task {task!r}. It has {', '.join(dict.fromkeys(table['task']))}.")
    return chosen
