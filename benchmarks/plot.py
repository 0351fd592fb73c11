"""The table and the figures of results/: `python -m benchmarks.plot`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from benchmarks.saving import RESULTS
from workbench.figures import write_png

WAYS = (
    ("published style", "published_s", "#888888"),
    ("SDPA trace a knockout", "traces_s", "#D55E00"),
    ("incremental", "incremental_s", "#0072B2"),
)
COLUMNS = (
    "model, work",
    "rows",
    "knockouts",
    "published style",
    "SDPA traces",
    "incremental",
    "faster than published",
    "than traces",
    "of the limit",
    "peak over weights",
    "largest error (SDPA trace's)",
)


def read(folder: Path, pattern: str) -> list[dict[str, Any]]:
    return [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob(pattern))]


def table(runs: list[dict[str, Any]]) -> str:
    """Markdown, a row a run."""
    lines = [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    for run in runs:
        peak = "" if run["peak_gb"] is None else f"{run['peak_gb'] - run['weights_gb']:.1f} GB"
        errors = run["largest_relative_error"]
        cells = (
            f"{run['shape']}, {run['work']}, {run['dtype']}, {run['device_name']}",
            run["rows"],
            run["knockouts"],
            f"{run['published_s']:.3g} s",
            f"{run['traces_s']:.3g} s",
            f"**{run['incremental_s']:.3g} s**",
            f"**{run['ratio_published']:.1f}x**",
            f"**{run['ratio_traces']:.1f}x**",
            f"{run['share_of_limit']:.0%}",
            peak,
            f"{errors['incremental']:.2g} ({errors['reference']:.2g})",
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def bars(runs: list[dict[str, Any]]) -> go.Figure:
    """Seconds a sample, three ways, on a logarithmic axis."""
    names = [f"{run['shape']}<br>{run['work']}, {run['dtype']}<br>{_chip(run)}" for run in runs]
    figure = go.Figure()
    for label, key, color in WAYS:
        figure.add_bar(
            name=label, x=names, y=[run[key] for run in runs], marker_color=color,
            text=[f"{run[key]:.3g} s" for run in runs], textposition="outside",
        )  # fmt: skip
    figure.update_yaxes(type="log", dtick=1, title="seconds a sample", range=[-1, 2.8])
    figure.update_layout(
        template="workbench",
        title={"text": "All knockouts of one sample, three ways", "x": 0.02},
        width=1200,
        height=540,
        legend={"y": -0.24},
    )
    return figure


def _chip(run: dict[str, Any]) -> str:
    return "H100" if "H100" in run["device_name"] else "2 cores" if "cpu" in run["device_name"] else "GPU"


def scaling(run: dict[str, Any]) -> go.Figure:
    """Seconds against what grows, with the line that the FLOPs predict from the largest point."""
    titles = {
        "samples": "prompts together (thin knockouts)",
        "layers": "layers",
        "video_tokens": "video tokens",
    }
    figure = make_subplots(rows=1, cols=3, subplot_titles=list(titles.values()))
    for column, key in enumerate(titles, start=1):
        rows = run[key]
        n = [row["n"] for row in rows]
        last = rows[-1]
        predicted = [row["tflop"] / last["tflop"] * last["seconds"] for row in rows]
        for name, values, style in (
            ("measured", [row["seconds"] for row in rows], {"color": "#0072B2"}),
            ("as the FLOPs predict, from the largest", predicted, {"color": "#888888", "dash": "dot"}),
        ):
            figure.add_scatter(
                x=n,
                y=values,
                name=name,
                line=style,
                showlegend=column == 1,
                mode="lines+markers",
                row=1,
                col=column,
            )
        figure.update_xaxes(tickvals=n, col=column)
    figure.update_xaxes(rangemode="tozero")
    figure.update_yaxes(rangemode="tozero")
    figure.update_yaxes(title="seconds", col=1)
    title = f"Cost of a sweep, {run['shape']} on {run['device_name']}"
    figure.update_layout(
        template="workbench",
        title={"text": title, "x": 0.02},
        width=1100,
        height=440,
        margin={"t": 90},
        legend={"y": -0.2},
    )
    return figure


def main(folder: Path = RESULTS) -> None:
    runs = [run for run in read(folder, "*.json") if "incremental_s" in run]
    text = table(runs)
    (folder / "table.md").write_text(text + "\n")
    print(text)
    print(write_png(bars(runs), folder / "knockouts.png"))
    for run in read(folder, "scaling-*.json"):
        print(write_png(scaling(run), folder / f"scaling-{run['shape']}.png"))


if __name__ == "__main__":
    main()
