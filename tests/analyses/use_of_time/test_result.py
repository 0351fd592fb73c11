"""What a person reads of certificates: one answer's, and all of them."""

from __future__ import annotations

import pandas as pd
import pytest
from rich.console import Console

from tests.analyses.use_of_time.test_rule import facts, order, prior
from workbench.analyses.use_of_time import PRIOR, USES_TIME, TimeUse
from workbench.errors import RunError


@pytest.fixture
def found() -> TimeUse:
    table = pd.concat([facts(order, "t/0"), facts(prior, "t/1")], ignore_index=True)
    skipped = pd.DataFrame(columns=pd.Index(["sample_id", "flow", "reason"]))
    return TimeUse(table=table, skipped=skipped, manifest={"settings": {"model": "m"}})


def test_a_certificate_names_its_facts(found: TimeUse) -> None:
    one = found.certificate("t/0")
    assert (one.verdict, one.answer, one.truth) == (USES_TIME, "A", "A")
    assert "frames reversed: B (p 1.00)" in repr(one)
    assert "<td>frames reversed</td>" in one._repr_html_()
    assert "untouched" not in set(one.facts["fact"])
    console = Console(width=160, record=True)
    console.print(one)
    assert "frames shuffled 4" in console.export_text()


def test_all_of_them_in_short(found: TimeUse) -> None:
    assert repr(found) == "TimeUse(2 samples: 1 uses time, 1 language prior)"
    assert found.verdicts["verdict"].tolist() == [USES_TIME, PRIOR]
    page = found._repr_html_()
    assert "50% (9..91)" in page
    console = Console(width=160, record=True)
    console.print(found)
    assert "undecided" in console.export_text()


def test_an_unknown_sample(found: TimeUse) -> None:
    with pytest.raises(RunError, match="skipped"):
        found.certificate("t/7")
