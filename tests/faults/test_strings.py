"""More than 100,000 texts on everything that reads what a person or a file writes: a result, or our error."""

from __future__ import annotations

import contextlib
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.interventions.layouts import small_layout
from workbench.data import Sample, letter_of, load_folder, same_word, samples
from workbench.data.confine import find_clip
from workbench.data.options import answer_index
from workbench.data.tvbench import task_key
from workbench.errors import WorkbenchError, shown
from workbench.files import plain_name
from workbench.interventions import Flow, Knockout, Span, as_flows, as_windows, parse_window, read_window
from workbench.interventions.random_edges import RandomEdges
from workbench.interventions.windows import axis_of, series_of
from workbench.prompts.styles import build_prompt
from workbench.prompts.words import words
from workbench.recipe import data_source
from workbench.video import as_sampling

pytestmark = pytest.mark.faults

EACH = 6000
MOST_SECONDS = 1.0
"""For one text; nearly all take microseconds."""

NUMBERS = [
    *(
        "0",
        "1",
        "3",
        "9",
        "12",
        "-1",
        "1.5",
        "1e9",
        "007",
        "9" * 10,
        "9" * 20,
        "9" * 4301,
        "\u0663",
        "\u00b2",
    ),
    *("nan", "inf"),
]
MARKS = [*"[]:,+@();-_=/\\.*'\"", "->", "\u2192", ".."]
SPACES = [" ", "  ", "\t", "\n", "\r", "\u00a0", "\u3000", "\u200b", " " * 50]
ODD = [
    *("", "\0", "\x1b[2J", "\ud800", "\u202e", "\u2028", "\u00e9", "e\u0301", "\u00df", "\u0130", "\uffff"),
    *("../", "~", "C:", "|", "$(x)", "None", "True", "\ufeff", "%s", "{0}", "<b>", "\u6f22", "\U0001f3ac"),
]
WORDS = {
    "span": ["video", "question", "last", "frame[1]", "frame", "cell", "option[A]", "true_option", "frames"],
    "flow": ["video -> question", "frames -> later frames", "within frames", "(self too)", "VT-K", "last"],
    "window": ["centred", "trailing", "after", "all", "first_half", "layers", "centred(9)", "layers(3, 8)"],
    "sampling": ["midpoints", "uniform", "fps", "max_frames", "fps(1, max_frames=32)", "midpoints(8)"],
    "knockout": ["video -> last in layers 3..8", "in layer", "in no layer", "layers", "video -> last"],
    "edges": ["12 random edges from row 3 (seed 0, draw 1)", "random edges from row", "seed", "self too"],
    "answer": [
        "A",
        "B",
        "(C)",
        "Answer",
        "answer is",
        "option",
        "\u7b54\u6848",
        "\u9009",
        "because",
        "\\boxed{",
    ],
    "name": ["mini", "tvbench", "TVBench", "moving_direction", "object_count", "clip_1.mp4", "json", "all"],
    "style": ["mvbench", "letter", "open", "plain"],
}


