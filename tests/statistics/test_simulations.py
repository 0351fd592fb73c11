"""Intervals, tests and verdicts on samples whose truth is known, by the simulations of docs/statistics.md.

A few quick ones with fixed seeds here; those marked slow cover every interval, test and verdict.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from benchmarks.simulations import verdicts
from benchmarks.simulations.__main__ import DOCS, TABLES, averaged, markdown, written
from benchmarks.simulations.intervals import deepest_layers, means, others
from benchmarks.simulations.worlds import CURVES, LAYERS, NEIGHBOURS, SPREAD, noise, peak, sweep
from workbench.analyses.findings.claims import CLAIMS
from workbench.statistics.landmarks import deepest


def at_most(share: float, runs: int) -> float:
    """Percent of runs that are too many for this share: one test of a thousand would have more by chance."""
    return float(100 * stats.binom.ppf(0.999, runs, share) / runs)


def at_least(share: float, runs: int) -> float:
    return float(100 * stats.binom.ppf(0.001, runs, share) / runs)


def test_the_made_up_curves_are_what_they_are_said_to_be() -> None:
    made = noise(np.random.default_rng(0), 4000, 2)
    assert made.shape == (4000, 2, LAYERS)
    assert made.std(axis=0) == pytest.approx(SPREAD, rel=0.05)
    assert np.corrcoef(made[:, 0, 7], made[:, 0, 8])[0, 1] == pytest.approx(NEIGHBOURS, abs=0.02)
    assert abs(np.corrcoef(made[:, 0, 7], made[:, 1, 7])[0, 1]) < 0.06
    skewed = noise(np.random.default_rng(1), 40_000, skew=0.8)
    assert skewed.mean() == pytest.approx(0, abs=0.3)
    assert skewed.std() == pytest.approx(SPREAD, rel=0.05)
    table = sweep({"a": peak(3), "b": peak(9)}, np.zeros((5, 2, LAYERS)))
    assert len(table) == 5 * 2 * LAYERS
    row: Any = table.query("flow == 'b' and layer == 9 and sample_id == 't/3'")
    assert row["change_percent"].tolist() == [-40]


@pytest.fixture(scope="module")
def of_means() -> pd.DataFrame:
    return means(500).set_index(["samples", "n"])


def test_intervals_of_means_hold_where_the_percentile_bootstrap_does_not(of_means: pd.DataFrame) -> None:
    for kind, n in (("normal", 5), ("normal", 10), ("normal", 20), ("normal", 50), ("skewed", 20)):
        held = of_means.loc[(kind, n), "this project"]
        assert at_least(0.93, 500) < held < at_most(0.97, 500), (kind, n)
    assert of_means.loc[("normal", 5), "percentile"] < 88
    assert of_means.loc[("log-normal", 10), "this project"] > of_means.loc[("log-normal", 10), "BCa"] + 4


def test_what_cannot_be_had_is_not_promised(of_means: pd.DataFrame) -> None:
    """Of five samples each loses nothing with a probability of 0.7: in 17% of runs none loses anything."""
    assert of_means.loc[("sparse", 5), "this project"] < 100 * (1 - 0.7**5) + 3
    assert of_means.loc[("sparse", 10), "this project"] > 90


@pytest.mark.parametrize("curve", ["no effect", "plateau over all layers", "sharp peak"])
def test_the_deepest_layer_is_held_where_the_bootstrap_of_a_minimum_loses_it(curve: str) -> None:
    rng, runs, n, truth = np.random.default_rng(3), 80, 10, CURVES[curve]
    held = naive = 0
    for _ in range(runs):
        changes = truth + noise(rng, n)[:, 0]
        found = deepest(changes)
        held += found.low <= truth.min() <= found.high
        drawn = [changes[rng.integers(0, n, n)].mean(axis=0).min() for _ in range(200)]
        low, high = np.quantile(drawn, [0.025, 0.975])
        naive += low <= truth.min() <= high
    assert held >= 0.01 * runs * at_least(0.95, runs)
    if curve != "sharp peak":
        assert naive < 0.5 * runs


def test_noise_does_not_decide_against_a_claim() -> None:
    """Under noise the bootstrap of a minimum lets the last row read the video in 12 to 43% of runs."""
    rng = np.random.default_rng(5)
    nothing = verdicts.CASES["video_last"].holds
    said = [verdicts._verdict("video_last", 10, rng, nothing) for _ in range(40)]
    assert said.count("does not hold") <= at_most(0.05, 40) * 0.4
    assert list(verdicts.CASES) == list(CLAIMS), "every claim has worlds of its own"


def test_tables_of_parts_are_averaged_and_written_into_their_place() -> None:
    parts = [pd.DataFrame({"n": [5, 10], "held": [90.0, share]}) for share in (94.0, 96.0)]
    whole = averaged(parts)
    assert whole["held"].tolist() == [90.0, 95.0]
    table = markdown(whole)
    assert table.splitlines()[0] == "| n | held |"
    assert table.splitlines()[-1] == "| 10 | 95.0 |"
    page = "a\n<!-- means -->\nold\n<!-- end -->\nb <!-- x -->\n<!-- end -->"
    assert (
        written(page, "means", table)
        == f"a\n<!-- means -->\n\n{table}\n\n<!-- end -->\nb <!-- x -->\n<!-- end -->"
    )


def test_the_page_has_a_table_of_every_simulation() -> None:
    text = DOCS.read_text("utf-8")
    for name in TABLES:
        _, _, rest = text.partition(f"<!-- {name} -->\n")
        table, _, _ = rest.partition("<!-- end -->")
        assert table.count("\n|") >= 5, name


RUNS = 200


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_interval_holds_the_truth_as_often_as_it_says() -> None:
    low, high = at_least(0.93, RUNS), at_most(0.97, RUNS)
    depths: Any = deepest_layers(RUNS)
    assert (depths["this project"] > low).all()
    assert (depths.query("n >= 20")["this project"] < high).all()
    table: Any = others(RUNS).set_index("interval of")
    assert (table[["n = 20", "n = 50"]].drop(index="a share of 95% (Wilson)") > low).all(axis=None)
    assert (table > at_least(0.88, RUNS)).all(axis=None)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_at_most_five_percent_of_headlines_and_comparisons_of_noise_find_something() -> None:
    limit = at_most(0.05, RUNS)
    told: Any = verdicts.headlines(RUNS)
    symmetric = told[~told["table"].str.contains("skewed")]
    assert (symmetric["false"] <= limit).all()
    assert (symmetric["false, each point alone"] > 25).all(), "what one point alone would let pass"
    assert (symmetric.query("n >= 20")["found"] > 95).all()
    assert (
        told[told["table"] == "3 flows, skewed noise"].query("n >= 20")["false"] <= at_most(0.08, RUNS)
    ).all()
    compared: Any = verdicts.comparisons(RUNS)
    assert (compared["false, over 32 layers"] <= limit).all()
    assert (compared["interval holds 0"] > 92).all()
    assert compared.set_index("n").loc[10, "found (-30 points)"] == 0, "10 pairs reach 0.0625 over 32 layers"
    assert compared.set_index("n").loc[20, "found (-30 points)"] > 95


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("samples", [10, 20, 50])
def test_at_most_five_percent_of_verdicts_at_the_edge_of_a_rule_are_wrong(samples: int) -> None:
    table: Any = verdicts.claims(RUNS, samples)
    for wrong in ("wrongly holds", "wrongly does not"):
        assert (table[wrong] <= at_most(0.05, RUNS)).all()
    if samples >= 20:
        assert (table["rightly does not"] > 80).all()
        assert (table["rightly holds"].drop(index=8) > 80).all(), (
            "all but the pathways, which need 73 samples"
        )
