"""workbench list models|data|recipes|flows|measures|scorings, and list runs DIR .."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Callable

from workbench.cli.printed import print_table
from workbench.cli.recipes import print_recipes
from workbench.cli.status import FAILED
from workbench.errors import RunError

_RUNS = "runs"


def add(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Its parser."""
    listing = commands.add_parser("list", help=f"what there is: {', '.join([*_LISTS, _RUNS])}")
    listing.add_argument("what", choices=[*_LISTS, _RUNS], metavar="|".join([*_LISTS, _RUNS]))
    listing.add_argument(
        "folders", nargs="*", metavar="DIR", help="of runs: where they are, runs/ if not given"
    )
    listing.set_defaults(act=_list)


def _list(chosen: Namespace) -> int:
    if chosen.what == _RUNS:
        return _list_runs(chosen.folders or ["runs"])
    if chosen.folders:
        raise RunError(f"list {chosen.what} takes no folder; only list {_RUNS} does.")
    _LISTS[chosen.what]()
    return 0


def _list_runs(folders: list[str]) -> int:
    from workbench.runs.listing import list_runs

    table = list_runs(folders)
    if not len(table):
        raise RunError(f"There is no run below {', '.join(folders)}.")
    rows = [
        (
            run["folder"],
            run["kind"],
            run["model"],
            run["data"],
            f"{run['done']}/{run['samples']}",
            run["state"],
            run["created"][:16].replace("T", " "),
            run["workbench"],
        )
        for run in table.to_dict("records")
    ]
    print_table(("folder", "analysis", "model", "data", "samples", "state", "begun (UTC)", "version"), rows)
    return FAILED if "" in table["kind"].tolist() else 0


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
    print_table(("model", "architecture", "where from"), rows)


def _list_data() -> None:
    from workbench.data import DATASETS

    rows = [
        (f"{entry.name}:/path/to/it" if entry.needs_root else entry.name, entry.description)
        for entry in DATASETS.values()
    ]
    print_table(
        ("data", "what it is"),
        [
            *rows,
            ("/path/to/folder", "your own, in TVBench's format"),
            ("questions.csv", "your own, one row a question (.csv, .tsv, .jsonl, .json, .parquet)"),
        ],
    )


def _list_flows() -> None:
    from workbench.interventions import NAMED_FLOWS

    print_table(
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
    print_table(("measure", "column", "what it holds"), rows)


def _list_scorings() -> None:
    from workbench.measures import SCORINGS

    print_table(
        ("scoring", "whose rule it is"), [(rule.name, rule.description) for rule in SCORINGS.values()]
    )


_LISTS: dict[str, Callable[[], None]] = {
    "models": _list_models,
    "data": _list_data,
    "recipes": print_recipes,
    "flows": _list_flows,
    "measures": _list_measures,
    "scorings": _list_scorings,
}
