"""workbench compare A B, workbench merge OUT A B .., workbench export DIR --to PATH"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace, _SubParsersAction


def add(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Their parsers."""
    compare = commands.add_parser("compare", help="two run folders of one analysis: what differs")
    compare.add_argument("first", metavar="A")
    compare.add_argument("second", metavar="B")
    compare.add_argument("--measure", help="the column to compare; change_percent or correct if not given")
    compare.add_argument("--csv", metavar="FILE", help="write the whole table of differences")
    compare.set_defaults(act=_compare)
    merge = commands.add_parser("merge", help="parts of a run, measured apart, as one run")
    merge.add_argument("out", metavar="OUT", help="a new folder")
    merge.add_argument(
        "folders", metavar="DIR", nargs="+", help="two or more run folders; they stay as they are"
    )
    merge.set_defaults(act=_merge)
    export = commands.add_parser("export", help="a run's table as csv, parquet or a data set of the hub")
    export.add_argument("folder", metavar="DIR")
    export.add_argument(
        "--to", required=True, metavar="PATH", help="FILE.csv, FILE.parquet, or a new folder for load_dataset"
    )
    export.set_defaults(act=_export)


def _compare(chosen: Namespace) -> int:
    from workbench.analyses.comparison import compare_runs
    from workbench.cli.places import here
    from workbench.recipe import console, say

    with here(chosen.first, chosen.second) as (first, second):
        found = compare_runs(first, second, measure=chosen.measure)
    console().print(found)
    if chosen.csv is not None:
        say(f"Written: {found.to_csv(chosen.csv)}")
    return 0


def _merge(chosen: Namespace) -> int:
    from workbench.cli.places import here
    from workbench.recipe import say
    from workbench.runs.merging import merge_runs

    with here(*chosen.folders) as folders:
        found = merge_runs(chosen.out, folders)
    more = "" if found.done == found.samples else "; the run's command goes on with the others"
    say(f"Written: {found.folder}, {found.done} of {found.samples} samples{more}")
    return 0


def _export(chosen: Namespace) -> int:
    from workbench.cli.places import here
    from workbench.recipe import say
    from workbench.runs.exports import export_run

    with here(chosen.folder) as (folder,):
        say(f"Written: {export_run(folder, chosen.to)}")
    return 0
