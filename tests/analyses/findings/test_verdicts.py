"""Verdicts on made-up tables whose truth is known, both ways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.analyses.findings.claims import CLAIMS
from workbench.analyses.findings.verdicts import FINDING_FLOWS, findings
from workbench.analyses.pathways.points_lost import suffice_table
from workbench.errors import RunError

L = 12
CROSS, TO_QUESTION, TO_LAST, DIRECT, OWN, TRUE, FALSE = FINDING_FLOWS

# The paper's story, by centre layer.
PAPER = {
    CROSS: {4: -20, 5: -45, 6: -25},
    TO_QUESTION: {6: -20, 7: -50, 8: -20},
    TO_LAST: {9: -40, 10: -60, 11: -20},
    DIRECT: {},
    OWN: {},
    TRUE: {10: -50, 11: -20},
    FALSE: {10: 12, 11: 8},
}
# Everything the other way round.
OPPOSITE = {
    CROSS: {10: -45, 11: -25},
    TO_QUESTION: {9: -40, 10: -60},
    TO_LAST: {6: -20, 7: -50},
    DIRECT: {10: -40},
    OWN: {5: -30},
    TRUE: {10: -10},
    FALSE: {10: -60, 11: -30},
}


def sweep(
    curves: Mapping[str, Mapping[int, float]], *, samples: int = 30, noise: float = 3.0, seed: int = 0
) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(samples):
        strength = rng.uniform(0.6, 1.4)
        for flow, curve in curves.items():
            for layer in range(1, L + 1):
                change = strength * curve.get(layer, 0.0) + rng.normal(0, noise)
                rows.append((f"s{number:02d}", "t", flow, "centred(3)", layer, 0.6, change))
    names = ["sample_id", "task", "flow", "window", "layer", "p_base", "change_percent"]
    return pd.DataFrame(rows, columns=pd.Index(names))


def answers(rise: int, *, final: float = 0.8, samples: int = 30) -> pd.DataFrame:
    """The true option's lead is 0 below layer `rise` and `final` from it on."""
    rng = np.random.default_rng(1)
    rows = []
    for number in range(samples):
        for layer in range(1, L + 1):
            lead = (final if layer >= rise else 0.0) + rng.normal(0, 0.02)
            rows += [
                (f"s{number:02d}", "t", layer, "true_option", 0.2 + lead),
                (f"s{number:02d}", "t", layer, "false_option", 0.1),
                (f"s{number:02d}", "t", layer, "false_option", 0.3),
            ]
    return pd.DataFrame(rows, columns=pd.Index(["sample_id", "task", "layer", "role", "p"]))


def sufficiency(kept: int, random: int, *, samples: int = 100) -> pd.DataFrame:
    """The full model is right on all samples, the pathways on `kept`, each of two controls on `random`."""
    rows = []
    for number in range(samples):
        for setting, mode, seed, right in (
            ("full", "", -1, samples),
            ("effective", "faithful", -1, kept),
            ("random", "faithful", 0, random),
            ("random", "faithful", 1, random),
        ):
            rows.append(
                {
                    "sample_id": f"s{number}",
                    "task": "t",
                    "setting": setting,
                    "mode": mode,
                    "seed": seed,
                    "p_base": 0.9,
                    "change_percent": 0.0,
                    "correct": number < right,
                    "edges_full": 100,
                    "edges_kept": 100 if setting == "full" else 43,
                    "edges_kept_by_masks": 100 if setting == "full" else 43,
                }
            )
    return suffice_table(pd.DataFrame(rows))


def verdicts(*args, **more) -> dict[str, str]:
    table: Any = findings(*args, **more)
    assert len(table) == len(CLAIMS)
    return dict(zip(CLAIMS, table["verdict"], strict=True))


def test_the_papers_story_holds() -> None:
    weak = {**PAPER, CROSS: {5: -8}}
    found = verdicts(
        sweep(PAPER),
        image=sweep(weak, seed=1),
        suffice=sufficiency(100, 60),
        answers=answers(9),
    )
    assert found == dict.fromkeys(CLAIMS, "holds")


def test_the_opposite_story_does_not() -> None:
    found = verdicts(
        # That two models differ by less than 5 points takes more samples, as either may be deepest anywhere.
        sweep(OPPOSITE, samples=60),
        image=sweep(OPPOSITE, samples=60, seed=1),
        suffice=sufficiency(70, 99),
        answers=answers(4, samples=60),
    )
    assert found == dict.fromkeys(CLAIMS, "does not hold")


def test_nothing_at_all_is_no_evidence_for_a_mechanism() -> None:
    found = verdicts(sweep({flow: {} for flow in FINDING_FLOWS}), answers=answers(4, final=0.0))
    assert found["cross_frame"] == found["order"] == "does not hold", "nothing is read at all"
    assert found["video_last"] == found["last_last"] == "holds"
    assert found["true_option"] != "holds"
    assert found["rise"] != "holds"


