from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from tests.figures.tables import FLOWS, PARTS, SHAPES, pathways_table, samples_table, sweep_table
from tests.pages.report.made_runs import write_run
from tests.statistics.counted import bootstrapped
from workbench.errors import RunError
from workbench.figures.parts.text import flow_label
from workbench.pages.report import write_report
from workbench.statistics.bootstrap import bootstrap_mean

EVIL = "<script>alert('x')</script>"


class Page(HTMLParser):
    """The page's elements, its visible text, and its scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.data: dict[str, str] = {}
        self.scripts: list[str] = []
        self.few = 0
        self._inside = ""
        self._id = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = dict(attrs)
        self.few += "data-few" in values
        self.loads += [f"{tag} {n}={v}" for n, v in attrs if n in ("src", "href", "srcset", "action", "data")]
        if tag in ("script", "style"):
            self._inside = tag if values.get("type") != "application/json" else "json"
            self._id = values.get("id") or ""
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "json":
            self.data[self._id] = self.data.get(self._id, "") + data
        elif self._inside:
            self.scripts[-1] += data
        else:
            self.text += data


def words(page: Page) -> str:
    return re.sub(r"\s+", " ", page.text)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    folder = tmp_path_factory.mktemp("run")
    write_run(folder, skipped=(("object_count/003", "", "The clip is cut off."),))
    path = write_report(folder)
    assert path == folder / "report.html"
    assert 4_500_000 < path.stat().st_size < 6_500_000
    assert not list(folder.glob("*.tmp"))
    return Page(path.read_text(encoding="utf-8"))


def test_the_page_loads_nothing(page: Page) -> None:
    assert page.loads == []
    assert not {"link", "iframe", "img", "object", "embed", "base", "form"} & set(page.tags)
    styles = " ".join(script for script in page.scripts if script.strip().startswith(":root"))
    assert "font" in styles
    assert "url(" not in styles
    assert "@import" not in styles


def test_figure_data_cannot_end_its_script(page: Page) -> None:
    assert all("<" not in text and "&" not in text for text in page.data.values())
    assert any("\\u003cb\\u003eMoving Direction" in text for text in page.data.values())


def test_figures_have_no_button_that_sends_them_away(page: Page) -> None:
    assert any('[["toImage", "resetScale2d"]]' in script for script in page.scripts)
    assert any("modeBarButtons: buttons" in script for script in page.scripts)
    assert page.few == 4 // 2, "those of this page: each figure once, in two shapes"


def test_a_policy_forbids_every_load(page: Page, tmp_path: Path) -> None:
    html = write_report(write_run(tmp_path)).read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
    assert policy is not None
    assert policy[1].startswith("default-src 'none';")
    assert "http" not in policy[1]


def test_plotly_is_there_once(page: Page) -> None:
    assert sum("plotly.js v" in script for script in page.scripts) == 1


def test_the_figures_hold_the_runs_numbers(page: Page) -> None:
    figure = json.loads(page.data["curves-0-wide"])
    table = sweep_table()
    rows = table.query("task == 'moving_direction' and flow == 'video -> question'")
    expected = [
        bootstrap_mean(rows.loc[rows["layer"] == layer, "change_percent"], seed=3) for layer in range(1, 13)
    ]
    drawn = [
        trace
        for trace in figure["data"]
        if trace["name"].startswith("video") and trace["name"].endswith("question") and trace["xaxis"] == "x"
    ]
    band, line = drawn
    assert line["y"] == pytest.approx([point.mean for point in expected])
    assert band["y"][:12] == pytest.approx([point.high for point in expected])
    assert len(json.loads(page.data["curves-0-narrow"])["data"]) == len(figure["data"])
    assert {"stages-wide", "stages-narrow"} < set(page.data)


def test_the_page_says_what_was_found(page: Page) -> None:
    text = words(page).replace("\u00a0", " ")
    assert "Where information flows in mini/video-ft" in text
    assert "The deepest fall: question → last at layers 10-12 of Moving Direction (-82%)." in text
    assert "How to read it" in text
    assert "last, the last row of the prompt, from which the answer is read" in text
    assert "3 neighbouring layers are cut at a time" in text
    assert "mini: 50 samples in the curves, 5 tasks, 5 flows cut." in text


def stretches(layers: set[int]) -> str:
    """Layers in words: "1-2, 9-12"."""
    starts = [layer for layer in sorted(layers) if layer - 1 not in layers]
    ends = [layer for layer in sorted(layers) if layer + 1 not in layers]
    return ", ".join(f"{first}-{last}" for first, last in zip(starts, ends, strict=True))


def test_the_page_lists_pathways_answers_and_skipped_samples(page: Page) -> None:
    text = words(page).replace("\u00a0", " ")
    table = pathways_table(sweep_table())
    for flow, part in table.groupby("flow", sort=False):
        first, last = part["first_layer"].iloc[0], part["last_layer"].iloc[0]
        means = "".join(f"{round(mean, 1) + 0.0:.1f}" for mean in part["mean_change_percent"])
        span = "none" if pd.isna(first) else f"{first}-{last}"
        layers = {end for row in part[part["counts"]].itertuples() for end in (row.bin_first, row.bin_last)}
        counting = stretches(layers) or "none"
        assert f"{str(flow).replace('->', '→')}{means}{counting}{span}" in text
    assert "Moving Direction111091%62 to 98%10" in text  # samples, correct, accuracy, interval, in the curves
    assert "object_count/003allThe clip is cut off." in text


def test_settings_and_provenance_are_all_there(page: Page) -> None:
    text = words(page)
    for part in (
        "ab" * 32,
        "cd" * 32,
        "ef" * 32,
        "reference",
        "mvbench",
        "2.13.0",
        "cpu (a fast one)",
        "seed3",
    ):
        assert part in text
    assert "only correctyes" in text
    assert "2025-01-01T00:10:00+00:00" in text
    assert "commandworkbench run information_flow --out 'my runs/1'" in text


def test_a_run_made_in_python_has_no_command(tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    stored = json.loads((folder / "manifest.json").read_text("utf-8"))
    (folder / "manifest.json").write_text(json.dumps(stored | {"command": None}))
    assert "commandnone: made from Python" in words(Page(write_report(folder).read_text(encoding="utf-8")))


def test_many_flows_have_a_figure_a_group_with_its_own_headline(tmp_path: Path) -> None:
    shapes = {name: dict(curves) for name, curves in SHAPES.items()}
    shapes["moving_direction"]["true_option -> last"] = [0.0] * 10 + [-44.0, -44.0]
    table = sweep_table(shapes, flows=(*FLOWS, *PARTS))
    page = Page(write_report(write_run(tmp_path, table=table)).read_text(encoding="utf-8"))
    names = ["curves-0", "curves-0-to_last", "curves-0-to_options"]
    assert [name for name in page.data if name.startswith("curves")] == [
        f"{name}-{shape}" for name in names for shape in ("wide", "narrow")
    ]
    drawn = [{trace["name"] for trace in json.loads(page.data[f"{name}-wide"])["data"]} for name in names]
    assert set.union(*drawn) == {flow_label(flow) for flow in (*FLOWS, *PARTS)}
    assert sum(map(len, drawn)) == len(FLOWS) + len(PARTS)
    text = words(page).replace("\u00a0", " ")
    first, second, third = (
        text.index(title)
        for title in (
            "From the frames to the answer",
            "From the parts of the question to the last row",
            "From the video to the parts of the question",
        )
    )
    assert "The answer needs frames → later frames" in text[first:second]
    assert "The answer needs true_option → last around layers 11-12 (1 of 5 tasks)" in text[second:third]
    assert "No cut clearly lowers the answer's probability" in text[third:]
    assert "9 flows cut" in text
    assert "Not in this figure" not in " ".join(page.data.values())
    for flow in (*FLOWS, *PARTS):
        assert f"{flow.replace('->', '→')}" in text[text.index("Effective pathways") :]


def test_every_point_is_bootstrapped_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures of every group and shape, headlines, peaks and numbers are all of one summary."""
    drawn = bootstrapped(monkeypatch)
    shapes = {"t": {"question -> last": [-60.0] * 12}, "u": {}}
    table = sweep_table(shapes, flows=(*FLOWS, *PARTS), samples=5)
    write_report(write_run(tmp_path / "run", table=table))
    assert sum(drawn) == 2 * len((*FLOWS, *PARTS)) * 12
    assert len(drawn) == 1, "all points have 5 samples"


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    first = write_report(write_run(tmp_path / "a")).read_bytes()
    assert write_report(tmp_path / "a").read_bytes() == first
    assert write_report(write_run(tmp_path / "b")).read_bytes() == first


