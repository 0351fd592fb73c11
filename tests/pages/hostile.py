"""Everything that the project shows as HTML, full of names that try to run as code."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from tests.analyses.attribution.attributed import made_table as made_attribution
from tests.analyses.smallest.made import made_blocks, made_curve, made_result, made_table
from tests.analyses.sweep.test_drops import table as dropped
from tests.analyses.use_of_time.test_rule import facts, order
from tests.figures import study_tables
from tests.figures.lens_tables import answer_table, frequencies, lens_counts, lens_layout, lens_table
from tests.figures.tables import FLOWS, pathways_table, samples_table, sweep_table
from tests.figures.test_method_scores import tables as method_tables
from tests.figures.test_pareto import table as front_table
from tests.figures.test_side_by_side import COUNTS, CURVES
from tests.figures.test_sufficiency import table as suffice_rows
from tests.figures.test_twin_patching import patch_table
from tests.figures.test_written_tokens import table as written_table
from tests.interventions.layouts import small_layout
from tests.pages.report.made_runs import manifest, write_run
from tests.tiny import tiny_clip, tiny_model, tiny_sample
from workbench import figures
from workbench.analyses.answers.scored import score_answers
from workbench.analyses.answers.written import Generations, Said
from workbench.analyses.attention import AttentionMaps, find_sinks, maps_of_word
from workbench.analyses.attribution import agreement_table
from workbench.analyses.comparison.folders import Point, RunComparison
from workbench.analyses.lens.keywords import KeywordList
from workbench.analyses.methods import MethodScores
from workbench.analyses.pathways import Sufficiency
from workbench.analyses.pathways.ranges import pathways
from workbench.analyses.places import Mattered
from workbench.analyses.places.units import flows_of
from workbench.analyses.sweep import Comparison
from workbench.analyses.sweep.drops import accuracy_drop
from workbench.analyses.use_of_time import TimeUse
from workbench.data import Samples
from workbench.data.collection import Skipped
from workbench.interventions import Knockout
from workbench.models import Prompt, TokenLayout, VideoLLM
from workbench.pages import Part, write_attention_maps, write_findings, write_page
from workbench.pages.report import write_report
from workbench.pages.sample import write_sample_page
from workbench.runs import Run

AS_FOUND = "t<img src=x onerror=window.hit=1>"
EVERYTHING = (
    't"\'></script></style></title></textarea><img src=x onerror="window.hit=1"><script>window.hit=1</script>'
    '<svg onload="window.hit=1"></svg><a href="javascript:window.hit=1">x</a><a href="https://evil.example">y'
    '</a><iframe srcdoc="<script>parent.hit=1</script>"></iframe><base href=//evil.example>%{x}{{7*7}}'
)
"""Ends whatever it may stand in, and begins whatever may run."""
NONE = pd.DataFrame(columns=pd.Index(["sample_id", "flow", "reason"]), dtype="str")


def poisoned(table: pd.DataFrame, evil: str, *columns: str) -> pd.DataFrame:
    """The table with a hostile text behind every text of these columns."""
    return table.assign(**{name: [f"{value}{evil}" for value in table[name]] for name in columns})


def swept(evil: str) -> pd.DataFrame:
    flows = (f"{evil} -> last", *FLOWS[:2])
    table = sweep_table({f"a{evil}": {flows[0]: [-50.0] * 12}, f"b{evil}": {}}, flows=flows, samples=4)
    return poisoned(table, evil, "token")


def hostile_model(evil: str) -> VideoLLM:
    """A model of a folder with such a name."""
    model = tiny_model()
    return dataclasses.replace(model, checkpoint=dataclasses.replace(model.checkpoint, name=f"m{evil}"))


def hostile_sample(evil: str) -> Any:
    options = (f"left{AS_FOUND}", "right", "up")  # short: the model takes 512 tokens
    return dataclasses.replace(
        tiny_sample(),
        id=f"a{evil}/000",
        task=f"a{evil.replace('/', '')}",
        question=f"Where?{evil}",
        options=options,
        video=Path(f"v{evil.replace('/', '')}.mp4"),
    )


def shown(evil: str) -> dict[str, Any]:
    """Every result that a notebook shows as HTML, by the name of its class."""
    table = swept(evil)
    grouped = dataclasses.replace(hostile_sample(evil), group=f"g{evil}", facets=((f"f{evil}", evil),))
    samples = samples_table(table)
    compared = table.assign(model=f"m{evil}")
    said = Said(
        *(f"a{evil}/000", evil, evil, evil, evil, evil, evil, evil, evil, evil), right=True, problem=evil
    )
    suffice = poisoned(suffice_rows(("t",)), evil, "task", "note")
    outcomes = pd.DataFrame({"sample_id": [evil], "mode": ["strict"]})
    left_out = pd.DataFrame({"sample_id": [evil], "flow": ["random edges (strict)"], "reason": [evil]})
    made = {"settings": {"model": evil, "data": evil}}
    return {
        "Certificate": certified(evil).certificate(evil),
        "TimeUse": certified(evil),
        "Accuracy": score_answers(Samples([grouped], name=evil), {grouped.id: evil}),
        "RunComparison": RunComparison(
            first=Path(f"a{evil}"),
            second=Path("b"),
            kind=evil,
            settings=pd.DataFrame({"setting": [evil], "first": [evil], "second": [evil]}),
            samples=pd.DataFrame({"sample_id": [evil], "where": ["both"]}),
            measure="correct",
            table=pd.DataFrame([{"task": evil, **dict.fromkeys(Point._fields, 0.5)}]),
            equal=False,
        ),
        "Comparison": Comparison(
            table=compared, samples=samples.assign(model=f"m{evil}"), chance={f"a{evil}": 0.25}
        ),
        "Mattered": _mattered(evil),
        "Sinks": find_sinks(tiny_model(), _hostile_prompt(evil), times=1e-3, value=1e3),
        "Generations": Generations(table=pd.DataFrame([said]), skipped=NONE),
        "MethodScores": method_scores(evil),
        "Pathways": pathways(table, bin=2),
        "Samples": Samples([hostile_sample(evil)], name=evil, skipped=[Skipped(evil, evil)]),
        "SmallestPathway": dataclasses.replace(
            made_result(evil, note=evil), table=poisoned(made_table(), evil, "kind", "name")
        ),
        "Sufficiency": Sufficiency(table=suffice, outcomes=outcomes, skipped=left_out, manifest=made),
    }


def certified(evil: str) -> TimeUse:
    """A result of `use_of_time` whose samples, tasks and facts have this name."""
    table = facts(order, evil).assign(task=evil)
    table.loc[table["fact"] == "no video", "fact"] = evil
    return TimeUse(table=table, skipped=NONE, manifest={"settings": {"model": evil}})


def drawn(evil: str) -> Mapping[str, go.Figure]:
    """Every figure of the project, by the function that draws it."""
    table = swept(evil)
    bins = pd.concat(
        [pathways_table(part).assign(task=task) for task, part in table.groupby("task", sort=False)]
    )
    tables, layout = frequencies(min_hits=1), lens_layout()
    curves, counts = (poisoned(frame, evil, "model", "task") for frame in (CURVES, COUNTS))
    whole = table.query("layer == 8").assign(window="all_layers", layer=0)
    untouched, cut = hostile_maps(evil)
    halves = dropped({(f"t{evil}", "first_half()"): [False, True], (f"t{evil}", "second_half()"): [True] * 2})
    words = poisoned(lens_table(), evil, "token", "keyword", "keyword_list")
    agreed = poisoned(agreement_table(made_attribution(tasks=(f"t{evil}",))), evil, "method")
    costs = pd.DataFrame({"method": agreed["method"].unique()}).assign(share=0.1)
    return {
        "use_of_time": certified(evil).figure(),
        "agreement_by_cost": figures.agreement_by_cost(agreed, costs, title=evil, note=evil),
        "agreement_by_layer": figures.agreement_by_layer(agreed, title=evil, note=evil),
        "attribution": figures.attribution(made_attribution(tasks=(f"t{evil}",)), title=evil),
        "flows_while_writing": figures.flows_while_writing(
            poisoned(written_table(3), evil, "sample_id", "flow", "token"), title=evil
        ),
        "accuracy": figures.accuracy(samples_table(table).assign(model=evil)),
        "accuracy_by_case": figures.accuracy_by_case(
            poisoned(study_tables.shares(), evil, "group", "case"),
            title=evil,
            beside={"exit": evil},
            note=evil,
        ),
        "accuracy_by_depth": figures.accuracy_by_depth(
            poisoned(study_tables.shares(), evil, "group"),
            poisoned(study_tables.knees(), evil, "group"),
            study_tables.N_LAYERS,
            title=evil,
            note=evil,
        ),
        "change_by_window": figures.change_by_window(
            poisoned(study_tables.shares(groups=("all",)), evil, "group"),
            poisoned(study_tables.window_rows(), evil, "group"),
            title=evil,
            note=evil,
        ),
        "mask_gallery": figures.mask_gallery(small_layout(), ["video -> text"], title=evil),
        "open_blocks": figures.open_blocks(
            poisoned(made_blocks(), evil, "flow", "heads"), 4, title=evil, note=evil
        ),
        "smallest_pathway": figures.smallest_pathway(
            poisoned(made_table((f"t{evil}",)), evil, "name"), *made_curve(), title=evil, note=evil
        ),
        "pareto": figures.pareto(poisoned(front_table(), evil, "case"), caption=evil, note=evil),
        "accuracy_drops": figures.accuracy_drops(accuracy_drop(halves)),
        "answer_probability": figures.answer_probability(poisoned(answer_table(), evil, "task")),
        "attention_heat": figures.attention_heat(untouched, cut),
        "attention_mass": figures.attention_mass(untouched, cut),
        "clip_strip": figures.clip_strip(untouched.prompt.clip, untouched.prompt.layout, title=evil),
        "information_flow": figures.information_flow(table, title=AS_FOUND),
        "lens_comparison": figures.lens_comparison(poisoned(lens_counts(), evil, "lens")),
        "keyword_frequencies": figures.keyword_frequencies(
            *(poisoned(frame, evil, "keyword_list") for frame in _with_words(tables, evil))
        ),
        "lens_overlay": figures.lens_overlay(np.zeros((2, 20, 30, 3), np.uint8), layout, words, title=evil),
        "method_scores": figures.method_scores(
            poisoned(method_tables()[0], evil, "method"),
            poisoned(method_tables()[1], evil, "method", "model"),
            title=evil,
        ),
        "models_compared": figures.models_compared(curves, counts, title=evil),
        "staged_flow": figures.staged_flow(bins, title=evil, note=evil),
        "sufficiency": figures.sufficiency(poisoned(suffice_rows(), evil, "task"), title=evil, note=evil),
        "total_effects": figures.information_flow(whole, title=evil),
        "twin_patching": figures.twin_patching(poisoned(patch_table(), evil, "task", "span"), title=evil),
        "what_mattered": _mattered(evil).figure(title=evil),
        "windows_compared": figures.windows_compared(
            poisoned(CURVES.query("model == 'video'").drop(columns="model"), evil, "task", "flow"), note=evil
        ),
    } | {
        f"flow_figures {number}": figure for number, figure in enumerate(figures.flow_figures(table).values())
    }


def _hostile_prompt(evil: str) -> Prompt:
    """With tokens of that name."""
    prompt = tiny_model().encode(hostile_sample(evil), clip=tiny_clip())
    layout = prompt.layout
    tokens = [f"{token}{evil}" for token in layout.tokens]
    named = TokenLayout(
        length=layout.length, spans=layout.spans, frames=layout.frames, grid=layout.grid, tokens=tokens
    )
    return dataclasses.replace(prompt, layout=named)


def _mattered(evil: str) -> Mattered:
    """A hostile task; the flows of such a run are the workbench's own."""
    prompt = _hostile_prompt(evil)
    flows = tuple(map(str, flows_of(prompt.layout, "frame", "last", 2)))
    table = sweep_table({f"a{evil}": {}}, flows=flows, samples=4).assign(change_log_odds=-1.0)
    run = Run(table=poisoned(table, evil, "token"), samples=NONE, skipped=NONE, manifest={})
    return Mattered(run=run, each="frame", to="last", prompt=prompt)


