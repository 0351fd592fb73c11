"""The checks, each a function of a model: it gives a remark where the model does without something, raises
`Broken` where it is wrong, and gives "" where all is well.

A claim that a model cannot bear may be refused: that is a remark with the reason. A wrong number may not.

Axes: s row, d model.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from workbench.analyses.conformance.asking import QUESTION, Broken, embedded, must, prompt_of, told
from workbench.engine import Request, generate, get_engine
from workbench.engine.incremental.proof import near
from workbench.errors import PromptError, WorkbenchError
from workbench.interventions import Flow, Knockout, centred, knockouts
from workbench.models.trial import counting
from workbench.prompts.layout import TokenLayout
from workbench.prompts.partition import disjoint_spans

if TYPE_CHECKING:
    from workbench.models import VideoLLM

_FLOWS = ("video -> question", "frames -> later frames", "question -> last")


class Check(NamedTuple):
    """One thing that every model must stand."""

    name: str
    finds: str
    """What it catches."""
    run: Callable[[VideoLLM], str]


CHECKS: list[Check] = []


def check(name: str, finds: str) -> Callable[[Callable[[VideoLLM], str]], Callable[[VideoLLM], str]]:
    """Adds a function to `CHECKS`."""

    def add(run: Callable[[VideoLLM], str]) -> Callable[[VideoLLM], str]:
        CHECKS.append(Check(name, finds, run))
        return run

    return add


@check("rows of the video", "wrong placeholders, padding, odd frame counts")
def rows_of_the_video(model: VideoLLM) -> str:
    """Features stand at the rows that the layout calls frames, for even and odd numbers of frames."""
    for n_frames in (4, 3, 1):
        prompt = prompt_of(model, n_frames)
        words = model.family.embed(model.hf)(prompt.input_ids)[0]
        shown = np.flatnonzero((embedded(model, prompt) != words).any(-1).cpu().numpy())
        layout = prompt.layout
        must(bool(np.isin(shown, layout["video"]).all()), f"{n_frames} frames: features outside the video")
        plain = np.union1d(layout["separator"], layout["between"])
        cells = np.setdiff1d(layout["frame[:]"], plain)
        must(bool(np.isin(cells, shown).all()), f"{n_frames} frames: rows of frames without features")
        must(layout.n_frames == len(layout.frame_times), f"{n_frames} frames: another number of times")
    return ""


@check("frames apart", "frames in another order, or mixed")
def frames_apart(model: VideoLLM) -> str:
    """A change of the first or the last frame's pixels reaches that unit's rows and no others."""
    before = prompt_of(model)
    base, layout = embedded(model, before), before.layout
    for frame, unit in ((0, 0), (3, layout.n_frames - 1)):
        after = embedded(model, prompt_of(model, changed=frame))
        moved = np.flatnonzero((after != base).any(-1).cpu().numpy())
        must(moved.size > 0, f"frame {frame} reaches no row")
        must(bool(np.isin(moved, layout.frames[unit]).all()), f"frame {frame} reaches rows of other units")
    return ""


@check("template", "vision marks written twice, text that the template loses")
def template(model: VideoLLM) -> str:
    """The video is written once, and no mark around it twice in a row."""
    prompt = prompt_of(model)
    must(prompt.text.count(model.placeholder) == 1, "the video is written more than once")
    must(QUESTION in prompt.text, "the question is lost")
    ids = prompt.input_ids[0].tolist()
    special = set(model.tokenizer.all_special_ids) - {model.video_token_id}
    twice = [one for one, other in itertools.pairwise(ids) if one == other and one in special]
    must(not twice, f"{model.tokenizer.convert_ids_to_tokens(twice)[:1]} stands twice in a row")
    return ""


@check("separators", "rows that are lost or counted twice")
def separators(model: VideoLLM) -> str:
    """Both settings part the rows, and keep the cells where they are."""
    layouts = [prompt_of(model, separators=how).layout for how in ("video", "frame")]
    for layout in layouts:
        rows = np.sort(np.concatenate(list(disjoint_spans(layout).values())))
        must(np.array_equal(rows, np.arange(layout.length)), "spans overlap or leave rows out")
    cells = [layout.cells for layout in layouts]
    one, other = cells
    must((one is None) == (other is None), "cells with one setting only")
    moved = one is not None and other is not None and not np.array_equal(one, other)
    must(not moved, "cells move with the separators")
    return f"default {model.family.default_separators}"


@check("attention once a layer", "disguised linear layers, indexers")
def attention_once(model: VideoLLM) -> str:
    """Every layer of softmax attention computes it by one call of ours."""
    with counting(model.family.attentions(model.hf).values()) as calls:
        model.logits(prompt_of(model))
    must(set(calls.values()) == {1}, f"calls a layer: {sorted(set(calls.values()))}")
    return ""


@check("cut edges are 0", "masks that attention does not read")
def cut_edges_are_0(model: VideoLLM) -> str:
    """After a cut the weight of each cut edge is exactly 0, and of other open edges is not."""
    from workbench.engine.reference import _run

    attentions = model.family.attentions(model.hf)
    prompt, layer = prompt_of(model), min(attentions, key=lambda number: abs(number - model.n_layers // 2))
    flow = Flow.parse("video -> question")
    name = f"blocks.{layer}.attn.hook_pattern"
    kept: list[Tensor] = []
    tap = attentions[layer].hook_pattern
    handle = tap.register_forward_hook(lambda module, args, output: kept.append(output.detach()))
    try:
        with model.materialise(name):
            _run(model, prompt, Knockout.of(flow, (layer + 1, layer + 1)), {}, model.only_last_logits)
    finally:
        handle.remove()
    cut = torch.from_numpy(flow.edges(prompt.layout).dense())
    pattern = kept[-1][0].float().cpu()
    must(bool((pattern[:, cut] == 0).all()), "a cut edge has weight")
    must(bool((pattern.sum(-1) - 1).abs().max() < 0.02), "weights of a row are not 1 together")
    return ""


@check("nothing gets around a cut", "running states, convolutions, rows that are mixed elsewhere")
def nothing_around(model: VideoLLM) -> str:
    """Where the text is cut from the video in every layer, other pixels change no bit behind the video."""
    from workbench.engine.reference import last_logits

    cut = Knockout.of("video -> text", (1, model.n_layers))
    one, other = (last_logits(model, prompt_of(model, changed=frame), cut) for frame in (None, 0))
    plain, changed = (last_logits(model, prompt_of(model, changed=frame)) for frame in (None, 0))
    must(not torch.equal(plain, changed), "the pixels reach no logit, cut or not")
    must(torch.equal(one, other), f"pixels still move logits by {float((one - other).abs().max()):.3g}")
    return ""


@check("fast engine", "masks that are not causal, terms between layers, other heads")
def fast_engine(model: VideoLLM) -> str:
    """The incremental engine gives the reference engine's numbers, or says why that one must run."""
    prompt = prompt_of(model)
    asked = knockouts([Flow.parse(flow) for flow in _FLOWS], [centred(1), centred(3)], model.n_layers)
    exact = get_engine("reference").outcomes(model, prompt, asked)
    with told() as said:
        found = get_engine("incremental").outcomes(model, prompt, asked)
    for knockout, one, other in zip(asked, found.changed, exact.changed, strict=True):
        must(near(model, one.p, other.p), f"'{knockout}': {one.p:.6g}, and {other.p:.6g} by the reference")
    return f"reference only: {said[0].partition('because ')[2]}" if said else ""


