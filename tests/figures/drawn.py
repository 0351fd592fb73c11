"""What a figure of curves shows, read back from it."""

from __future__ import annotations

from typing import Any


def lines(fig: Any) -> list[Any]:
    return [trace for trace in fig.data if trace.mode == "lines+markers"]


def bands(fig: Any) -> list[Any]:
    return [trace for trace in fig.data if trace.fill == "toself"]


def notes(fig: Any) -> str:
    return " | ".join(note.text.replace("\u00a0", " ") for note in fig.layout.annotations)


def panel_of(trace: Any) -> int:
    return int((trace.xaxis or "x")[1:] or 1) - 1
