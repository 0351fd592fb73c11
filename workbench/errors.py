"""Errors that a user can cause. Each message says what came in, what is allowed and what to do."""

from __future__ import annotations

import difflib
import re
import reprlib
from collections.abc import Iterable

#: Characters that a terminal obeys rather than shows, those that turn the direction of writing, and halves of
#: surrogate pairs, which no terminal and no file in UTF-8 can hold.
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: object) -> str:
    """`text` for a terminal: what it would obey, or cannot hold, is written out.

    Line feeds and tabs stay.
    """
    return _OBEYED.sub(lambda found: found.group().encode("unicode_escape").decode("ascii"), str(text))


class WorkbenchError(ValueError):
    """Base of every error that the workbench raises on purpose."""

    def __str__(self) -> str:
        return printable(super().__str__())


class ClipError(WorkbenchError):
    """A video file, or the frames asked of it, cannot be used."""


class SampleError(WorkbenchError):
    """An annotation or a data set cannot be used."""


class PromptError(WorkbenchError):
    """A prompt cannot be built for this model."""


class SpanError(WorkbenchError):
    """A token span does not exist in this prompt."""


class FlowError(WorkbenchError):
    """A flow cannot be read."""


class WindowError(WorkbenchError):
    """A window of layers cannot be read, or lies outside the model."""


class InterventionError(WorkbenchError):
    """What is to be changed in the model cannot be changed."""


class KnockoutError(InterventionError):
    """A knockout cannot be applied to this prompt or model."""


class HookError(WorkbenchError):
    """A hook point does not exist, or cannot act on this model."""


class ModelError(WorkbenchError):
    """A model cannot be loaded or used."""


class RunError(WorkbenchError):
    """A run folder, recipe or setting cannot be used."""


def shown(value: object, *, limit: int = 80) -> str:
    """A short, printable form of something that came from outside, for messages."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = short.maxlong = limit
    try:
        return short.repr(value)
    except ValueError:  # Python does not print numbers of thousands of digits
        return f"a huge {type(value).__name__}"


class WriteError(RunError, OSError):
    """A file or folder cannot be written: no room, no right, no such name."""


class NotFinite(ModelError):
    """The model computes numbers on one sample that are infinite or no numbers: see `not_finite`."""


NOT_FINITE = "are not finite"
"""In the text of every NotFinite."""
_OTHER_DTYPE = {
    "float16": "Load the model with dtype='bfloat16', which has the range of float32, or dtype='float32'.",
    "bfloat16": "Load the model with dtype='float32'.",
    "float32": "Load the model with dtype='float64', or look at the sample's clip and the weights.",
    "float64": "Look at the sample's clip, and at the weights.",
}


def not_finite(what: str, dtype: object) -> NotFinite:
    """The error for numbers of this dtype; it names one that they may be finite in."""
    name = str(dtype).removeprefix("torch.")
    return NotFinite(f"{what} {NOT_FINITE} in {name}. {_OTHER_DTYPE.get(name, _OTHER_DTYPE['float32'])}")


class OutOfMemory(RunError):
    """A sample needs more memory than there is: see `out_of_memory`."""


NO_ROOM = "does not fit into memory"
"""In the text of every OutOfMemory."""


def out_of_memory(error: BaseException) -> OutOfMemory | None:
    """What to say of an error by which memory ran out, of a GPU or of the machine; None for any other."""
    # By name: this module is read where torch is not. Its allocator on a CPU has no class of its own.
    ran_out = isinstance(error, MemoryError | OutOfMemory) or (
        isinstance(error, RuntimeError)
        and (type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(error))
    )
    if not ran_out:
        return None
    return OutOfMemory(
        f"It {NO_ROOM}, even measured alone. Use fewer frames, smaller frames, a smaller dtype or "
        "load_in='4bit', or a device with more memory. The same command tries it again."
    )


def near_matches(name: str, known: Iterable[str], *, limit: int = 4) -> str:
    """A sentence naming the entries of `known` that look like `name`; empty where none does."""
    if not isinstance(name, str) or len(name) > 200:  # nobody mistypes so much, and comparing would take long
        return ""
    found = difflib.get_close_matches(name, list(known), n=limit, cutoff=0.5)
    return f" Did you mean {' or '.join(repr(entry) for entry in found)}?" if found else ""