@check("rows alone or together", "8-bit weights, packing, prompts of unlike lengths")
def alone_or_together(model: VideoLLM) -> str:
    """A knockout's number does not depend on what runs beside it, other prompts included."""
    prompts = [prompt_of(model, n_frames) for n_frames in (4, 2)]
    asked = knockouts([Flow.parse("video -> question")], [centred(1)], model.n_layers)
    engine = get_engine("incremental")
    with told():
        together = engine.run(model, [Request(prompt=one, interventions=asked) for one in prompts])
        for prompt, found in zip(prompts, together, strict=True):
            alone = engine.outcomes(model, prompt, asked[:1])
            must(near(model, alone.changed[0].p, found.changed[0].p), "it depends on its company")
    return ""


@check("residual stream", "norms behind attention or MLP, multipliers, terms between layers")
def residual_stream(model: VideoLLM) -> str:
    """pre + attn = mid, mid + mlp = post, post (with what the family says is added) = the next pre."""
    from workbench.models.hooks import hook_points

    prompt = prompt_of(model)
    names = ("hook_resid_pre", "hook_attn_out", "hook_resid_mid", "hook_mlp_out", "hook_resid_post")
    points = hook_points(model)
    decoder: dict[str, Any] = {}
    handle = model.family.decoder(model.hf).register_forward_pre_hook(
        lambda module, args, kwargs: decoder.update(kwargs), with_kwargs=True
    )
    try:
        cache = model.run_with_cache(
            prompt, [f"blocks.*.{name}" for name in names if _has(points, name)]
        ).cache
    finally:
        handle.remove()
    added = model.family.added(decoder)
    for layer in range(model.n_layers):
        pre, attn, mid, mlp, post = (cache.get(f"blocks.{layer}.{name}") for name in names)
        if attn is not None and mid is not None:
            must(_close(pre + attn, mid), f"layer {layer + 1}: resid_pre + attn_out is not resid_mid")
        if mid is not None and mlp is not None:
            must(_close(mid + mlp, post), f"layer {layer + 1}: resid_mid + mlp_out is not resid_post")
        if layer + 1 < model.n_layers:
            after = post + added[layer].to(post) if layer in added else post
            following = cache[f"blocks.{layer + 1}.hook_resid_pre"]
            must(_close(after, following), f"layer {layer + 1}: something unknown is added after it")
    lacking = sorted({name.split(".", 2)[2] for name in points.absent})
    return f"without {', '.join(lacking)}" if lacking else ""


