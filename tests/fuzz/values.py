"""Random data for parsers, and what is asked of whoever reads it.

Few examples in `make test`, the same ones every time; `make fuzz` draws WORKBENCH_FUZZ times as many, and
others each time.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from workbench.errors import WorkbenchError

TIMES = int(os.environ.get("WORKBENCH_FUZZ", "1"))
MOST_SECONDS = 5.0
"""Of the processor, for one example; nearly all take milliseconds."""
T = TypeVar("T")


def few(examples: int, times: int = TIMES) -> settings:
    """So many examples in `make test`, and `times` as many in `make fuzz`."""
    return settings(
        max_examples=examples * times,
        derandomize=TIMES == 1,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
        # A failure in `make test` is one in `make fuzz`, which has time to make it small.
        phases=list(Phase) if TIMES > 1 else [Phase.explicit, Phase.generate],
    )


def attempt(read: Callable[[], T]) -> T | None:
    """What `read` gives, or None where it refuses with an error of ours that can be printed.

    Anything else that it raises is for the test to fail by, and so is taking long.
    """
    begin = time.process_time()
    try:
        found = read()
    except WorkbenchError as error:
        assert_printable(str(error))
        found = None
    taken = time.process_time() - begin
    assert taken < MOST_SECONDS, f"{taken:.1f} s"
    return found


def assert_printable(said: str) -> None:
    """No terminal obeys it, and every file and stream can hold it."""
    said.encode("utf-8")
    assert not set(said) & set("\x1b\0\x7f\x9b\u202e"), ascii(said[:300])


_RUNS = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "pickle.find_class")
_watching: list[tuple[Path, Path]] = []
_seen: list[str] = []
_hooked: list[bool] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching:
        return
    outside, root = _watching[-1]
    if event in _RUNS:
        _seen.append(f"{event}{arguments!r:.200}")
    elif event in ("open", "os.listdir", "os.scandir", "os.remove", "os.mkdir", "os.rename", "os.symlink"):
        names = [os.fsdecode(one) for one in arguments[:2] if isinstance(one, str | bytes)]
        where = [os.path.realpath(name) for name in names[:1] if "\0" not in name]
        if any(name == str(outside) or name.startswith(f"{outside}{os.sep}") for name in where):
            _seen.append(f"{event}{arguments!r:.200}")
        writes = (
            event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        )
        if writes and not all(name.startswith((str(root), "/dev/")) or ".pyc" in name for name in where):
            _seen.append(f"writes {where}")


@contextmanager
def confined(root: Path, outside: Path) -> Iterator[None]:
    """Fails where anything inside starts a program, unpickles, looks into `outside`, or writes beyond `root`.

    Python reports these by audit events, whoever causes them.
    """
    if not _hooked:
        sys.addaudithook(_hook)  # for the rest of the process: it cannot be taken away
        _hooked.append(True)
    _seen.clear()
    _watching.append((outside.resolve(), root.resolve()))
    try:
        yield
    finally:
        _watching.pop()
    assert not _seen, _seen[:3]


ODD = st.sampled_from(
    (
        *(
            "",
            " ",
            "\0",
            "\x1b[2J",
            "\ud800",
            "\udcff",
            "\u202e",
            "\u2028",
            "\r\n",
            "\x85",
            "e\u0301",
            "\ufeff",
        ),
        *("../outside/secret.mp4", "/etc/passwd", "..\\outside", "C:\\a", "~", "~root", ".", "..", "x" * 300),
        *("a/" * 2000, "nan", "inf", "1e400", "-1", "9" * 400, "\u0663", "\u00b2", "None", "N/A", "A", "(B)"),
        *(
            "$(touch hit)",
            "{{7*7}}",
            "%s",
            "__import__('os')",
            "<img src=x onerror=hit()>",
            "A. x\nB. y",
            "a|b",
        ),
    )
)
TEXT = st.one_of(ODD, st.text(max_size=12), st.text(st.characters(categories=["Cs", "Cc", "L"]), max_size=6))
NUMBER = st.one_of(
    st.integers(-3, 30),
    st.sampled_from((2**31, 2**63, 2**64, -(2**63), 10**18, 10**30, 10**400, -(10**400))),
    st.floats(),
    st.sampled_from((1e-320, 1e308, -1e308, -0.0)),
)
DEEP = st.builds("@{} {}".format, st.sampled_from(("list", "dict")), st.sampled_from((40, 40, 90, 10**5)))
"""Stands in a value for nesting so deep: see `as_json`."""
LEAF = st.one_of(st.none(), st.booleans(), NUMBER, TEXT)
VALUE: st.SearchStrategy[Any] = st.recursive(
    st.one_of(LEAF, LEAF, LEAF, DEEP),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXT, inner, max_size=4)),
    max_leaves=8,
)
"""Anything that JSON can say."""


def as_json(value: Any) -> bytes:
    """`value` as JSON, with NaN, halves of surrogate pairs, and nesting deeper than Python writes."""
    return re.sub(r'"@(list|dict) (\d+)"', _nested, json.dumps(value)).encode("ascii")


def _nested(found: re.Match[str]) -> str:
    opened, closed = ("[", "]") if found[1] == "list" else ('{"a":', "}")
    return opened * int(found[2]) + "0" + closed * int(found[2])


@st.composite
def changed(draw: st.DrawFn, sound: dict[str, Any], values: st.SearchStrategy[Any] = VALUE) -> dict[str, Any]:
    """A sound entry with some of its fields replaced, taken out, called otherwise, or given to another."""
    entry = dict(sound)
    for _ in range(draw(st.integers(1, 3))):
        key = draw(st.sampled_from(sorted(sound)))
        kind = draw(st.sampled_from(("value", "value", "value", "gone", "name", "other", "wrapped", "more")))
        if kind == "value":
            entry[key] = draw(values)
        elif kind == "gone":
            entry.pop(key, None)
        elif kind == "name" and key in entry:
            entry[draw(TEXT)] = entry.pop(key)
        elif kind == "other":
            entry[key] = sound[draw(st.sampled_from(sorted(sound)))]
        elif kind == "wrapped":
            entry[key] = draw(st.sampled_from(([sound[key]], {"a": sound[key]}, str(sound[key]))))
        else:
            entry[draw(TEXT)] = draw(values)
    return entry


@st.composite
def spoilt(draw: st.DrawFn, content: bytes) -> bytes:
    """Bytes flipped, replaced, taken out, doubled or cut off."""
    data = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        kind = draw(st.sampled_from(("flip", "byte", "gone", "doubled", "cut")))
        if kind == "flip" and data:
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "byte":
            data[at : at + 1] = draw(st.binary(max_size=3))
        elif kind == "gone":
            del data[at : at + draw(st.integers(1, 40))]
        elif kind == "doubled":
            data[at:at] = data[at : at + draw(st.integers(1, 40))]
        elif kind == "cut":
            del data[at:]
    return bytes(data)


def entries(sound: Sequence[dict[str, Any]]) -> st.SearchStrategy[list[Any]]:
    """Some sound entries, some changed ones, and some of anything."""
    one = st.sampled_from(list(sound))
    return st.lists(st.one_of(one, one.flatmap(changed), one.flatmap(changed), VALUE), max_size=5)