def text(rng: random.Random, kind: str) -> str:
    """Pieces of the language and of others, in any order; one in thirty is very long."""
    pools = [WORDS[kind], WORDS[kind], NUMBERS, MARKS, MARKS, SPACES, ODD]
    pieces = [rng.choice(rng.choice(pools)) for _ in range(rng.choice((1, 2, 3, 5, 8, 13)))]
    if rng.random() < 0.1:
        return rng.choice(("", *SPACES)).join((rng.choice(WORDS[kind]), ""))
    if rng.random() < 0.2:  # something right, with one letter changed
        pieces = list(rng.choice(WORDS[kind]))
        pieces[rng.randrange(len(pieces))] = rng.choice((chr(rng.randrange(0x250)), rng.choice(ODD), ""))
    if rng.random() < 1 / 30:
        place = rng.randrange(len(pieces))
        pieces[place] *= rng.choice((10, 800, 20_000 // max(1, len(pieces[place]))))
    return "".join(pieces)


def _again(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """What is read prints as a text that is read as the same."""

    def both(typed: str) -> Any:
        found = parse(typed)
        assert parse(str(found)) == found
        return found

    return both


LAYOUT = small_layout()
ONE = Sample(
    id="t/1", task="t", video=Path("a.mp4"), question="Where to?", options=("left", "right"), answer=1
)


def _flow(typed: str) -> Any:
    (flow,) = as_flows(typed)
    return flow.edges(LAYOUT)


def _window(typed: str) -> Any:
    (window,) = as_windows([typed])
    return [span for n_layers in (1, 12, 32) for span in window.expand(n_layers)]


def _of_tables(typed: str) -> Any:
    return read_window(typed), series_of(typed), axis_of(typed), RandomEdges.parse(typed)


def _letter(typed: str) -> Any:
    found = letter_of(typed, 4)
    assert found is None or found in "ABCD"
    return found, same_word(typed, "left"), same_word("left", typed, prefix=True)


def _answer(typed: str) -> Any:
    return answer_index(typed, ["left", "right", "2", "A"])


def _sample(typed: str) -> Any:
    return [replace(ONE, **{field: typed}) for field in ("question", "id", "task", "stem", "video")]


def _style(typed: str) -> Any:
    return build_prompt(ONE, typed)


def _file_name(typed: str) -> Any:
    name = plain_name(typed)
    assert name.isascii()
    assert 0 < len(name) < 100
    assert not set(name) & set("/\\. \0:")
    return name


PARSERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "Span.parse": ("span", _again(Span.parse)),
    "layout[..]": ("span", LAYOUT.__getitem__),
    "words(layout, ..)": ("span", lambda typed: words(LAYOUT, typed)),
    "Flow.parse": ("flow", _again(Flow.parse)),
    "edges of a flow": ("flow", _flow),
    "parse_window": ("window", _again(parse_window)),
    "layers of a window": ("window", _window),
    "names in tables": ("edges", _of_tables),
    "windows in tables": ("window", _of_tables),
    "as_sampling": ("sampling", _again(as_sampling)),
    "frames of a sampling": ("sampling", lambda typed: as_sampling(typed).indices(24, 8.0)),
    "Knockout.parse": ("knockout", _again(Knockout.parse)),
    "letter_of": ("answer", _letter),
    "answer_index": ("answer", _answer),
    "Sample": ("name", _sample),
    "styles": ("style", _style),
    "plain_name": ("name", _file_name),
    "data_source": ("name", data_source),
}


NEVER_REFUSE = ("plain_name", "letter_of", "windows in tables", "names in tables")
"""Whatever the text, there is an answer."""


def run(name: str, kind: str, parse: Callable[[str], Any], count: int) -> Counter[str]:
    """How often each outcome came. Fails at the first text that ends in anything else, or takes long."""
    rng = random.Random(name)
    counts: Counter[str] = Counter()
    for _ in range(count):
        typed = text(rng, kind)
        begin = time.process_time()
        try:
            parse(typed)
            counts["read"] += 1
        except WorkbenchError as error:
            said = str(error)
            assert len(said) < 2500, (shown(typed), len(said))
            assert not set(said) & set("\x1b\0\x7f"), "a terminal would obey it"
            counts[type(error).__name__] += 1
        except BaseException as error:
            pytest.fail(f"{name}({typed[:200]!r}, {len(typed)} characters): {type(error).__name__}: {error}")
        taken = time.process_time() - begin
        assert taken < MOST_SECONDS, (name, shown(typed), len(typed), taken)
    return counts


@pytest.mark.parametrize("name", PARSERS)
def test_every_text_is_read_or_refused(name: str) -> None:
    kind, parse = PARSERS[name]
    counts = run(name, kind, parse, EACH)
    assert sum(counts.values()) == EACH
    assert counts["read"] > 30
    if name not in NEVER_REFUSE:
        assert len(counts) > 1
    print(name, dict(counts))


def test_there_are_a_hundred_thousand() -> None:
    assert EACH * len(PARSERS) > 100_000


def data_folder(root: Path) -> Path:
    question = {
        "video": "clip_1.mp4",
        "question": "Where to?",
        "candidates": ["left", "right"],
        "answer": "left",
    }
    for folder in ("json", "video"):
        (root / folder).mkdir()
    for task in ("moving_direction", "object_count"):
        (root / "json" / f"{task}.json").write_text(json.dumps([question]))
    (root / "video" / "clip_1.mp4").write_bytes(b"x")
    return root


@pytest.mark.parametrize("what", ["name", "tasks", "id", "clip", "task_key"])
def test_names_of_data_are_read_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    root = data_folder(tmp_path)
    monkeypatch.chdir(root)
    monkeypatch.setattr("workbench.mini.footage.clips_folder", lambda **_: root)
    loaded = load_folder(root)
    parse: Callable[[str], Any] = {
        "name": samples,
        "tasks": lambda typed: load_folder(root, tasks=[typed]),
        "id": lambda typed: loaded[typed],
        "clip": lambda typed: find_clip(root, typed, ("video/moving_direction", "video", ".")),
        "task_key": task_key,
    }[what]
    counts = run(what, "name", parse, 1500)
    assert sum(counts.values()) == 1500
    print(what, dict(counts))


UNITS = [
    " ",
    "\t ",
    "a",
    "9",
    "[",
    "(",
    "- ",
    "->",
    "+",
    ",",
    ".",
    "!",
    "\u00e9",
    "e\u0301",
    "( ",
    "(a)",
    "answer ",
]


@pytest.mark.parametrize("size", [1000, 9999, 20_000, 300_000])
@pytest.mark.parametrize("unit", UNITS)
def test_no_text_takes_long(unit: str, size: int) -> None:
    """Runs of one piece, after and before something that is read: quadratic time would show at 300,000."""
    run_of = unit * (size // len(unit))
    for name, (kind, parse) in PARSERS.items():
        first = WORDS[kind][0]
        for typed in (run_of, f"{first}({run_of}", f"{first}[{run_of}]{first}", run_of + first):
            begin = time.process_time()
            with contextlib.suppress(WorkbenchError):
                parse(typed)
            assert time.process_time() - begin < 3, (name, unit, size)