def _with_words(tables: Any, evil: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    return poisoned(tables.keywords, evil, "keyword"), tables.lists


def method_scores(evil: str) -> MethodScores:
    """Scores of a method with such a name, on models with such names."""
    rows = [(f"m{evil}", f"a{evil}", 1), (f"m{evil}", f"b{evil}", 0)]
    table = pd.DataFrame(rows, columns=["method", "model", "true_edges"])
    numbers = ("average_precision", "precision_by_layer", "found_percent", "needed_percent", "backup_percent")
    more = ("sufficient_percent", "negative_percent", "highest", "highest_true", "seconds")
    scores = pd.DataFrame({"method": [f"m{evil}"], "role": ["needed"], "chance_of_top": [0.5]})
    return MethodScores(table=table.assign(**dict.fromkeys((*numbers, *more), 1.0)), scores=scores)


def hostile_maps(evil: str) -> tuple[AttentionMaps, AttentionMaps]:
    model = tiny_model()
    prompt = model.encode(hostile_sample(evil), clip=tiny_clip())
    cut = Knockout.parse("frames -> later frames in layers 1..4")
    untouched, without = maps_of_word(model, prompt, cut, word="last", layers=[1, 2])
    return tuple(dataclasses.replace(one, query=f"q{evil}") for one in (untouched, without))  # type: ignore


def pages(folder: Path, evil: str) -> dict[str, Path]:
    """Every page of the project."""
    table = swept(evil)
    samples = samples_table(table)
    run = write_run(
        folder / "run",
        table=table,
        samples=samples,
        skipped=((evil, f"{evil} -> last", evil),),
        model=evil,
        data=evil,
        style=evil,
        frames=evil,
        flows=[evil],
    )
    sample = hostile_sample(evil)
    of_sample = write_sample_page(
        hostile_model(evil),
        dataclasses.replace(sample, id=str(table["sample_id"].iloc[0]), video=_film(folder)),
        Run(table=table, samples=samples, skipped=NONE, manifest=manifest(model=evil)),
        run,
        keywords=[KeywordList(name=evil, words=("left",))],
        frames="uniform(4)",
    )
    claim = dict.fromkeys(("claim", "paper", "rule", "measured", "verdict", "note"), evil)
    verdicts = pd.DataFrame([claim | {"n": 3}])
    results = [Part(f"{name}{evil}", result) for name, result in shown(evil).items()]
    maps = {f"a{evil}": hostile_maps(evil)}
    return {
        "report": write_report(run),
        "sample": of_sample,
        "findings": write_findings(verdicts, folder / "findings.html", title=evil, about=evil),
        "results": write_page(folder / "results.html", evil, [*results, Part(evil, evil)], about=evil),
        "figures": write_page(
            folder / "figures.html", evil, [Part(f"{name}{evil}", fig) for name, fig in drawn(evil).items()]
        ),
        "attention": write_attention_maps(maps, folder, measured=3, table=folder / "spans.csv")[0],
    }


def _film(folder: Path) -> Path:
    """A clip as a folder of pictures."""
    from PIL import Image

    frames = folder / "clip"
    frames.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(tiny_clip().frames):
        Image.fromarray(frame).save(frames / f"{number:03d}.png")
    return frames
