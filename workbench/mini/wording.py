"""What can be asked of a scene, and the true answers. Texts are written as people would write them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from workbench.mini.world import COLOURS, DIRECTIONS, OPPOSITE, PLACES, SHAPES, Scene, Thing

STATIC = "static"
"""Task of questions that one frame answers."""
EXTRA = "extra"
"""Questions used in training only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question with a multiple-choice and an open-ended form.

    The open answer is `stem` + " " + `word` + "."; the stem opens the model's answer, the word must follow.
    """

    task: str
    text: str
    options: tuple[str, ...] = ()
    answer: int = 0
    stem: str = ""
    word: str = ""


def _choice(rng: random.Random, right: str, wrong: list[str]) -> tuple[tuple[str, ...], int]:
    options = [right, *wrong]
    rng.shuffle(options)
    return tuple(options), options.index(right)


def _ask(
    rng: random.Random, task: str, text: str, right: str, wrong: list[str], stem: str, word: str
) -> Question:
    options, answer = _choice(rng, right, wrong)
    return Question(task=task, text=text, options=options, answer=answer, stem=stem, word=word)


def _others(rng: random.Random, values: list[str] | tuple[str, ...], right: str, count: int = 3) -> list[str]:
    return rng.sample([value for value in values if value != right], count)


def actions_of(thing: Thing, reverse: bool) -> tuple[str, ...]:
    """What an object is seen to do, in order; backwards when the clip is reversed."""
    if not reverse:
        return thing.actions
    return tuple(OPPOSITE.get(action, action) for action in reversed(thing.actions))


def moving_direction(scene: Scene, thing: Thing, rng: random.Random) -> Question:
    way = actions_of(thing, scene.reverse)[0].split()[1]
    text = f"Which direction does the {thing.name} move in the video?"
    stem = f"The {thing.name} moves"
    return _ask(rng, "moving_direction", text, way, _others(rng, list(DIRECTIONS), way), stem, way)


def object_count(scene: Scene, rng: random.Random) -> Question:
    count = str(sum(thing.moving for thing in scene.things))
    text = "How many objects are moving in the video?"
    wrong = _others(rng, ["0", "1", "2", "3"], count)
    return _ask(rng, "object_count", text, count, wrong, "The number of moving objects is", count)


def action_antonym(scene: Scene, thing: Thing, rng: random.Random) -> Question:
    action = actions_of(thing, scene.reverse)[0]
    verb, *way = action.split()
    right, wrong = f"The {thing.name} {action}.", f"The {thing.name} {OPPOSITE[action]}."
    stem = f"The {thing.name} {verb}" if way else f"The {thing.name}"
    return _ask(
        rng,
        "action_antonym",
        "What is the action performed in the video?",
        right,
        [wrong],
        stem,
        (way or [verb])[0],
    )


def action_sequence(scene: Scene, thing: Thing, rng: random.Random, when: str | None = None) -> Question:
    first, last = actions_of(thing, scene.reverse)
    when = when or rng.choice(["first", "last"])
    right, wrong = (first, last) if when == "first" else (last, first)
    text = f"What does the {thing.name} do {when}?"
    stem = f"At {when} the {thing.name}"
    return _ask(rng, "action_sequence", text, f"It {right}.", [f"It {wrong}."], stem, right)


def scene_transition(scene: Scene, rng: random.Random) -> Question:
    before, after = scene.places[::-1] if scene.reverse else scene.places
    text = "How does the scene change in the video?"
    right, wrong = f"From {before} to {after}.", f"From {after} to {before}."
    return _ask(rng, "scene_transition", text, right, [wrong], "The scene changes from", before)


def static(scene: Scene, rng: random.Random) -> Iterator[Question]:
    """Colour, shape, number and place: what any one frame shows."""
    for thing in scene.things:
        colour, shape = thing.colour, thing.shape
        wrong = _others(rng, list(COLOURS), colour)
        yield _ask(rng, STATIC, f"What color is the {shape}?", colour, wrong, f"The {shape} is", colour)
        wrong = _others(rng, SHAPES, shape)
        yield _ask(
            rng,
            STATIC,
            f"What shape is the {colour} object?",
            shape,
            wrong,
            f"The {colour} object is a",
            shape,
        )
    count = str(len(scene.things))
    wrong = _others(rng, ["1", "2", "3", "4"], count)
    yield _ask(
        rng, STATIC, "How many objects are in the video?", count, wrong, "The number of objects is", count
    )
    if len(scene.places) == 1:
        wrong = _others(rng, PLACES, scene.places[0])
        text = "Where does the video take place?"
        yield _ask(rng, STATIC, text, scene.places[0], wrong, "The place is the", scene.places[0])


def question_for(scene: Scene, rng: random.Random) -> Question:
    """The one question that a clip of this kind is made for."""
    thing = scene.things[0]
    if scene.kind == "action_antonym":
        return action_antonym(scene, thing, rng)
    if scene.kind == "action_sequence":
        return action_sequence(scene, thing, rng)
    if scene.kind == "scene_transition":
        return scene_transition(scene, rng)
    if scene.kind == "moving_direction":
        return moving_direction(scene, thing, rng)
    return object_count(scene, rng)


# Training only


def _third(value: float, names: tuple[str, str, str]) -> str:
    return names[0] if value < 0.4 else names[2] if value > 0.6 else names[1]


def _where(rng: random.Random, thing: Thing, x: float, y: float, when: str) -> Iterator[Question]:
    """Where an object stands, left to right and top to bottom; `when` names the moment, empty for a still."""
    for value, names, axis in (
        (x, ("left", "middle", "right"), "side"),
        (y, ("top", "middle", "bottom"), "height"),
    ):
        place = _third(value, names)
        text = f"On which {axis} is the {thing.name}{when}?"
        yield _ask(
            rng, EXTRA, text, place, _others(rng, names, place, 2), f"The {thing.name} is at the", place
        )


def _size(rng: random.Random, thing: Thing, radius: float, when: str) -> Question:
    size = _third((radius - 0.05) / 0.15, ("small", "medium", "large"))
    text = f"How big is the {thing.name}{when}?"
    wrong = _others(rng, ("small", "medium", "large"), size, 2)
    return _ask(rng, EXTRA, text, size, wrong, f"The {thing.name} is", size)


def _listed(names: list[str]) -> str:
    return " and ".join(f"a {name}" for name in names)


def caption(scene: Scene, rng: random.Random) -> Question:
    """What is there; the wrong options are lists of other objects, as long as the right one."""
    names = [thing.name for thing in scene.things]
    rng.shuffle(names)
    wrong: list[str] = []
    while len(wrong) < 3:
        other = _listed([f"{rng.choice(list(COLOURS))} {rng.choice(SHAPES)}" for _ in names])
        if other not in wrong and sorted(other.split()) != sorted(_listed(names).split()):
            wrong.append(other)
    right = _listed(names)
    options, answer = _choice(rng, f"There is {right}.", [f"There is {other}." for other in wrong])
    text = "What is in the video?"
    return Question(task=EXTRA, text=text, options=options, answer=answer, stem="There is", word=right)


def thinned(question: Question, rng: random.Random) -> Question:
    """The question with some wrong options left out, so that a model meets every number of options."""
    right = question.options[question.answer]
    wrong = [option for option in question.options if option != right]
    options, answer = _choice(rng, right, rng.sample(wrong, rng.randint(1, len(wrong))))
    return replace(question, options=options, answer=answer)


def still_questions(scene: Scene, state, rng: random.Random) -> list[Question]:
    """Questions for single frames. state: (o, 4+) objects of this frame, none of them hidden."""
    out = [*static(scene, rng), *([caption(scene, rng)] if scene.things else [])]
    for thing, (x, y, radius) in zip(scene.things, state[:, :3].tolist(), strict=False):
        out += _where(rng, thing, x, y, "")
        out.append(_size(rng, thing, radius, ""))
    out = [thinned(question, rng) if question.options else question for question in out]
    rng.shuffle(out)
    return out


def video_questions(scene: Scene, states, rng: random.Random) -> list[Question]:
    """Every question of a clip. states: (o, t, 4+), in the order in which the frames are shown."""
    out = [question_for(scene, rng), caption(scene, rng)]
    statics = list(static(scene, rng))
    out += rng.sample(statics, min(2, len(statics)))
    if scene.kind in ("moving_direction", "object_count"):
        out.append(object_count(scene, rng))
    for number, thing in enumerate(scene.things):
        actions = actions_of(thing, scene.reverse)
        if thing.moving and len(actions) == 1:
            out.append(moving_direction(scene, thing, rng))
            for moment, when in ((0, " at the beginning"), (-1, " at the end")):
                x, y = states[number, moment, :2].tolist()
                sides = list(_where(rng, thing, x, y, when))
                out.append(sides[0] if actions[0] in ("moves left", "moves right") else sides[1])
        elif actions in (("grows",), ("shrinks",)):
            for moment, when in ((0, " at the beginning"), (-1, " at the end")):
                out.append(_size(rng, thing, float(states[number, moment, 2]), when))
        if scene.kind in ("moving_direction", "object_count"):
            answer = "yes" if thing.moving else "no"
            wrong = "no" if thing.moving else "yes"
            text = f"Is the {thing.name} moving?"
            out.append(_ask(rng, EXTRA, text, answer, [wrong], "The answer is", answer))
        if len(actions) == 2:
            out.append(action_sequence(scene, thing, rng, "first"))
            out.append(action_sequence(scene, thing, rng, "last"))
            out.append(
                Question(
                    task=EXTRA,
                    text=f"What does the {thing.name} do?",
                    stem=f"The {thing.name}",
                    word=f"{actions[0]} and {actions[1]}",
                )
            )
        elif len(actions) == 1 and actions[0] in OPPOSITE:
            right, wrong = actions[0], OPPOSITE[actions[0]]
            text = f"What does the {thing.name} do?"
            out.append(_ask(rng, EXTRA, text, f"It {right}.", [f"It {wrong}."], f"The {thing.name}", right))
    if scene.kind == "scene_transition":
        before, after = scene.places[::-1] if scene.reverse else scene.places
        text = "Where does the video begin?"
        out.append(_ask(rng, EXTRA, text, before, [after], "The video begins in the", before))
    rng.shuffle(out)
    return out