def _has(points: Any, name: str) -> bool:
    return any(point.endswith(f".{name}") and point.startswith("blocks.") for point in points)


def _close(one: Tensor, other: Tensor) -> bool:
    size = other.float().abs().max()
    return bool((one.float() - other.float()).abs().max() <= 4 * torch.finfo(other.dtype).eps * size)


@check("batches and padding", "row 0 alone, attention_mask twice")
def batches_and_padding(model: VideoLLM) -> str:
    """A batch is refused, and a prompt that is padded on the left is answered as it is without."""
    prompt = prompt_of(model)
    two = {**prompt.inputs, "input_ids": prompt.input_ids.repeat(2, 1)}
    try:
        dataclasses.replace(prompt, inputs=two)
    except PromptError:
        pass
    else:
        raise Broken("a batch of two is taken for a prompt")
    rows, layout = 3, prompt.layout
    inputs = {
        name: torch.nn.functional.pad(value, (rows, 0)) if value.shape == prompt.input_ids.shape else value
        for name, value in prompt.inputs.items()
    }
    inputs["attention_mask"] = torch.nn.functional.pad(torch.ones_like(prompt.input_ids), (rows, 0))
    later = TokenLayout(
        length=len(prompt) + rows,
        spans={name: found + rows for name, found in layout.spans.items() if name != "system"},
        frames=[frame + rows for frame in layout.frames],
    )
    padded = dataclasses.replace(prompt, inputs=inputs, layout=later)
    plain = generate(model, prompt, max_new_tokens=3)
    must(generate(model, padded, max_new_tokens=3) == plain, "padding changes the answer")
    return ""


@check("refusals", "raw errors")
def refusals(model: VideoLLM) -> str:
    """What cannot be asked of a model ends in an error of ours."""
    prompt = prompt_of(model)
    wrong: tuple[Callable[[], object], ...] = (
        lambda: model.run_with_cache(prompt, "blocks.999.hook_resid_post"),
        lambda: get_engine("reference").outcomes(
            model, prompt, [Knockout.parse(f"video -> last in layer {model.n_layers + 1}")]
        ),
        lambda: prompt_of(model, separators="nowhere"),
        lambda: prompt.layout["frame[999]"],
    )
    for ask in wrong:
        try:
            ask()
        except WorkbenchError:
            continue
        except Exception as error:
            raise Broken(f"a raw {type(error).__name__}: {error!s:.100}") from error
        raise Broken("something impossible was answered")
    return ""
