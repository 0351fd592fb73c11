from __future__ import annotations

from tests.figures.tables import FLOWS, sweep_table
from workbench.analyses.statistics import curve_points
from workbench.figures import by_task, headline
from workbench.figures.reading import is_clear, peaks


def planted(shapes: dict[str, dict[str, list[float]]], **settings: int):
    table = sweep_table(shapes, **settings)  # pyright: ignore[reportArgumentType]
    # no noise: the mean of each point is exactly what was planted
    means = {(task, flow): curve for task, curves in shapes.items() for flow, curve in curves.items()}
    table["change_percent"] = [
        means.get((task, flow), [0.0] * 12)[layer - 1]
        for task, flow, layer in zip(table["task"], table["flow"], table["layer"], strict=True)
    ]
    return curve_points(table)


def bump(at: int, depth: float) -> list[float]:
    return [depth if layer == at else 0.0 for layer in range(1, 13)]


def test_the_headline_names_the_strongest_cut_its_layers_and_what_does_not_matter() -> None:
    points = planted(
        {"moving_direction": {"video -> question": bump(5, -63.0), "question -> last": bump(9, -20.0)}}
    )
    assert headline(points) == (
        "Cutting video -> question hurts most at layers 4-6 (-63%). Next: question -> last at layers 8-10 "
        "(-20%). No clear effect: frames -> later frames, video -> last, last -> last (0% at most)."
    )


def test_the_headline_names_the_task_where_there_are_several() -> None:
    points = planted(
        {
            "moving_direction": {"video -> question": bump(5, -63.0)},
            "object_count": {"video -> question": bump(2, -70.0), "video -> last": bump(12, -30.0)},
        }
    )
    said = headline(points)
    assert said.startswith("Cutting video -> question hurts most at layers 1-3 of Object Count (-70%).")
    assert "Next: video -> last at layers 11-12 of Object Count (-30%)." in said


def test_small_or_uncertain_falls_are_not_findings() -> None:
    assert headline(planted({"t": {"video -> last": bump(3, -4.9)}})).startswith("No cut clearly lowers")
    table = sweep_table({"t": {}}, flows=("video -> last",), samples=4)
    table["change_percent"] = [60.0 if name.endswith("0") else -40.0 for name in table["sample_id"]]
    peak = peaks(curve_points(table))[0]
    assert peak.mean == -15.0
    assert not is_clear(peak)
    both = planted({"t": {"video -> question": bump(5, -63.0)}}, samples=4)
    said = by_task([*both, *(point._replace(flow="own -> last") for point in curve_points(table))])["t"]
    assert "Uncertain, the interval reaches 0: own -> last (-15%)." in said
    assert "No clear effect: frames -> later frames, question -> last, video -> last" in said


def test_long_headlines_are_cut_short() -> None:
    flows = tuple(f"frame[{i}] -> last" for i in range(7))
    table = sweep_table({"t": {flow: bump(6, -30.0 - i) for i, flow in enumerate(flows)}}, flows=flows)
    said = headline(curve_points(table))
    assert said.endswith("and 2 more flows.")


def test_each_task_is_told_from_early_to_late_layers() -> None:
    said = by_task(
        planted(
            {
                "moving_direction": {
                    "question -> last": bump(11, -84.0),
                    "frames -> later frames": bump(8, -67.0),
                    "video -> question": bump(10, -86.0),
                },
                "static": {},
            }
        )
    )
    assert said["moving_direction"] == (
        "From early to late layers, cutting hurts frames -> later frames at layers 7-9 (-67%), "
        "video -> question at layers 9-11 (-86%), question -> last at layers 10-12 (-84%). "
        "No clear effect: video -> last, last -> last (0% at most)."
    )
    assert said["static"] == "No cut has a clear effect."


def test_few_samples_are_said() -> None:
    said = by_task(planted({"t": {"video -> question": bump(5, -63.0)}}, samples=2))
    assert said["t"].endswith("Only 2 samples: read with care.")


def test_nothing_to_say() -> None:
    assert headline([]) == "No point of these curves has a usable sample."
    assert by_task([]) == {}


def test_one_peak_a_task_and_flow() -> None:
    found = peaks(curve_points(sweep_table(samples=2)))
    assert len(found) == 5 * len(FLOWS)
    assert len({(peak.task, peak.flow) for peak in found}) == len(found)
