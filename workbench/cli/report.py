"""workbench report DIR"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace, _SubParsersAction


def add(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Its parser."""
    report = commands.add_parser("report", help="write the report of a run folder again: one HTML page")
    report.add_argument("folder", metavar="DIR", help="the folder that was given as --out")
    report.set_defaults(act=_report)


def _report(chosen: Namespace) -> int:
    from workbench.cli.places import here
    from workbench.pages.report import write_report
    from workbench.recipe.output import say

    with here(chosen.folder, written=True) as (folder,):
        say(write_report(folder))
    return 0
