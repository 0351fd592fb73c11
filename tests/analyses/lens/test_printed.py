"""Results of the lens in a terminal."""

from __future__ import annotations

import pandas as pd
from rich.console import Console

from workbench.analyses.lens.printed import curves_shown, lenses_shown, lists_shown

BOLD = "\x1b[1m"


def printed(shown: object) -> str:
    console = Console(width=160, force_terminal=True, color_system="standard", no_color=True)
    with console.capture() as capture:
        console.print(shown)
    return capture.get()


def test_the_true_option_is_bold_where_its_interval_lies_above_the_false_ones() -> None:
    curves = pd.DataFrame(
        [
            ("[b]task", "true_option", 1, 4, 0.3, 0.2, 0.4),
            ("[b]task", "true_option", 2, 4, 0.9, 0.8, 1.0),
            ("[b]task", "false_option", 1, 4, 0.3, 0.2, 0.4),
            ("[b]task", "false_option", 2, 4, 0.1, 0.0, 0.2),
            ("open", "true_option", 1, 2, 0.5, 0.4, 0.6),
            ("open", "true_option", 2, 2, 0.6, 0.5, 0.7),
        ],
        columns=pd.Index(["task", "role", "layer", "n", "mean", "low", "high"]),
    )
    said = printed(curves_shown(curves))
    assert "[b]task" in said, "a task's name is text"
    assert f"{BOLD}0.90" in said
    assert said.count(f"{BOLD}0.") == 1
    assert all(number in said for number in ("0.30", "0.50", "0.60"))


def test_the_largest_share_of_a_list_is_bold_and_an_empty_list_has_dashes() -> None:
    nan = float("nan")
    lists = pd.DataFrame(
        [
            ("spatial", 1, 2, 0.25, 2, 10),
            ("spatial", 3, 3, 0.75, 2, 30),
            ("none", 1, 2, nan, 0, 0),
            ("none", 3, 3, nan, 0, 0),
        ],
        columns=pd.Index(["keyword_list", "bin_first", "bin_last", "share", "keywords", "hits"]),
    )
    said = printed(lists_shown(lists, samples=3, rows=12345))
    assert "12,345 rows a layer" in said
    assert "1-2" in said
    assert f"{BOLD}0.750" in said
    assert said.count(f"{BOLD}0.") == 1
    assert "nan" not in said


def test_a_lens_is_bold_where_it_does_better_than_a_blind_choice() -> None:
    curves = pd.DataFrame(
        [
            ("shape", "[b]lens", 0, 4, 0.25, 0.15, 0.35, 0.2),
            ("shape", "[b]lens", 1, 4, 0.61, 0.5, 0.7, 0.2),
            ("any word", "[b]lens", 1, 3, 0.42, 0.3, 0.5, float("nan")),
        ],
        columns=pd.Index(["attribute", "lens", "layer", "n", "mean", "low", "high", "guessing"]),
    )
    said = printed(lenses_shown(curves))
    assert "[b]lens" in said
    assert f"{BOLD}61" in said
    assert f"{BOLD}25" not in said
    assert f"{BOLD}42" not in said, "nobody knows what a blind choice would get"
    always = curves.assign(lens="commonest word", mean=[0.55, 0.55, 0.2])
    said = printed(lenses_shown(pd.concat([curves, always])))
    assert f"{BOLD}61" not in said, "its interval begins below 55"
    assert f"{BOLD}42" in said
