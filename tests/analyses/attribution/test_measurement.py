"""What is measured of a sample: missing flows are listed, exact cells are those of the engine."""

from __future__ import annotations

import dataclasses

import pytest

from tests.analyses.attribution.attributed import planted_attribution
from workbench.errors import RunError
from workbench.runs import Asked


def test_a_flow_that_a_sample_lacks_is_skipped_and_one_that_all_lack_refused() -> None:
    found = planted_attribution(by=("flow", "layer"))
    measurement = dataclasses.replace(found.measurement, only_correct=False)
    prompt = found.model.encode(found.samples[0], frames=1)
    (record,) = measurement.measure(found.model, [Asked(0, found.samples[0], prompt)], lambda units: None)
    assert set(record.rows["flow"].to_pylist()) == {"video -> question", "question -> last"}
    assert [skip.flow for skip in record.skipped] == ["frames -> later frames"]
    with pytest.raises(RunError, match="cannot be cut in any of the 2 samples"):
        planted_attribution(flows="frames -> later frames", frames=1)


def test_settings_name_all_that_decides_the_numbers() -> None:
    one, other = planted_attribution(), planted_attribution(window="centred(3)")
    assert one.measurement.settings != other.measurement.settings
    assert one.manifest["settings"]["methods"] == ["local"]
    assert one.measurement.alone("relp").methods == ("relp",)
