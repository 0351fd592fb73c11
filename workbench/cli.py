"""The command line: the same things by hand.

workbench run RECIPE --model M --data D --out DIR
workbench convert SRC DST
workbench report DIR
workbench models check MODEL ..
workbench list models|data|recipes|flows|measures
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import workbench
from workbench.errors import RunError, WorkbenchError, printable

if TYPE_CHECKING:
    from workbench.models import Family

FAILED = 2
"""Exit status of a request that cannot be met, as that of a wrong option."""
STOPPED = 130
"""Exit status after Ctrl-C."""


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
    if words[0] == "run":
        return _run_recipe(words[1:])
    chosen = parser.parse_args(words)
    if chosen.command == "convert":
        return _convert(chosen.source, chosen.destination, allow_pickle=chosen.allow_pickle)
    if chosen.command == "report":
        return _report(chosen.folder)
    if chosen.command == "models":
        return _check_models(chosen.models, device=chosen.device, dtype=chosen.dtype)
    return _list(chosen.what)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="workbench",
        description="Find where information flows in a Video-LLM.",
        epilog="--debug, anywhere, shows where an error came from.",
    )
    parser.add_argument("--version", action="version", version=f"workbench {workbench.__version__}")
    commands = parser.add_subparsers(
        dest="command", metavar="run | convert | report | models | list", required=True
    )
    commands.add_parser("run", help="run a recipe; goes on with a run that was stopped", add_help=False)
    convert = commands.add_parser(
        "convert",
        help="write an authors' checkpoint as a folder that --model takes; goes on where it stopped",
    )
    convert.add_argument("source", metavar="SRC", help="its folder, or a hub id")
    convert.add_argument("destination", metavar="DST", help="a folder of its own, which is made")
    convert.add_argument(
        "--allow-pickle",
        action="store_true",
        help="open pickled weights, which a safetensors file never needs; only from authors that you trust",
    )
    report = commands.add_parser("report", help="write the report of a run folder again: one HTML page")
    report.add_argument("folder", metavar="DIR", help="the folder that was given as --out")
    models = commands.add_parser(
        "models", help="models check MODEL ..: what each model stands, check by check"
    )
    models.add_argument("what", choices=["check"], metavar="check")
    models.add_argument(
        "models", nargs="+", metavar="MODEL", help="mini/video-ft, a folder, a hub id, a family"
    )
    models.add_argument("--device", help="cuda, cuda:1 or cpu; a GPU where there is one if not given")
    models.add_argument("--dtype", help="bfloat16 on a GPU and float32 on a CPU if not given")
    listing = commands.add_parser("list", help=f"what there is: {', '.join(_LISTS)}")
    listing.add_argument("what", choices=list(_LISTS), metavar="|".join(_LISTS))
    return parser


def _run_recipe(words: list[str]) -> int:
    from workbench.recipe import find_recipe, recipe_names

    if not words or words[0] in ("-h", "--help"):
        print("usage: workbench run RECIPE --model M --data D --out DIR [--limit N] [more options]\n")
        print("RECIPE is one of these, or a file of your own (./my_recipe.py):\n")
        _list_recipes()
        print("\nworkbench run RECIPE --help shows a recipe's options.")
        return 0 if words else FAILED
    if words[0].startswith("-"):
        known = ", ".join(recipe_names())
        raise RunError(f"The recipe comes first: workbench run RECIPE {words[0]} ... Recipes: {known}.")
    import tyro

    from workbench.runs.manifest import made_by

    recipe = find_recipe(words[0])
    made = tyro.cli(recipe, args=words[1:], prog=f"workbench run {words[0]}")
    with made_by(["workbench", "run", *words]):
        made.run()
    return 0


def _convert(source: str, destination: str, *, allow_pickle: bool) -> int:
    from workbench.models.checkpoints.conversion import convert
    from workbench.recipe.output import say

    say(convert(source, destination, allow_pickle=allow_pickle))
    return 0


def _report(folder: str) -> int:
    from workbench.pages.report import write_report
    from workbench.recipe.output import say

    say(write_report(folder))
    return 0


def _check_models(names: Sequence[str], *, device: str | None, dtype: str | None) -> int:
    from workbench.analyses.conformance import conformance
    from workbench.models import FAMILIES

    held: dict[str, dict[str, str]] = {}
    for name in names:
        if name in FAMILIES:
            _print_family(FAMILIES[name])
            continue
        table = conformance(workbench.load(name, device=device, dtype=dtype))
        rows = [
            (row["model"], row["check"], "yes" if row["holds"] else "NO", printable(row["remark"]))
            for row in table.to_dict("records")
        ]
        _print_table(("model", "check", "holds", "remark"), rows)
        held[name] = {row[1]: row[2] for row in rows}
    if len(held) > 1:
        checks = list(next(iter(held.values())))
        _print_table(("check", *held), [(one, *(found[one] for found in held.values())) for one in checks])
    return FAILED if any("NO" in found.values() for found in held.values()) else 0


def _print_family(family: Family) -> None:
    """What a family says of itself; its checks need one of its models."""
    facts = (
        ("class of transformers", family.model_class),
        ("checkpoints", family.models),
        ("separators by default", family.default_separators),
        ("layers without attention", ", ".join(family.recurrent) or "none"),
        ("setting of a paper", family.paper_setting or "by the checkpoint, where there is one"),
        ("to check a model", "workbench models check FOLDER, or a hub id"),
    )
    _print_table((family.model_type, ""), facts)


def _list(what: str) -> int:
    _LISTS[what]()
    return 0


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    from workbench.recipe import console

    table = Table(box=None, pad_edge=False, show_header=True)
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console().print(table)


def _list_models() -> None:
    from workbench.mini import checkpoints
    from workbench.models import FAMILIES

    known = {"video-ft": "tuned on video", "image": "the same before it saw video"}
    rows = [
        (
            f"mini/{name}",
            "LlavaNextVideoForConditionalGeneration",
            f"in the project: {known.get(name, 'its own model')}",
        )
        for name in checkpoints()
    ]
    rows += [
        (family.models, family.model_class, "from the hub, or a local folder") for family in FAMILIES.values()
    ]
    _print_table(("model", "architecture", "where from"), rows)


def _list_data() -> None:
    from workbench.data import DATASETS

    rows = [
        (f"{entry.name}:/path/to/it" if entry.needs_root else entry.name, entry.description)
        for entry in DATASETS.values()
    ]
    _print_table(("data", "what it is"), [*rows, ("/path/to/folder", "Your own, in TVBench's format")])


def _list_recipes() -> None:
    from workbench.recipe import find_recipe, recipe_names

    rows = []
    for name in recipe_names():
        words = (find_recipe(name).__doc__ or "").strip()
        rows.append((name, words.partition("\n")[0]))
    _print_table(("recipe", "what it finds"), rows)


def _list_flows() -> None:
    from workbench.interventions import NAMED_FLOWS

    _print_table(
        ("flow", "what is cut", "paper"), [(flow.text, flow.description, flow.paper) for flow in NAMED_FLOWS]
    )
    print("\nAny two spans make a flow: 'frame[0] -> question', 'video -> last @ heads 0,3'.")


def _list_measures() -> None:
    from workbench.measures import MEASURES

    rows = [
        (measure.name, column, meaning)
        for measure in MEASURES.values()
        for column, meaning in measure.columns.items()
    ]
    _print_table(("measure", "column", "what it holds"), rows)


_LISTS: dict[str, Callable[[], None]] = {
    "models": _list_models,
    "data": _list_data,
    "recipes": _list_recipes,
    "flows": _list_flows,
    "measures": _list_measures,
}
