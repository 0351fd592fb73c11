"""What every command has: its parser, its errors, what Ctrl-C and a closed pipe do.

A command is a module here with `add(commands)`, which adds its parser and says by `set_defaults(act=..)` what
does it, and a line in COMMANDS.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import workbench
from workbench.cli import conversion, data, doctor, folders, listing, methods, models, recipes, report
from workbench.cli.status import FAILED, STOPPED
from workbench.errors import RunError, WorkbenchError, printable


class Command(Protocol):
    """A module that is a command."""

    def add(self, commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
        """Add its parser, with `act`, which takes what was parsed and gives the exit status."""
        ...


COMMANDS: tuple[Command, ...] = (recipes, data, conversion, report, folders, models, methods, listing, doctor)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give back its exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    try:
        _refuse_orders(words)
        with _printable_warnings():
            return _run(words)
    except WorkbenchError as error:
        if debug:
            raise
        _complain(error)
        return FAILED
    except KeyboardInterrupt:
        if debug:
            raise
        print("\nStopped. The same command goes on from here.", file=sys.stderr)
        return STOPPED
    except BrokenPipeError:
        # The reader (head, less) has gone. Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _complain(error: WorkbenchError) -> None:
    from rich.console import Console
    from rich.text import Text

    message = Text.assemble((f"{type(error).__name__}: ", "bold red"), (str(error), "red"))
    for note in getattr(error, "__notes__", ()):
        message.append(f"\n{printable(note)}", "red")
    Console(stderr=True, soft_wrap=True).print(message, highlight=False)


def _refuse_orders(words: Sequence[str]) -> None:
    """Raise RunError for a word with characters that a terminal obeys: parsers print what they refuse."""
    for word in words:
        if printable(word) != word:
            raise RunError(f"{word!r} holds characters that a terminal would obey. Rename it.")


@contextmanager
def _printable_warnings() -> Iterator[None]:
    """Names in warnings are data, too."""
    usual = warnings.formatwarning
    warnings.formatwarning = lambda *told, **more: printable(usual(*told, **more))
    try:
        yield
    finally:
        warnings.formatwarning = usual


def _run(words: list[str]) -> int:
    parser = _parser()
    if not words:
        parser.print_help()
        return FAILED
    # A recipe has options of its own, which another parser reads.
    if words[0] == recipes.NAME:
        return recipes.run(words[1:])
    chosen = parser.parse_args(words)
    return chosen.act(chosen)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="workbench",
        description="Find where information flows in a Video-LLM.",
        epilog="--debug, anywhere, shows where an error came from.",
    )
    parser.add_argument("--version", action="version", version=f"workbench {workbench.__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    for command in COMMANDS:
        command.add(commands)
    commands.metavar = " | ".join(commands.choices)
    return parser
