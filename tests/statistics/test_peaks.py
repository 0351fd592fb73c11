from __future__ import annotations

from tests.figures.tables import FLOWS, sweep_table
from workbench.statistics.curves import Point, curve_points
from workbench.statistics.peaks import is_clear, peaks

POINT = Point("t", "video -> last", "centred(3)", 3, 2, 4, 10, -30.0, -40.0, -20.0, -30.0, "", -15.0, 0.01)


def test_an_interval_that_ends_at_0_is_not_clear() -> None:
    assert not is_clear(POINT._replace(mean=-30.0, high=-0.04))
    assert is_clear(POINT._replace(mean=-30.0, high=-0.06))
    assert not is_clear(POINT._replace(bound=-0.04))
    assert is_clear(POINT._replace(bound=-0.06))
    assert not is_clear(POINT._replace(mean=-4.9, high=-4.0))


def test_what_chance_gives_somewhere_in_the_table_is_not_clear() -> None:
    assert is_clear(POINT._replace(p_fall=0.05))
    assert not is_clear(POINT._replace(p_fall=0.051))
    assert not is_clear(POINT._replace(p_fall=float("nan")))


def test_one_peak_a_task_and_flow() -> None:
    found = peaks(curve_points(sweep_table(samples=2)))
    assert len(found) == 5 * len(FLOWS)
    assert len({(peak.task, peak.flow) for peak in found}) == len(found)


def test_the_deepest_point_of_each_curve_is_its_peak() -> None:
    curve = [POINT._replace(layer=layer, mean=mean) for layer, mean in ((1, -3.0), (2, -9.0), (3, -9.0))]
    other = POINT._replace(flow="question -> last", mean=4.0)
    assert peaks([*curve, other]) == [curve[1], other]
    assert peaks([]) == []