@pytest.mark.parametrize("samples", [1, 4])
def test_few_samples_decide_nothing(samples) -> None:
    table: Any = findings(sweep(PAPER, samples=samples), suffice=sufficiency(4, 0, samples=4))
    measured = table[table["verdict"] != "not measured"]
    assert set(measured["verdict"]) == {"undecided"}
    assert measured["note"].str.contains("only").all()


def test_a_number_near_the_bound_stays_undecided() -> None:
    near = {**PAPER, DIRECT: {10: -5.0}}
    assert verdicts(sweep(near, samples=12, noise=6.0))["video_last"] == "undecided"
    # 98 of 100 are within 2 points, but the interval reaches beyond 5.
    assert verdicts(sweep(PAPER), suffice=sufficiency(98, 91))["pathways"] == "undecided"


def test_intervals_cover_the_truth() -> None:
    covered = 0
    for seed in range(60):
        table: Any = findings(sweep({FALSE: {5: -12.0, 6: -12.0}}, samples=20, seed=seed))
        row = table.set_index("claim").loc[CLAIMS["false_options"].claim]
        covered += row["low"] <= -2.0 <= row["high"]
    assert covered >= 51, "the mean over 12 layers is -2 by construction"


def test_verdicts_are_rarely_wrong_where_nothing_separates_two_flows() -> None:
    """Equal flows: neither option dominates, neither flow comes first."""
    wrong = 0
    for seed in range(60):
        equal = {flow: {6: -30.0, 7: -30.0} for flow in (TO_QUESTION, TO_LAST, TRUE, FALSE)}
        found = verdicts(sweep(equal, samples=15, noise=8.0, seed=seed))
        wrong += found["true_option"] != "undecided"
        wrong += found["order"] != "undecided"
    assert wrong <= 14, "5% on each side of 120 verdicts, and some more for a bootstrap of 15 samples"


def test_what_was_not_given_is_not_measured_and_says_why() -> None:
    table: Any = findings(sweep({CROSS: {5: -40}}))
    by_claim = table.set_index(pd.Index(list(CLAIMS)))
    assert by_claim.loc["cross_frame", "verdict"] == "holds"
    others = by_claim.drop(index="cross_frame")
    assert set(others["verdict"]) == {"not measured"}
    assert by_claim.loc["video_last", "note"] == "the sweep did not cut video -> last"
    assert "image model" in by_claim.loc["tuning", "note"]
    assert others["value"].isna().all()
    assert (table["rule"].str.len() > 40).all()
    unplaced: Any = findings(sweep({CROSS: {5: -40}}).assign(layer=0))
    assert set(unplaced["verdict"]) == {"not measured"}


def test_the_two_models_are_compared_on_shared_samples() -> None:
    image = sweep({**PAPER, CROSS: {5: -8}}, samples=12, seed=1)
    table: Any = findings(sweep(PAPER), image=image)
    assert table.set_index(pd.Index(list(CLAIMS))).loc["tuning", "n"] == 12
    assert verdicts(sweep(PAPER), image=image.iloc[:0])["tuning"] == "not measured", "it answers nothing"
    stranger = image.assign(sample_id="x" + image["sample_id"])
    assert verdicts(sweep(PAPER), image=stranger)["tuning"] == "not measured"


def test_room_for_a_rise_is_named() -> None:
    table: Any = findings(sweep(PAPER).assign(p_base=0.999))
    note = table.set_index(pd.Index(list(CLAIMS))).loc["false_options", "note"]
    assert note == "p_base leaves room for 0.1% at most"


def test_answers_of_unknown_roles_are_refused() -> None:
    with pytest.raises(RunError, match="roles A; they must be true_option and false_option"):
        findings(sweep(PAPER), answers=answers(9).assign(role="A"))


def test_one_task_at_a_time() -> None:
    other = sweep(OPPOSITE).assign(task="u", sample_id=lambda table: "u" + table["sample_id"])
    both_tasks = pd.concat([sweep(PAPER), other])
    assert verdicts(both_tasks, task="t")["order"] == "holds"
    assert verdicts(both_tasks, task="u")["order"] == "does not hold"
    with pytest.raises(RunError, match="no task 'v'"):
        findings(both_tasks, task="v")


def test_tables_of_another_kind_are_refused() -> None:
    with pytest.raises(RunError, match="lacks the column flow"):
        findings(sweep(PAPER).drop(columns="flow"))
    with pytest.raises(RunError, match="no mode 'strict'"):
        findings(sweep(PAPER), suffice=sufficiency(100, 60), mode="strict")
    two = pd.concat([sweep(PAPER), sweep(PAPER).assign(window="centred(5)")])
    with pytest.raises(RunError, match="several windows"):
        findings(two)