def test_names_from_data_cannot_become_code(tmp_path: Path) -> None:
    shapes = {EVIL: {f"{EVIL} -> last": [-50.0] * 12}}
    table = sweep_table(shapes, flows=(f"{EVIL} -> last",))
    write_run(tmp_path, table=table, skipped=((EVIL, EVIL, EVIL),), model=EVIL, data=EVIL, style=EVIL)
    html = write_report(tmp_path).read_text(encoding="utf-8")
    assert EVIL.lower() not in html.lower()
    evil = Page(html)
    assert evil.tags.count("script") == 6, "four figures, plotly, and the page's own"
    assert EVIL in evil.text
    figure = json.loads(evil.data["curves-0-wide"])
    assert not any("<script" in trace["name"].lower() for trace in figure["data"])


def test_tasks_are_told_apart_in_the_staged_flow_with_the_bins_of_the_csv(tmp_path: Path) -> None:
    table = sweep_table()
    write_run(tmp_path, table=table, pathways=pathways_table(table, width=4))
    figure = json.loads(Page(write_report(tmp_path).read_text(encoding="utf-8")).data["stages-wide"])
    bars = [trace for trace in figure["data"] if trace["type"] == "bar"]
    assert len(bars) == 5 * 5
    assert all(len(bar["y"]) == 3 for bar in bars)
    one = pathways_table(table.query("task == 'moving_direction'"), width=4)
    expected = one[one["flow"] == "video -> question"]["mean_change_percent"]
    assert bars[1]["text"] == [f"{round(mean)}" for mean in expected]


