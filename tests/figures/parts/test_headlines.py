from __future__ import annotations

from typing import Any

from tests.figures.tables import sweep_table
from workbench.figures import by_task, headline
from workbench.figures.parts.headlines import stretches
from workbench.statistics.curves import Point, curve_points
from workbench.statistics.peaks import is_clear, peaks


def planted(shapes: dict[str, dict[str, list[float]]], **settings: Any):
    table = sweep_table(shapes, **settings)
    # no noise: the mean of each point is exactly what was planted
    means = {(task, flow): curve for task, curves in shapes.items() for flow, curve in curves.items()}
    table["change_percent"] = [
        means.get((task, flow), [0.0] * 12)[layer - 1]
        for task, flow, layer in zip(table["task"], table["flow"], table["layer"], strict=True)
    ]
    return curve_points(table)


def bump(at: int, depth: float) -> list[float]:
    return [depth if layer == at else 0.0 for layer in range(1, 13)]


def test_the_headline_names_what_is_needed_where_and_what_does_not_matter() -> None:
    points = planted(
        {"moving_direction": {"video -> question": bump(5, -63.0), "question -> last": bump(9, -20.0)}}
    )
    assert headline(points) == (
        "The answer needs video -> question around layer 5 (down to -63%) and question -> last around "
        "layer 9 (down to -20%). "
        "No clear effect: frames -> later frames, video -> last, last -> last (0% at most)."
    )


def test_the_headline_names_the_task_where_there_are_several() -> None:
    points = planted(
        {
            "moving_direction": {"video -> question": bump(5, -63.0)},
            "object_count": {"video -> question": bump(2, -70.0), "video -> last": bump(12, -30.0)},
            "scene_transition": {"frames -> later frames": bump(3, -6.0)},
        }
    )
    said = headline(points)
    assert said.startswith(
        "The answer needs frames -> later frames around layer 3 (1 of 3 tasks), video -> question around "
        "layers 2 and 5 (2 of 3) and video -> last around layer 12 (1 of 3). The deepest fall: "
        "video -> question at layers 1-3 of Object Count (-70%)."
    )


def test_the_stretches_of_layers_where_a_curve_is_low() -> None:
    curve = [-6.0, -20.0, -8.0, -4.9, 0.0, 0.0, -30.0, -31.0, 0.0, 3.0, 0.0, -9.0]
    points = planted({"t": {"video -> last": curve}, "u": {}}, flows=("video -> last",))

    def places(some: list[Point]) -> list[tuple[int, int]]:
        return [(stretch.first.layer, stretch.last.layer) for stretch in stretches(some)]

    mine = [point for point in points if point.task == "t"]
    assert places(mine) == [(1, 3), (7, 8), (12, 12)]
    assert "video -> last around layers 1-3, 7-8 and 12 (1 of 2 tasks)" in headline(points)
    # Over both tasks the mean is half as deep.
    assert places(points) == [(2, 2), (7, 8)]
    shallow = [point._replace(mean=point.mean / 10) for point in mine]
    assert places(shallow) == [(8, 8)], "the deepest one, where none is low"


def test_windows_without_a_centre_are_told_in_their_own_words() -> None:
    points = planted({"t": {"video -> text": [-90.0, -50.0, *[0.0] * 10]}}, flows=("video -> text",))
    after = [point._replace(window=f"after({point.layer})") for point in points]
    assert headline(after).startswith("The answer needs video -> text after layers 1-2 (down to -90%).")
    trailing = [point._replace(window="trailing(3)") for point in points]
    assert headline(trailing).startswith("The answer needs video -> text at layers 1-2 (down to -90%).")
    whole = [points[0]._replace(window="all_layers()", layer=0, first_layer=1, last_layer=12)]
    assert headline(whole) == "The answer needs video -> text at layers 1-12 (down to -90%)."


def test_the_layers_are_those_of_tasks_with_a_clear_fall() -> None:
    """A mean over tasks in which a flow does nothing would hide where it matters."""
    shapes = {"a": {"video -> last": bump(8, -60.0)}, "b": {"video -> last": bump(2, -4.9)}}
    shapes |= {f"none{number}": {} for number in range(18)}
    said = headline(planted(shapes, samples=5, flows=("video -> last",)))
    assert said.startswith("The answer needs video -> last around layer 8 (1 of 20 tasks). ")


def test_small_or_uncertain_falls_are_not_findings() -> None:
    assert headline(planted({"t": {"video -> last": bump(3, -4.9)}})).startswith("No cut clearly lowers")
    table = sweep_table({"t": {}}, flows=("video -> last",), samples=8)
    table["change_percent"] = [60.0 if name[-1] in "05" else -40.0 for name in table["sample_id"]]
    peak = peaks(curve_points(table))[0]
    assert peak.mean == -15.0
    assert not is_clear(peak)
    both = planted({"t": {"video -> question": bump(5, -63.0)}}, samples=8)
    said = by_task([*both, *(point._replace(flow="own -> last") for point in curve_points(table))])["t"]
    told = "Uncertain, within what chance gives among so many curves and layers: own -> last (-15%)."
    assert told in said
    assert "No clear effect: frames -> later frames, question -> last, video -> last" in said


def test_of_few_samples_nothing_is_a_finding() -> None:
    """Of four samples all fall by chance in one table of 16, however deep."""
    shapes = {"t": {"video -> question": bump(5, -63.0)}}
    assert headline(planted(shapes, samples=5)).startswith(
        "The answer needs video -> question around layer 5"
    )
    said = headline(planted(shapes, samples=4))
    assert said == (
        "No cut clearly lowers the answer's probability. The strongest, video -> question at layers 4-6, "
        "gives -63%: of 4 samples chance gives as much."
    )
    many = curve_points(sweep_table({"t": {}}, flows=("video -> last",), samples=8))
    unlikely = [point._replace(mean=-9.0, p_fall=0.3) for point in many]
    assert headline(unlikely).endswith("gives -9%: among so many curves and layers chance gives as much.")


def test_long_headlines_are_cut_short() -> None:
    flows = tuple(f"frame[{i}] -> last" for i in range(7))
    shapes = {"t": {flow: bump(6, -30.0 - i) for i, flow in enumerate(flows)}}
    said = headline(planted(shapes, flows=flows))
    assert "and 2 more flows." in said
    assert "frame[0]" not in said, "it is one of the two weakest"
    assert said.index("frame[2]") < said.index("frame[6]"), "in the order of the table"


def test_each_task_is_told_alone_in_the_order_of_the_table() -> None:
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
        "The answer needs frames -> later frames around layer 8 (down to -67%), video -> question "
        "around layer 10 (down to -86%) and question -> last around layer 11 (down to -84%). "
        "No clear effect: video -> last, last -> last (0% at most)."
    )
    assert said["static"].startswith("No cut clearly lowers the answer's probability.")


def test_few_samples_are_said() -> None:
    said = by_task(planted({"t": {"video -> question": bump(5, -63.0)}}, samples=2))
    assert said["t"].endswith("Only 2 samples: read with care.")


def test_nothing_to_say() -> None:
    assert headline([]) == "No point of these curves has a usable sample."
    assert by_task([]) == {}
