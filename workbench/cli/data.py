"""workbench data check|unpack|fetch"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace, _SubParsersAction
from typing import TYPE_CHECKING

from workbench.cli.printed import print_table
from workbench.errors import SampleError, printable

if TYPE_CHECKING:
    from workbench.data import Dataset, Samples
    from workbench.data.check import Checked

NAME = "data"
_FAULTS = 1
"""Exit status of `data check` where the folder was checked and is not whole."""
_SHOWN = 20


def add(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Its parser."""
    data = commands.add_parser(NAME, help="data check | unpack | fetch: the folder of a benchmark")
    what = data.add_subparsers(dest="what", required=True, metavar="check | unpack | fetch")
    check = what.add_parser(
        "check", help="counts, missing and unreadable clips; status 1 where it is not whole"
    )
    check.add_argument("data", metavar="DATA", help="as --data: tvbench:/path, a folder, or questions.csv")
    check.add_argument("--no-open", action="store_true", help="only look whether clips are there: faster")
    check.add_argument("--out", metavar="DIR", help="write tasks.csv and faults.csv there")
    check.set_defaults(act=_check)
    unpack = what.add_parser("unpack", help="unpack every archive of a folder where it lies; goes on")
    unpack.add_argument("folder", metavar="DIR")
    unpack.set_defaults(act=_unpack)
    fetch = what.add_parser(
        "fetch", help="download a data set of the Hugging Face hub into a folder; goes on"
    )
    fetch.add_argument("data", metavar="NAME", help="tvbench, .., or OWNER/NAME on the hub")
    fetch.add_argument("folder", metavar="DIR")
    fetch.add_argument("--revision", help="a branch, tag or commit; the newest if not given")
    fetch.add_argument("--only", nargs="+", metavar="PATTERN", help="only files like '*.parquet'")
    fetch.set_defaults(act=_fetch)


def _check(chosen: Namespace) -> int:
    from pathlib import Path

    from workbench.data.check import check
    from workbench.files import write_whole
    from workbench.recipe.output import say

    samples, dataset = _loaded(chosen.data)
    found = check(samples, dataset, open_clips=not chosen.no_open)
    _print(found, len(samples), dataset)
    if chosen.out:
        for name, table in (("tasks.csv", found.tasks), ("faults.csv", found.faults)):
            say(write_whole(Path(chosen.out) / name, table.to_csv(index=False, lineterminator="\n")))
    return 0 if found.clean else _FAULTS


def _loaded(data: str) -> tuple[Samples, Dataset | None]:
    """All samples that --data names, whatever is missing, and what is known of the data set."""
    import warnings

    import workbench as wb
    from workbench.data import DATASETS
    from workbench.recipe.sources import data_source

    name, root = data_source(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # tasks without clips are in the table
        samples = wb.samples(name, root=root, strict=False)
    return samples, DATASETS.get(name.partition("/")[0].lower())


def _print(found: Checked, count: int, dataset: Dataset | None) -> None:
    columns = ["task", "questions", "published", "clips", "missing", "unreadable", "unusable", "no answer"]
    if found.opened:
        columns += ["seconds (min, median, max)"]
    rows = []
    for row in found.tasks.to_dict("records"):
        published = row["published"] if isinstance(row["published"], int) else ""  # nobody says
        cells = [row["task"], row["questions"], published, row["clips"], row["missing"]]
        cells += [row["unreadable"] if found.opened else "?", row["unusable"], row["without_answer"]]
        if found.opened:
            known = row["seconds_max"] == row["seconds_max"]  # not NaN
            lengths = (row["seconds_min"], row["seconds_median"], row["seconds_max"])
            cells.append(", ".join(f"{one:.1f}" for one in lengths) if known else "")
        rows.append(tuple(printable(str(cell)) for cell in cells))
    print_table(columns, rows)
    total = f" of {dataset.total:,} published" if dataset is not None and dataset.total else ""
    opened = "each opened" if found.opened else "not opened"
    if dataset is not None and dataset.style:
        frames = f" --frames '{dataset.frames}'" if dataset.frames else ""
        print(f"\nAs its authors ask: --style {dataset.style}{frames}", end="")
    print(f"\n{count:,} usable questions{total}; clips {opened}. {len(found.faults)} faults.")
    for fault in found.faults.head(_SHOWN).to_dict("records"):
        print(printable(f"  {fault['kind']}: {fault['id']} {fault['reason']}"))
    if len(found.faults) > _SHOWN:
        print(f"  and {len(found.faults) - _SHOWN} more; --out DIR writes all of them")


def _unpack(chosen: Namespace) -> int:
    from pathlib import Path

    from workbench.data.archives import archives, unpack

    folder = Path(chosen.folder).expanduser()
    if not folder.is_dir():
        raise SampleError(f"{chosen.folder} is no folder: give the folder that holds the archives")
    done = unpack(folder)
    there = len(archives(folder)) - len(done)
    print(f"{len(done)} archives unpacked in {printable(folder)}; {there} were unpacked already.")
    return 0


def _fetch(chosen: Namespace) -> int:
    from workbench.data.hub import fetch

    found = fetch(chosen.data, chosen.folder, revision=chosen.revision, patterns=chosen.only)
    print(f"{found.id} at revision {found.revision} is in {printable(found.folder)}.")
    return 0
