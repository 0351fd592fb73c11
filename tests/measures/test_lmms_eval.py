"""Every rule against what lmms-eval 0.7.3 itself read out of the same strings."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from workbench.measures import lmms_eval

RECORDED = json.loads(Path(__file__).with_name("lmms_eval_said.json").read_text(encoding="utf-8"))
"""For each rule, options, and texts with the letter that the functions of lmms-eval's tasks gave; null for
none, or for one that they drew at random."""


@pytest.mark.parametrize("rule", RECORDED)
def test_the_rule_reads_what_lmms_eval_reads(rule) -> None:
    options, said = RECORDED[rule]["options"], RECORDED[rule]["said"]
    read = getattr(lmms_eval, rule)
    assert [[text, read(text, options)] for text, _ in said] == said
    assert len(said) >= 150
    assert len(Counter(letter for _, letter in said)) >= 3, "the strings tell nothing apart"


@pytest.mark.parametrize(
    ("rule", "text", "letter"),
    [
        ("mvbench", "a ball moves", "A"),
        ("mvbench", "It is F", None),
        ("tvbench", "Blue", "B"),
        ("tvbench", "because it moves right", "B"),
        ("mcq", "A or B. The answer is C", "A"),
        ("egoschema", "(B) rather than (A)", "B"),
        ("tomato", "no idea", "A"),
        ("longvideobench", "Because it moves", "B"),
        ("vinoground", "b) the second", "B"),
        ("minimal_video_pairs", "Grab", "B"),
    ],
)
def test_oddities_are_kept(rule, text, letter) -> None:
    assert getattr(lmms_eval, rule)(text, RECORDED[rule]["options"]) == letter
