"""How often sentences are wrong, and how often they are said where something is to be said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from benchmarks.simulations.worlds import LAYERS, Array, noise, peak, sweep
from workbench.analyses.findings.claims import CLAIMS
from workbench.analyses.findings.verdicts import FINDING_FLOWS, findings
from workbench.analyses.pathways.points_lost import suffice_table
from workbench.analyses.sweep.differences import compare_flows
from workbench.statistics.bootstrap import sample_weights
from workbench.statistics.curves import curve_points, curve_table
from workbench.statistics.paired import paired_p_values
from workbench.statistics.peaks import is_clear

SIZES = (5, 10, 20, 50)
CROSS, TO_QUESTION, TO_LAST, DIRECT, OWN, TRUE, FALSE = FINDING_FLOWS
NOTHING = np.zeros(LAYERS)


def headlines(runs: int, seed: int = 0) -> pd.DataFrame:
    """Tables in which a flow is called clear, in percent: of noise, and where one flow falls by 30%."""
    rows = []
    for words, flows, skew in (
        ("3 flows", 3, 0.0),
        ("11 flows", 11, 0.0),
        ("3 flows, skewed noise", 3, 0.5),
        ("3 flows, very skewed noise", 3, 0.8),
    ):
        for n in SIZES:
            rng = np.random.default_rng([seed, flows, n])
            false = old = found = 0
            for _ in range(runs):
                changes = noise(rng, n, flows, skew=skew)
                curves = {f"flow {number}": NOTHING for number in range(flows)}
                old += _was_clear(changes.reshape(n, -1))
                false += any(map(is_clear, curve_points(curve_table(sweep(curves, changes)))))
                falls = sweep({**curves, "flow 0": peak(12, -30.0)}, changes)
                clear = [point for point in curve_points(curve_table(falls)) if is_clear(point)]
                found += any(point.flow == "flow 0" and 8 <= point.layer <= 16 for point in clear)
            said = {"false, each point alone": old, "false": false, "found": found}
            rows.append(
                {"table": words, "n": n, **{name: 100 * count / runs for name, count in said.items()}}
            )
    return pd.DataFrame(rows)


def _was_clear(values: Array) -> bool:
    """The rule that looks at each point alone: its mean below -5%, its percentile interval below 0."""
    drawn = sample_weights(len(values), resamples=1000) @ values
    return bool(((drawn[0] < -5) & (np.quantile(drawn[1:], 0.975, axis=0) < 0)).any())


def comparisons(runs: int, seed: int = 0) -> pd.DataFrame:
    """Comparisons of two flows over 32 layers with a corrected p below 0.05, in percent, and coverage."""
    rows = []
    for n in SIZES:
        rng = np.random.default_rng([seed, n])
        false = skewed = found = held = 0
        for _ in range(runs):
            changes = noise(rng, n, 2)
            equal = _compared({"a": NOTHING, "b": NOTHING}, changes)
            false += (equal["p_corrected"] < 0.05).any()
            held += ((equal["low"] <= 0) & (equal["high"] >= 0)).mean()
            found += (_compared({"a": peak(12, -30.0), "b": NOTHING}, changes)["p_corrected"] < 0.05).any()
            # Equal means, differences skewed: one layer, one test.
            one = noise(rng, n, 1, skew=1.0)[:, 0, :1].T
            skewed += paired_p_values(one)[0] < 0.05
        told = {
            "false, over 32 layers": false,
            "found (-30 points)": found,
            "interval holds 0": held,
            "equal means, skewed: p < 0.05": skewed,
        }
        rows.append({"n": n, **{name: 100 * count / runs for name, count in told.items()}})
    return pd.DataFrame(rows)


def _compared(curves: Mapping[str, Array], changes: Array) -> pd.DataFrame:
    return compare_flows(sweep(curves, changes), "a", "b")


class World(NamedTuple):
    """What a claim is tested on."""

    curves: Mapping[str, Array]
    image: Array | None = None
    """The curve of frames -> later frames in the image model."""
    lead: float | None = None
    """The layer in which the true option has half of its final lead."""
    lost: float | None = None
    """The share of answers that are lost with all but the pathways closed, or by random edges."""


class Case(NamedTuple):
    """Worlds for one claim: at the edge of its rule, where a verdict is a mistake, and clear ones."""

    no_more: World
    """Where the rule is just not met: "holds" would be wrong."""
    just: World
    """Where it just is: "does not hold" would be wrong."""
    holds: World
    fails: World


FLAT = np.full(LAYERS, -5.0)
_SHALLOW, _DEEP = peak(9, -5.0), peak(9)
CASES: dict[str, Case] = {
    "cross_frame": Case(
        World({CROSS: FLAT}), World({CROSS: peak(16.5)}), World({CROSS: _DEEP}), World({CROSS: peak(24)})
    ),
    "tuning": Case(
        World({CROSS: _DEEP}, image=peak(9, -35.0)),
        World({CROSS: peak(9, -45.0)}, image=_DEEP),
        World({CROSS: _DEEP}, image=NOTHING),
        World({CROSS: NOTHING}, image=_DEEP),
    ),
    "order": Case(
        World({TO_QUESTION: peak(16), TO_LAST: peak(16)}),
        World({TO_QUESTION: peak(16), TO_LAST: peak(16)}),
        World({TO_QUESTION: peak(12), TO_LAST: peak(22)}),
        World({TO_QUESTION: peak(22), TO_LAST: peak(12)}),
    ),
    "video_last": Case(
        World({DIRECT: _SHALLOW}), World({DIRECT: FLAT}), World({DIRECT: NOTHING}), World({DIRECT: _DEEP})
    ),
    "last_last": Case(World({OWN: _SHALLOW}), World({OWN: FLAT}), World({OWN: NOTHING}), World({OWN: _DEEP})),
    "true_option": Case(
        World({TRUE: NOTHING, FALSE: NOTHING}),
        World({TRUE: peak(16), FALSE: peak(20)}),
        World({TRUE: _DEEP, FALSE: NOTHING}),
        World({TRUE: NOTHING, FALSE: _DEEP}),
    ),
    "false_options": Case(
        World({FALSE: NOTHING}), World({FALSE: NOTHING}), World({FALSE: -2 * FLAT}), World({FALSE: 2 * FLAT})
    ),
    "rise": Case(
        World({TO_QUESTION: peak(16)}, lead=16),
        World({TO_QUESTION: peak(16)}, lead=16),
        World({TO_QUESTION: peak(12)}, lead=20),
        World({TO_QUESTION: peak(20)}, lead=12),
    ),
    "pathways": Case(World({}, lost=0.05), World({}, lost=0.02), World({}, lost=0.0), World({}, lost=0.3)),
    "random": Case(World({}, lost=0.02), World({}, lost=0.1), World({}, lost=0.3), World({}, lost=0.0)),
}
"""By claim."""


def claims(runs: int, n: int, seed: int = 0) -> pd.DataFrame:
    """Verdicts on each claim, in percent of runs: mistakes at the edge of its rule, and what is said of clear
    worlds."""
    rows = []
    for number, (name, case) in enumerate(CASES.items()):
        rng = np.random.default_rng([seed, n, number])
        told = {
            "wrongly holds": (case.no_more, "holds"),
            "wrongly does not": (case.just, "does not hold"),
            "rightly holds": (case.holds, "holds"),
            "rightly does not": (case.fails, "does not hold"),
        }
        shares = {
            what: 100 * np.mean([_verdict(name, n, rng, world) == verdict for _ in range(runs)])
            for what, (world, verdict) in told.items()
        }
        rows.append({"claim": CLAIMS[name].claim, "n": n, **shares})
    return pd.DataFrame(rows)


def _verdict(name: str, n: int, rng: np.random.Generator, world: World) -> str:
    curves = world.curves or {DIRECT: NOTHING}
    given: dict[str, Any] = {}
    if world.image is not None:
        given["image"] = sweep({CROSS: world.image}, noise(rng, n))
    if world.lead is not None:
        given["answers"] = _answers(rng, n, at=world.lead)
    if world.lost is not None:
        given["suffice"] = _suffice(rng, n, "effective" if name == "pathways" else name, world.lost)
    found: Any = findings(sweep(curves, noise(rng, n, len(curves))), **given)
    return str(found["verdict"].to_numpy()[list(CLAIMS).index(name)])


def _answers(rng: np.random.Generator, n: int, *, at: float) -> pd.DataFrame:
    """The true option leads by half of its final lead in the layer `at`."""
    layers = np.arange(1, LAYERS + 1)
    lead = 0.8 / (1 + np.exp(-2 * (layers - at))) * rng.normal(1, 0.2, (n, 1)) + rng.normal(
        0, 0.05, (n, LAYERS)
    )
    index = pd.MultiIndex.from_product([[f"t/{k}" for k in range(n)], layers], names=["sample_id", "layer"])
    table = index.to_frame(index=False).assign(task="t")
    true = table.assign(role="true_option", p=0.1 + lead.ravel())
    return pd.concat([true, table.assign(role="false_option", p=0.1)], ignore_index=True)


def _suffice(rng: np.random.Generator, n: int, setting: str, lost: float) -> pd.DataFrame:
    """All answers are right; under this setting each is lost with the probability `lost`."""
    full = pd.DataFrame({"sample_id": [f"t/{k}" for k in range(n)], "task": "t", "p_base": 0.9})
    full = full.assign(change_percent=0.0, edges_full=100, edges_kept=50, edges_kept_by_masks=50)
    own = full.assign(setting=setting, mode="faithful", seed=-1, correct=rng.random(n) >= lost)
    return suffice_table(pd.concat([full.assign(setting="full", mode="", seed=-1, correct=True), own]))
