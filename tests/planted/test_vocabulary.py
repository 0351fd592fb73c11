"""Words and their roles."""

from __future__ import annotations

from workbench.planted.vocabulary import IDS, OPTIONS, QUESTION, ROLES, VOCABULARY
from workbench.planted.wiring import FREE


def test_each_word_has_an_id_and_each_role_a_word() -> None:
    assert sorted(IDS.values()) == list(range(len(IDS)))
    assert len(IDS) <= VOCABULARY
    assert set(ROLES) <= set(IDS)
    assert set(QUESTION.split()) | set(OPTIONS) <= set(IDS)
    assert all(0 < feature < FREE for feature in ROLES.values()), "noise has features of its own"
