"""Settings that decide the numbers: what differs is named one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.analyses.stand_in import StandInModel, questions
from workbench.errors import RunError
from workbench.runs import as_seed, data_settings, model_settings
from workbench.runs.settings import check_same, differences, hash_of, hash_of_settings


def test_ids_in_another_order_are_another_data_set() -> None:
    assert hash_of(["a", "b"]) != hash_of(["b", "a"])
    assert data_settings(questions(0, 0)) != data_settings(questions(0, 1))


def test_all_that_decides_a_models_numbers_is_a_setting() -> None:
    model: Any = StandInModel()
    assert set(model_settings(model)) == {
        *("model", "weights_sha256", "dtype", "attention", "device"),
        *("config_sha256", "tokenizer_sha256", "chat_template_sha256", "pixels"),
    }


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("config_sha256", 'config of the model: sha256 "aa" in the folder, sha256 "bb" asked for'),
        ("tokenizer_sha256", 'tokenizer of the model: sha256 "aa" in the folder, sha256 "bb" asked for'),
        (
            "chat_template_sha256",
            'chat template of the model: sha256 "aa" in the folder, sha256 "bb" asked for',
        ),
        ("code_sha256", 'code of the model: sha256 "aa" in the folder, sha256 "bb" asked for'),
        ("pixels", 'pixels of the model: "aa" in the folder, "bb" asked for'),
        ("stop_tokens", 'stop tokens of the model: "aa" in the folder, "bb" asked for'),
        ("weights_sha256", 'model: "m" as in the folder, but with other content'),
        ("dtype", 'dtype: "aa" in the folder, "bb" asked for'),
    ],
)
def test_each_difference_has_a_line_of_its_own(key: str, line: str) -> None:
    same = {"model": "m", "seed": 3}
    assert differences({**same, key: "aa"}, {**same, key: "bb"}) == [line]


def test_what_is_new_or_gone_differs_too() -> None:
    assert differences({}, {"code_sha256": "bb"}) == [
        'code of the model: sha256 nothing in the folder, sha256 "bb" asked for'
    ]


def test_an_older_run_is_compared_in_what_it_recorded() -> None:
    before, asked = {"seed": 0, "pixels": {"a": 1}}, {"seed": 0, "pixels": {"a": 2}, "config_sha256": "bb"}
    assert [line.partition(" of")[0] for line in differences(before, asked, legacy=True)] == ["pixels"]
    assert len(differences(before, asked)) == 2


def test_an_older_run_counted_separators_to_the_video() -> None:
    assert differences({}, {"separators": "video"}, legacy=True) == []
    assert differences({}, {"separators": "frame"}, legacy=True) == [
        'separators: "video" in the folder, "frame" asked for'
    ]


def test_another_model_is_one_line() -> None:
    before = {"model": "a", "weights_sha256": "1", "config_sha256": "1"}
    asked = {"model": "b", "weights_sha256": "2", "config_sha256": "2"}
    assert differences(before, asked) == ['model: "a" in the folder, "b" asked for']


def test_a_refusal_says_what_to_do() -> None:
    old, new = ({"kind": "sweep", "settings": {"seed": seed}} for seed in (0, 1))
    with pytest.raises(RunError, match=r"(?s)run holds a run with other settings:\n  seed: 0 .*--out; out="):
        check_same(Path("run"), old, new, legacy=False)
    with pytest.raises(RunError, match="another analysis"):
        check_same(Path("run"), old, {**old, "kind": "lens"}, legacy=False)


def test_settings_have_one_hash() -> None:
    assert hash_of_settings("a", {"x": "é"}) == hash_of_settings("a", {"x": "é"})
    assert hash_of_settings("a", {"x": 1}) != hash_of_settings("a", {"x": 2})


@pytest.mark.parametrize("seed", [0, 7, np.int64(3), 2**63 - 1])
def test_seeds(seed: Any) -> None:
    assert as_seed(seed) == int(seed)
    assert type(as_seed(seed)) is int


@pytest.mark.parametrize("seed", ["abc", "0", -1, None, 1.0, True, 2**63, [], float("nan")])
def test_what_is_no_seed_is_refused(seed: Any) -> None:
    with pytest.raises(RunError, match="give a whole number from 0"):
        as_seed(seed)
