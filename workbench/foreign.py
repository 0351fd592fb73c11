"""Files from outside: settings of checkpoints, annotations, run folders that others made.

They are read here, and only here, so that whatever they hold ends in one clear error: sizes are bounded
before anything is read, nesting and numbers by the parser, and what a file says is checked against a schema.
"""

from __future__ import annotations

import json
import os
import stat
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from workbench.errors import WorkbenchError, shown

#: The most bytes that are read of a JSON file. A tokenizer of 250,000 words has 20 MB, 10,000 questions 10.
MOST_BYTES = 256 * 2**20
#: How deep lists and objects may lie in one another. Python parses some 900, and then cannot print them.
DEEPEST = 100

T = TypeVar("T")


def read_json(path: Path | str, *, error: type[WorkbenchError], most_bytes: int = MOST_BYTES) -> Any:
    """What a JSON file holds.

    Raises `error`, naming the file, where it is no regular file, cannot be read, is larger than `most_bytes`,
    is not UTF-8 (a byte order mark may lead), or is not JSON, too deep nesting and too long numbers included.
    """
    return parse_json(read_bytes(path, error=error, most_bytes=most_bytes), source=str(path), error=error)


def read_bytes(path: Path | str, *, error: type[WorkbenchError], most_bytes: int = MOST_BYTES) -> bytes:
    """The content of a regular file of at most `most_bytes`; raises `error`, naming the file, otherwise.

    Folders, pipes and devices are refused before they are opened: reading one may never end.
    """
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise error(f"{path} is not a file. Put the file itself there, or name another.")
            if found.st_size > most_bytes:
                raise error(
                    f"{path} has {found.st_size:,} bytes; at most {most_bytes:,} are read. It is damaged, or "
                    f"not what its name says: get it again."
                )
            return file.read(found.st_size)
    except IsADirectoryError:
        raise error(f"{path} is a folder, where a file belongs. Put the file itself there.") from None
    except (OSError, ValueError) as problem:  # ValueError: a name with a NUL in it
        reason = getattr(problem, "strerror", None) or problem
        raise error(f"{path} cannot be read: {reason}. Check the path and its permissions.") from problem


def parse_json(content: bytes | str, *, source: str, error: type[WorkbenchError]) -> Any:
    """What a JSON text holds; raises `error`, naming `source`, where it is not JSON, or nested too deeply."""
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
        found = json.loads(text)
    except UnicodeDecodeError as problem:
        raise error(f"{source} is not UTF-8 text (byte {problem.start}). Save it as UTF-8.") from problem
    except RecursionError:
        raise error(f"{source} is nested too deeply to be read. It is damaged, or made to do harm.") from None
    except ValueError as problem:
        raise error(
            f"{source} is not JSON: {problem}. It is damaged or cut short: get it again."
        ) from problem
    level = [found] if isinstance(found, dict | list) else []
    for _ in range(DEEPEST + 1):
        if not level:
            return found
        level = [
            inside
            for value in level
            for inside in (value.values() if isinstance(value, dict) else value)
            if isinstance(inside, dict | list)
        ]
    raise error(
        f"{source} is nested too deeply: at most {DEEPEST} levels are read. It is damaged, "
        "or made to do harm."
    )


def validated(schema: type[T], value: Any, *, source: str, error: type[WorkbenchError]) -> T:
    """`value` as `schema` has it (a pydantic model, or any type that pydantic knows).

    Raises `error` with a sentence: the source, the first field that is wrong, what came and what is allowed.
    """
    try:
        return _adapter(schema).validate_python(value)
    except RecursionError:
        raise error(f"{source} is nested too deeply to be read. It is damaged, or made to do harm.") from None
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "it"
        came = "" if first["type"] == "missing" else f" (it has {shown(first['input'], limit=60)})"
        more = problem.error_count() - 1
        others = f", and {more} more" if more else ""
        raise error(f"{source}: {field}: {first['msg']}{came}{others}.") from problem


@lru_cache(maxsize=64)
def _adapter(schema: Any) -> TypeAdapter[Any]:
    return TypeAdapter(schema)


def _without_waiting(path: str, flags: int) -> int:
    """Open a file; a pipe that nobody writes to does not hold the program up."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
