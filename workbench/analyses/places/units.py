"""What is cut for each place of a clip, or each head, and what a flow's text stands for."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from workbench.errors import FlowError, RunError, near_matches
from workbench.interventions import Flow, RandomKeys, Removal, Sparing
from workbench.prompts.spans import Span, read_term

if TYPE_CHECKING:
    from workbench.prompts.layout import TokenLayout

Each = Literal["frame", "frame pair", "cell", "location", "head"]
EACH: dict[str, str] = {
    "frame": "frame[t], cut from what comes after it",
    "frame pair": "frame[s] -> frame[t] of every two frames, s before t",
    "cell": "every cell of every frame, cut from what comes after its frame",
    "location": "a cell of the grid in all frames at once, cell[:,i,j]",
    "head": "one query head: video -> text in this head only",
}
"""What can be looked at, each by itself."""
DRAWN = ("frame", "frame pair", "location")
"""Controlled by random keys. A cell and a head are controlled by all others of their size."""
SINKS = ("sinks", "video_sinks", "text_sinks")


class Unit(NamedTuple):
    """What one flow of the table stands for. Numbers count from 0; -1 where they mean nothing."""

    kind: str
    """ "itself"; "random": its control; "sparing": without its sinks; "sinks": sinks alone."""
    unit: str
    """ "frame[3]", "frame[2] -> frame[5]", "cell[0,2,1]", "cell[:,2,1]", "head 4", "sinks"."""
    frame: int = -1
    to_frame: int = -1
    row: int = -1
    column: int = -1
    head: int = -1


def check_each(each: str, to: str | None) -> str | None:
    """The canonical target, None where it is what comes after. Raises RunError, SpanError, FlowError."""
    if each not in get_args(Each):
        raise RunError(f"each={each!r} is unknown.{near_matches(each, EACH)} Write one of {', '.join(EACH)}.")
    if to is None:
        return None
    if each == "frame pair":
        raise FlowError(f"to={to!r}: of a pair, the second frame is the target. Leave it out.")
    return str(Span.parse(to))


def flows_of(layout: TokenLayout, each: str, to: str | None, n_heads: int) -> list[Flow]:
    """A flow for every place of this prompt, or head. Raises RunError where it has no such places."""
    frames = range(layout.n_frames)
    if each == "head":
        return [Flow(source="video", target=to or "text", heads=(head,)) for head in range(n_heads)]
    if each == "frame pair":
        found = [Flow(source=f"frame[{s}]", target=f"frame[{t}]") for s, t in combinations(frames, 2)]
    elif each == "frame":
        found = [Flow(source=f"frame[{t}]", target=to or _after(t, layout)) for t in frames]
    else:
        rows, columns = layout.grid or (0, 0)
        places = [(i, j) for i in range(rows) for j in range(columns)]
        if each == "location":
            found = [
                Flow(source=f"cell[:,{i},{j}]", target=to or "text") for i, j in places if layout.n_frames
            ]
        else:
            found = [
                Flow(source=f"cell[{t},{i},{j}]", target=to or _after(t, layout))
                for t in frames
                for i, j in places
            ]
    if not found:
        lacks = "two frames" if each == "frame pair" else "frame" if each == "frame" else "grid of cells"
        raise RunError(f"each={each!r}: this prompt has no {lacks}. Choose another of {', '.join(EACH)}.")
    return found


def controls(flow: Flow, layout: TokenLayout, draws: range, seed: int) -> Iterator[RandomKeys]:
    """Its size-matched draws; none where every draw would be the flow itself."""
    from workbench.errors import KnockoutError

    for draw in draws:
        drawn = RandomKeys(flow=flow, seed=seed, draw=draw)
        try:
            drawn.edges(layout)
        except KnockoutError:
            return
        yield drawn


def sink_flows(flows: list[Flow], layout: TokenLayout, to: str | None) -> Iterator[Removal]:
    """The prompt's sinks alone, and each flow without them where it holds some but not only these."""
    if "sinks" not in layout:
        return
    kinds = [span for span in SINKS[1:] if span in layout]
    for span in (*SINKS[:1], *kinds) if len(kinds) > 1 else kinds:
        yield Flow(source=span, target=to or "text")
    sinks = set(layout["sinks"].tolist())
    for flow in flows:
        rows = set(layout[flow.source].tolist())
        if rows & sinks and rows - sinks:
            yield Sparing(flow=flow, spared="sinks")


def described(text: str) -> Unit:
    """What a flow of the table stands for."""
    if drawn := RandomKeys.parse(text):
        return described(str(drawn.flow))._replace(kind="random")
    if sparing := Sparing.parse(text):
        return described(str(sparing.flow))._replace(kind="sparing")
    flow = Flow.parse(text)
    if flow.source in SINKS:
        return Unit("sinks", flow.source)
    if flow.heads is not None:
        return Unit("itself", f"head {flow.heads[0]}", head=flow.heads[0])
    source, target = read_term(flow.source), read_term(flow.target)
    first = source.axes[0]
    frame = first.start if first.single else -1
    if source.name == "cell":
        return Unit("itself", flow.source, frame, row=source.axes[1].start, column=source.axes[2].start)
    if target.name == "frame" and len(target.axes) == 1 and target.axes[0].single and "+" not in flow.target:
        return Unit("itself", str(flow), frame, target.axes[0].start)
    return Unit("itself", flow.source, frame)


def _after(frame: int, layout: TokenLayout) -> str:
    """All rows after a frame: later frames, and the text."""
    return "text" if frame == layout.n_frames - 1 else f"frame[{frame + 1}:] + text"
