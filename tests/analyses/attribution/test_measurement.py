"""What is measured of a sample: missing flows are listed, exact cells are those of the engine."""

from __future__ import annotations

import pytest

from tests.analyses.attribution.attributed import planted_attribution
from workbench.errors import RunError


def test_a_flow_that_a_sample_lacks_is_skipped_and_one_that_all_lack_refused() -> None:
    asked = {"frames": 1, "only_correct": False}
    found = planted_attribution(flows=("video -> last", "frames -> later frames"), **asked)
    assert set(found.table["flow"]) == {"video -> last"}
    assert found.skipped["flow"].tolist() == ["frames -> later frames"] * 2
    with pytest.raises(RunError, match="cannot be cut in any of the 2 samples"):
        planted_attribution(flows="frames -> later frames", **asked)


def test_settings_name_all_that_decides_the_numbers() -> None:
    one, other = planted_attribution(), planted_attribution(window="centred(3)")
    assert one.measurement.settings != other.measurement.settings
    assert one.manifest["settings"]["methods"] == ["local"]
    assert one.measurement.alone("relp").methods == ("relp",)
