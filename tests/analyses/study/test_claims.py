from __future__ import annotations

from workbench.analyses.study.claims import CLAIMS, KNEE_BOUND


def test_every_claim_says_where_it_is_from_and_when_it_holds() -> None:
    assert len(CLAIMS) == 6
    assert all(claim.paper and claim.rule.endswith(".") and claim.unit for claim in CLAIMS.values())
    assert 18 / 28 < KNEE_BOUND < 19 / 28, "the paper's exit is the last layer that the bound lets pass"
