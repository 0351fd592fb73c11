"""Renders a chat template in a process of its own: `template.py` starts this file as a script.

A template is somebody else's program. Jinja's sandbox keeps it from files and from Python's inside, but not
from loops without end or from texts that fill the memory; the limits of a process do. So that it starts
quickly, nothing but Jinja and the standard library is imported here.

The environment is the one in which transformers renders chat templates (`utils/chat_template_utils.py`).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

SECONDS = 5
"""Of a processor, the start included."""
MEMORY = 2**30
"""Bytes of address space."""
LONGEST = 2**20
"""Characters that a template may write; that of a system prompt with tools has some 20,000."""


class _Generation(Extension):
    """{% generation %} marks what an assistant wrote; it is rendered as it stands."""

    tags = {"generation"}  # noqa: RUF012

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_as_it_stands"), [], [], body).set_lineno(line)

    def _as_it_stands(self, caller: Callable[[], str]) -> str:
        return caller()


class _Dict:
    """`dict` of a template: nothing but the two ways to make one."""

    def __call__(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        return dict(*args, **kwargs)

    def fromkeys(self, *args: Any) -> dict[Any, Any]:
        return dict.fromkeys(*args)


class _Namespace(Namespace):
    """`namespace` of a template, whose names may not reach into Python (`__class__`)."""

    def __init__(*args: Any, **kwargs: Any) -> None:  # as Jinja's own: "self" may be a name in it
        self, *rest = args
        for name in (attributes := dict(*rest, **kwargs)):
            _check_name(name)
        Namespace.__init__(self, attributes)

    def __setitem__(self, name: str, value: Any) -> None:
        _check_name(name)
        super().__setitem__(name, value)


def _check_name(name: Any) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise jinja2.TemplateError(f"it stores {name!r} in a namespace, and no name there may begin with _")


def render(template: str, variables: Mapping[str, Any]) -> str:
    """The text that a template writes. Raises whatever the template raises, and TemplateError where it
    writes more than `LONGEST` characters."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, "jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = _tojson
    environment.globals |= {"raise_exception": _raise, "strftime_now": _now, "dict": _Dict()}
    environment.globals["namespace"] = _Namespace
    written, length = [], 0
    for piece in environment.from_string(template).generate(**variables):
        written.append(piece)
        length += len(piece)
        if length > LONGEST:
            raise jinja2.TemplateError(f"it writes more than {LONGEST:,} characters")
    return "".join(written)


def _tojson(value: Any, ensure_ascii: bool = False, indent: Any = None, **options: Any) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, **options)


def _raise(message: str) -> None:
    raise jinja2.TemplateError(message)


def _now(wanted: str) -> str:
    return datetime.now().strftime(wanted)


def _limit() -> None:
    """Bounds this process, where the system can; elsewhere only the caller's clock ends it."""
    try:
        import resource
    except ImportError:  # Windows
        return
    for kind, most in ((resource.RLIMIT_CPU, SECONDS), (resource.RLIMIT_AS, MEMORY)):
        _, hard = resource.getrlimit(kind)
        if hard == resource.RLIM_INFINITY or hard > most:
            resource.setrlimit(kind, (most, hard))


def main() -> None:
    """Standard input: {"template": .., "variables": [..]}. Output: a list of {"text"} or {"problem"}."""
    asked = json.load(sys.stdin.buffer)
    _limit()
    answers: list[dict[str, str]] = []
    for variables in asked["variables"]:
        try:
            answers.append({"text": render(asked["template"], variables)})
        except Exception as error:  # a template is a program and may raise anything
            answers.append({"problem": (str(error) or type(error).__name__)[:1000]})
    sys.stdout.buffer.write(json.dumps(answers).encode("ascii"))


if __name__ == "__main__":
    main()