def test_the_pathways_task_by_task_have_the_threshold_of_the_csv(tmp_path: Path) -> None:
    table = sweep_table()
    write_run(tmp_path, table=table, pathways=pathways_table(table, threshold=-40.0))
    page = Page(write_report(tmp_path).read_text(encoding="utf-8"))
    assert "Bold: below -40%." in words(page)
    drawn = json.loads(page.data["stages-wide"])["data"]
    assert len([trace for trace in drawn if trace["type"] == "bar"]) == 5 * 5
    expected = 0
    for task in SHAPES:
        found = pathways_table(table.query(f"task == '{task}'"), threshold=-40.0)
        expected += len(set(found.loc[found["counts"], "flow"]))
    assert len([trace for trace in drawn if trace["type"] == "scatter"]) == expected, "frames round ranges"


def test_without_a_csv_the_pathways_are_computed(tmp_path: Path) -> None:
    write_run(tmp_path)
    expected = words(Page(write_report(tmp_path).read_text(encoding="utf-8")))
    (tmp_path / "pathways.csv").unlink()
    assert words(Page(write_report(tmp_path).read_text(encoding="utf-8"))) == expected


@pytest.mark.parametrize(
    ("content", "message"), [("", "cannot be read"), ("flow,counts\na,True\n", "bin_first.*threshold")]
)
def test_a_damaged_csv_is_told(tmp_path: Path, content: str, message: str) -> None:
    write_run(tmp_path)
    (tmp_path / "pathways.csv").write_text(content)
    with pytest.raises(RunError, match=message):
        write_report(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_several_windows_have_a_figure_each(tmp_path: Path) -> None:
    table = pd.concat(
        [
            sweep_table(samples=3, k=1),
            sweep_table(samples=3, k=5),
            sweep_table(samples=3)
            .query("layer == 1")
            .assign(window="all_layers()", layer=0, first_layer=1, last_layer=12),
        ]
    )
    write_run(tmp_path, table=table, pathways=pathways_table(sweep_table(samples=3, k=1)))
    page = Page(write_report(tmp_path).read_text(encoding="utf-8"))
    assert {f"curves-{i}-wide" for i in range(3)} < set(page.data)
    assert "one layer is cut at a time" in words(page)
    assert "all layers are cut at once" in words(page)


def test_a_run_without_centred_windows_has_no_staged_flow(tmp_path: Path) -> None:
    table = sweep_table(samples=3).assign(window="trailing(3)")
    write_run(tmp_path, table=table)
    (tmp_path / "pathways.csv").unlink()
    page = Page(write_report(tmp_path).read_text(encoding="utf-8"))
    assert "stages-wide" not in page.data
    assert "up to and including each layer" in words(page)


def test_an_unfinished_run_says_so(tmp_path: Path) -> None:
    write_run(tmp_path)
    stored = json.loads((tmp_path / "manifest.json").read_text("utf-8"))
    (tmp_path / "manifest.json").write_text(json.dumps(stored | {"finished": None}))
    # No shards: what is left of a run that was stopped before its first sample was done.
    (tmp_path / "pathways.csv").unlink()
    text = words(Page(write_report(tmp_path).read_text(encoding="utf-8")))
    assert "This run is not finished." in text
    assert "Nothing to show yet" in text


def test_a_run_in_which_every_answer_was_wrong(tmp_path: Path) -> None:
    table = sweep_table(samples=3)
    samples = samples_table(table).assign(correct=False)
    write_run(tmp_path, table=table.iloc[:0], samples=samples)
    text = words(Page(write_report(tmp_path).read_text(encoding="utf-8")))
    assert "Nothing to show yet" in text
    assert "Moving Direction400%" in text


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no run"):
        write_report(tmp_path)


def test_the_noise_floor_is_printed_where_it_was_measured(tmp_path: Path) -> None:
    table = sweep_table()
    samples = samples_table(table)
    assert "Noise floor" not in write_report(write_run(tmp_path / "exact", table=table)).read_text("utf-8")
    samples.loc[:1, "noise_percent"] = [0.5, 3.25]
    folder = write_run(tmp_path / "half", table=table, samples=samples, dtype="bfloat16")
    page = write_report(folder).read_text("utf-8")
    assert "rounding in bfloat16 alone moves the answer&#39;s probability by up to 3.2 % (2 samples)" in page
