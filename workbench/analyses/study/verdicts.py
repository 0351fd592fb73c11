"""Which claims of An Empirical Study hold for a model and its data: rule, number, interval and verdict.

A claim holds where its rule is met by the whole 95% interval over samples, does not hold where the whole
interval is on the other side, and is undecided otherwise, or with fewer than 5 samples.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.analyses.findings.claims import Finding, finding, findings_table, not_measured
from workbench.analyses.findings.rules import Verdict, above, below, both
from workbench.analyses.study.cases import EXIT_APART, NO_VIDEO
from workbench.analyses.study.claims import ADDED, CLAIMS, FEW, KEPT, KNEE_BOUND, LOST
from workbench.analyses.study.critical import critical_layers, window_tests
from workbench.analyses.study.shares import case_shares, rights
from workbench.analyses.study.stages import knees_of
from workbench.interventions.catalogue import CROSS_FRAME, VIDEO_TEXT, WITHIN_FRAMES
from workbench.statistics.bootstrap import Estimate
from workbench.statistics.proportions import difference_of_shares


def study_findings(
    depths: pd.DataFrame,
    kinds: pd.DataFrame,
    windows: pd.DataFrame,
    savings: pd.DataFrame,
    n_layers: int,
    *,
    seed: int = 0,
) -> pd.DataFrame:
    """Every claim with its rule, what was measured, and the verdict; a row a claim. Columns: `Finding`.

    The tables are those of studies whose cases are `by_depth`, `everywhere`, `in_window` and `savings`.
    Raises RunError for tables of something else.
    """
    knee = knees_of(depths, n_layers, {}, seed=seed).iloc[0]
    at = Estimate(float(knee["layer_ratio"]), float(knee["ratio_low"]), float(knee["ratio_high"]))
    added = Estimate(float(knee["added_points"]), float(knee["added_low"]), float(knee["added_high"]))
    n = int(knee["samples"])
    words = f"knee at layer {knee['layer']:g} of {n_layers}, ratio {_fine(at)}; the video adds {added} points"
    return findings_table(
        [
            finding(CLAIMS["two_stages"], at, n, both(above(added, ADDED), below(at, 1.0)), words),
            finding(CLAIMS["extraction"], at, n, both(above(added, ADDED), below(at, KNEE_BOUND)), words),
            _dominates(kinds),
            _critical(windows, seed),
            _knowledge(depths),
            _savings(savings),
        ]
    )


def _dominates(table: pd.DataFrame) -> Finding:
    claim, wide = CLAIMS["dominates"], rights(table)
    missing = [flow for flow in (VIDEO_TEXT, CROSS_FRAME, WITHIN_FRAMES) if (flow, 0) not in wide.columns]
    if missing:
        return not_measured(claim, f"the study did not cut {', '.join(missing)} in all layers")
    right = {flow: wide[(flow, 0)].to_numpy(np.int64) for flow in (VIDEO_TEXT, CROSS_FRAME, WITHIN_FRAMES)}
    apart = {flow: _points(right[flow] - right[VIDEO_TEXT]) for flow in (CROSS_FRAME, WITHIN_FRAMES)}
    costlier = min(apart, key=lambda flow: apart[flow].value)
    words = "; ".join(f"{estimate} points more than {flow}" for flow, estimate in apart.items())
    verdict = both(above(apart[CROSS_FRAME], 0.0), above(apart[WITHIN_FRAMES], 0.0))
    return finding(claim, apart[costlier], len(wide), verdict, words)


def _critical(table: pd.DataFrame, seed: int) -> Finding:
    tests = window_tests(table, {}, seed=seed)
    own = tests.loc[(tests["case"] == VIDEO_TEXT).to_numpy(bool)]
    if own.empty:
        return not_measured(CLAIMS["critical"], f"the study did not cut {VIDEO_TEXT} in windows")
    share = float(own["critical"].mean())
    found = [f"{one.case} in layers {one.first_layer}-{one.last_layer}" for one in critical_layers(tests)]
    verdict: Verdict = "undecided" if share == 0 else "holds" if share <= FEW else "does not hold"
    n, nothing = int(own["samples"].max()), float("nan")
    words = (
        f"{100 * share:.0f}% of {len(own)} windows: {', '.join(found)}" if found else "no window stands out"
    )
    return finding(
        CLAIMS["critical"], Estimate(share, nothing, nothing), n, verdict, words, str(own["note"].iloc[0])
    )


def _knowledge(table: pd.DataFrame) -> Finding:
    shares = case_shares(table, {})
    row = shares.loc[(shares["case"] == NO_VIDEO).to_numpy(bool)].iloc[0]
    kept = Estimate(float(row["ratio"]), float(row["ratio_low"]), float(row["ratio_high"]))
    low, high = above(kept, KEPT[0]), below(kept, KEPT[1])
    words = (
        f"performance ratio {_fine(kept)}: {row['accuracy_percent']:.1f}% correct, chance is "
        f"{row['chance_percent']:.1f}%"
    )
    note = "" if row["low_percent"] > row["chance_percent"] else "not clearly above chance"
    return finding(CLAIMS["knowledge"], kept, int(row["samples"]), both(low, high), words, note)


def _savings(table: pd.DataFrame) -> Finding:
    shares = case_shares(table, {})
    rows = shares.loc[(shares["case"] == EXIT_APART).to_numpy(bool)]
    if rows.empty:
        return not_measured(CLAIMS["savings"], f"the study has no case {EXIT_APART!r}")
    row = rows.iloc[0]
    lost = Estimate(float(row["lost_points"]), float(row["lost_low"]), float(row["lost_high"]))
    what = table.loc[(table["case"] == EXIT_APART).to_numpy(bool), "intervention"].iloc[0]
    return finding(
        CLAIMS["savings"], lost, int(row["samples"]), below(lost, LOST), f"{lost} points lost: {what}"
    )


def _points(changes: np.ndarray) -> Estimate:
    found = difference_of_shares(changes)
    return Estimate(100 * found.mean, 100 * found.low, 100 * found.high)


def _fine(estimate: Estimate) -> str:
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"
