"""Rows that leave compute what edges cut by masks compute, on every family; and the model stays as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch

import workbench as wb
from tests.engine.conftest import Case, case
from tests.engine.incremental.test_untouched import molmo2
from tests.engine.test_generation import longer
from tests.tiny import (
    DECODER_NAMES,
    FAMILY_NAMES,
    FamilyName,
    pixel_input,
    tiny_clip,
    tiny_model,
    tiny_prompt,
    tiny_sample,
)
from workbench.engine import Request, generate, get_engine
from workbench.engine.accelerated import Accelerated, AcceleratedEngine, accelerated
from workbench.engine.generation import generate_batch
from workbench.engine.reference import last_logits, logits
from workbench.errors import InterventionError, KnockoutError, ModelError, PromptError, SpanError
from workbench.interventions import Knockout
from workbench.interventions.exits import Acceleration, Exit, Rule, Seen
from workbench.interventions.pruning import FastV, RandomRows
from workbench.models import VideoLLM

LAYERS = 4
STEPS = 4
WHATS = (
    Acceleration(exits=(Exit(after=2),)),
    Acceleration(frame_local=(1, 2)),
    Acceleration(exits=(Exit(after=3),), frame_local=(2, 3)),
    Acceleration(exits=(Exit(after=1, rows="frame[1] + option[A]"), Exit(after=2, rows="video"))),
    Acceleration(exits=(Exit(after=1, rows=FastV(share=0.5)),)),
    Acceleration(
        exits=(Exit(after=1, rows=RandomRows(share=0.3, seed=3)), Exit(after=3)), frame_local=(1, 3)
    ),
    Acceleration(exits=(Exit(after=2, rows=FastV(share=0.7)),), frame_local=(1, 4)),
    Acceleration(exits=(Exit(after=0, rows="frame[0]"),)),
    Acceleration(cuts=Knockout.parse("video -> question in layers 1..3; video -> last in layers 1..2").cuts),
    Acceleration(
        exits=(Exit(after=3),),
        frame_local=(1, 1),
        cuts=Knockout.parse(
            "video -> video (self too) in layer 3; last -> last in layers 2..4; question -> last in layer 2; "
            "video -> text in layer 1; within frames in layer 2; question -> question (self too) in layer 4"
        ).cuts,
    ),
    Acceleration(
        exits=(Exit(after=2, rows=FastV(share=0.4)),),
        cuts=Knockout.parse("video -> last in layers 1..4").cuts,
    ),
)


def refused_before_deepstack_ends(model: VideoLLM, what: Acceleration) -> bool:
    """Whether rows leave while the decoder still adds features to rows by their places: refused then."""
    if all(one.after >= len(model.family.deepstack(model.hf)) for one in what.exits):
        return False
    with accelerated(model, what) as fast, pytest.raises(InterventionError, match="DeepStack"):
        fast.logits(tiny_prompt(model))
    return True


@contextmanager
def running(model: VideoLLM, what: Acceleration) -> Iterator[Accelerated]:
    with accelerated(model, what) as fast:
        yield fast


def close(one: torch.Tensor, two: torch.Tensor) -> bool:
    return torch.allclose(one.softmax(-1), two.softmax(-1), rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("family", FAMILY_NAMES)
@pytest.mark.parametrize("after", range(LAYERS + 1))
def test_an_exit_equals_the_video_cut_from_the_text_in_all_later_layers(
    family: FamilyName, after: int
) -> None:
    model, prompt = case(family)
    if refused_before_deepstack_ends(model, Acceleration(exits=(Exit(after=after),))):
        return
    cut = None if after == LAYERS else Knockout.of("video -> text", (after + 1, LAYERS))
    with wb.accelerate(model, exit_after=after) as fast:
        found = fast.last_logits(prompt)
    wanted = last_logits(model, prompt, cut)
    assert close(found, wanted)
    assert (after == LAYERS) == close(found, last_logits(model, prompt)), "the cut is felt"


@pytest.mark.parametrize("family", DECODER_NAMES)
@pytest.mark.parametrize("what", WHATS, ids=str)
def test_every_row_that_stays_is_as_if_masked(family: FamilyName, what: Acceleration) -> None:
    model, prompt = case(family)
    if refused_before_deepstack_ends(model, what):
        return
    wanted = logits(model, prompt, what)
    with running(model, what) as fast:
        found = fast.logits(prompt)
    assert found.rows.size + sum(gone.size for gone in found.left_after.values()) == len(prompt)
    assert close(found.values, wanted[found.rows])
    assert not close(found["last"][0], last_logits(model, prompt)), "the difference is felt"
    assert torch.equal(found["last"], found[-1])


def test_rows_that_left_are_refused_by_name() -> None:
    model, prompt = case("llava_next_video")
    with wb.accelerate(model, exit_after=2) as fast:
        found = fast.logits(prompt)
    frame = prompt.layout["frame[1]"]
    with pytest.raises(InterventionError, match=rf"'frame\[1\]': {frame.size} rows .* left after layer 2"):
        found["frame[1]"]
    with pytest.raises(InterventionError, match=f"row {frame[0]} of this prompt left after layer 2"):
        found[int(frame[0])]
    with pytest.raises(SpanError):
        found["frame[99]"]
    assert found["question + last"].shape[0] == prompt.layout["question + last"].size


@pytest.mark.parametrize("family", DECODER_NAMES)
@pytest.mark.parametrize("what", WHATS, ids=str)
def test_written_answers_equal_reading_everything_again(family: FamilyName, what: Acceleration) -> None:
    """The rows that left stay away, whatever is written: a rule chooses once."""
    model, prompt = case(family)
    if refused_before_deepstack_ends(model, what):
        return
    with running(model, what) as fast:
        found = fast.generations([prompt], max_new_tokens=STEPS)[0].token_ids
        gone = fast.left_before()[0]
    fixed = Acceleration(
        exits=tuple(
            Exit(after=layer, rows=_These(tuple(rows.tolist()))) for layer, rows in gone.items() if rows.size
        ),
        frame_local=what.frame_local,
        cuts=what.cuts,
    )
    new: list[int] = []
    ends = model.hf.generation_config.eos_token_id  # type: ignore[union-attr]
    while len(new) < STEPS and not (new and new[-1] in (ends if isinstance(ends, list) else [ends])):
        new.append(int(logits(model, longer(model, prompt, new), fixed)[-1].argmax()))
    assert list(found) == new


def test_generation_under_an_exit_equals_generation_under_the_cut() -> None:
    model, prompt = case("llava_next_video")
    cut = Knockout.of("video -> text", (3, LAYERS))
    wanted = generate(model, prompt, cut, max_new_tokens=STEPS)
    with wb.accelerate(model, exit_after=2) as fast:
        assert fast.generations([prompt], max_new_tokens=STEPS) == [wanted]
        assert model.generate(prompt, STEPS) == fast.generate(prompt, max_new_tokens=STEPS) == wanted.text
        with pytest.raises(InterventionError, match="reference engine"):
            generate(model, prompt, cut, max_new_tokens=STEPS)


@pytest.mark.parametrize("family", DECODER_NAMES)
@pytest.mark.parametrize("what", WHATS, ids=str)
def test_a_batch_is_as_one_by_one(family: FamilyName, what: Acceleration) -> None:
    """Prompts of different lengths; where pixels allow it, of different numbers of frames, too."""
    model = tiny_model(family)
    if refused_before_deepstack_ends(model, what):
        return
    prompt = tiny_prompt(model)
    many = 4 if prompt.inputs[pixel_input(prompt)].ndim == 5 else 6  # clips one upon another are as long
    prompts = [
        model.encode(tiny_sample(n_options=options), clip=tiny_clip(frames, seed=options))
        for options, frames in ((2, 4), (4, many), (3, 4))
    ]
    with running(model, what) as fast:
        together = fast.generations(prompts, max_new_tokens=STEPS)
        assert together == [fast.generations([prompt], max_new_tokens=STEPS)[0] for prompt in prompts]
    assert len({len(prompt) for prompt in prompts}) > 1
    assert generate_batch(model, prompts, max_new_tokens=STEPS) == [
        generate(model, prompt, max_new_tokens=STEPS) for prompt in prompts
    ]


@pytest.mark.parametrize("what", WHATS, ids=str)
def test_passes_in_any_turn_are_as_the_first(what: Acceleration) -> None:
    """Tables of rows are kept between passes of the same prompts, and of no others."""
    model = tiny_model("llava_onevision")
    one, two = (
        model.encode(tiny_sample(n_options=options), clip=tiny_clip(4, seed=options)) for options in (2, 4)
    )
    same_layout = replace(
        two, inputs={**two.inputs, "pixel_values_videos": one.inputs["pixel_values_videos"]}
    )
    alone = []
    for prompt in (one, two, same_layout):
        with running(model, what) as fast:
            found = fast.logits(prompt)
            alone.append((found.values, found.left_after))
    with running(model, what) as fast:
        for turn in (0, 0, 1, 2, 1, 0, 2, 2):
            found = fast.logits((one, two, same_layout)[turn])
            values, left_after = alone[turn]
            assert torch.equal(found.values, values)
            assert found.left_after.keys() == left_after.keys()
            assert all(np.array_equal(rows, left_after[layer]) for layer, rows in found.left_after.items())


def test_prompts_that_are_no_batch_are_refused() -> None:
    model = tiny_model("llava_next_video")
    prompts = [model.encode(tiny_sample(), clip=tiny_clip(frames)) for frames in (4, 2)]
    with pytest.raises(PromptError, match="as many frames"):
        generate_batch(model, prompts)
    with pytest.raises(PromptError, match="No prompt"):
        generate_batch(model, [])


def hooks_of(model: VideoLLM) -> int:
    return sum(
        len(module._forward_hooks) + len(module._forward_pre_hooks) + ("workbench_stand_in" in vars(module))
        for module in model.hf.modules()
    )


def test_the_model_is_as_before_after_errors_too() -> None:
    model, prompt = case("llava_next_video")
    before, hooks = last_logits(model, prompt), hooks_of(model)
    what = WHATS[6]
    with running(model, what):
        assert hooks_of(model) > hooks
    assert hooks_of(model) == hooks
    with pytest.raises(ZeroDivisionError), running(model, what):
        raise ZeroDivisionError
    assert hooks_of(model) == hooks
    with pytest.raises(InterventionError), running(model, what):
        model.logits(prompt)
    with pytest.raises(KnockoutError, match="4 layers"), wb.accelerate(model, frame_local=(2, 9)):
        pass
    with pytest.raises(InterventionError, match="4 layers"), wb.accelerate(model, exit_after=5):
        pass
    assert hooks_of(model) == hooks
    assert torch.equal(last_logits(model, prompt), before)


def test_reading_activations_of_a_model_that_loses_rows_is_refused() -> None:
    model, prompt = case("llava_next_video")
    with wb.accelerate(model, exit_after=2) as fast:
        for look in (model.logits, model.run_with_cache):
            with pytest.raises(InterventionError, match="reference engine"):
                look(prompt)
        assert fast.logits(prompt).values.shape[0] < len(prompt)
    with pytest.raises(InterventionError, match="closed"):
        fast.logits(prompt)


def test_a_model_that_cannot_is_refused() -> None:
    model, _ = case("llava_next_video", "eager")
    with pytest.raises(ModelError, match="sdpa"), wb.accelerate(model, exit_after=2):
        pass
    model, _ = case("llava_next_video")
    with pytest.raises(InterventionError, match="Nothing is saved"), wb.accelerate(model):
        pass


def test_layers_with_a_window_of_their_own_are_not_kept_inside_frames(sliding: Case) -> None:
    model, prompt = sliding
    if model.attention == "eager":
        pytest.skip("refused already")
    with pytest.raises(ModelError, match="sliding_attention"), wb.accelerate(model, frame_local=(1, 3)):
        pass
    what = Acceleration(exits=(Exit(after=2),), frame_local=(1, 2))
    wanted = last_logits(model, prompt, what)
    with running(model, what) as fast:
        assert close(fast.last_logits(prompt), wanted), "its mask follows its rows"


def test_frames_with_separators_between_and_inside() -> None:
    """Newlines count to a frame or to none; in either case every edge is as in the cut."""
    model = tiny_model("llava_onevision")
    for separators in ("video", "frame"):
        prompt = model.encode(tiny_sample(), clip=tiny_clip(), separators=separators)
        with wb.accelerate(model, frame_local=(1, 3)) as fast:
            found = fast.last_logits(prompt)
        assert close(found, last_logits(model, prompt, Knockout.of("frames -> later frames", (1, 3))))


def test_the_engine_runs_exits_as_the_reference_does() -> None:
    model, prompt = case("llava_next_video")
    asked = [*WHATS, Exit(after=1)]
    engine = get_engine("accelerated")
    assert isinstance(engine, AcceleratedEngine)
    done: list[int] = []
    (found,) = engine.run(model, [Request(prompt=prompt, interventions=asked)], done.append)
    wanted = get_engine("reference").outcomes(model, prompt, asked)
    assert sum(done) == len(asked)
    assert found.baseline == wanted.baseline
    assert [one.top_id for one in found.changed] == [one.top_id for one in wanted.changed]
    assert np.allclose([one.p for one in found.changed], [one.p for one in wanted.changed], rtol=1e-5)
    with pytest.raises(InterventionError, match="incremental"):
        engine.outcomes(model, prompt, [Knockout.of("video -> last", (1, 2))])


class _These(Rule):
    """Rows by number."""

    def __init__(self, rows: tuple[int, ...]) -> None:
        self.rows = rows

    def __call__(self, seen: Seen) -> torch.Tensor:
        return torch.tensor(self.rows, device=seen.rows.device)


def test_blocks_are_cut_out_of_causal_attention_only() -> None:
    """Molmo2's frames see later ones: blocks would leave these edges out in silence. Exits keep its mask."""
    model, _, prompt = molmo2("sdpa")
    with wb.accelerate(model, frame_local=(1, 2)) as fast:
        with pytest.raises(ModelError, match="lets rows see later ones"):
            fast.last_logits(prompt)
    with wb.accelerate(model, exit_after=2) as fast:
        found = fast.last_logits(prompt)
    wanted = last_logits(model, prompt, Acceleration(exits=(Exit(after=2),)))
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)
