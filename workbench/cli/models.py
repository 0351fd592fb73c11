"""workbench models check MODEL .."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace, _SubParsersAction
from typing import TYPE_CHECKING

import workbench
from workbench.cli.printed import print_table
from workbench.cli.status import FAILED
from workbench.errors import printable

if TYPE_CHECKING:
    from workbench.models import Family


def add(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Its parser."""
    models = commands.add_parser(
        "models", help="models check MODEL ..: what each model stands, check by check"
    )
    models.add_argument("what", choices=["check"], metavar="check")
    models.add_argument(
        "models", nargs="+", metavar="MODEL", help="mini/video-ft, a folder, a hub id, a family"
    )
    models.add_argument("--device", help="cuda, cuda:1 or cpu; a GPU where there is one if not given")
    models.add_argument("--dtype", help="bfloat16 on a GPU and float32 on a CPU if not given")
    models.set_defaults(act=_check)


def _check(chosen: Namespace) -> int:
    from workbench.analyses.conformance import conformance
    from workbench.models import FAMILIES

    held: dict[str, dict[str, str]] = {}
    for name in chosen.models:
        if name in FAMILIES:
            _print_family(FAMILIES[name])
            continue
        table = conformance(workbench.load(name, device=chosen.device, dtype=chosen.dtype))
        rows = [
            (row["model"], row["check"], "yes" if row["holds"] else "NO", printable(row["remark"]))
            for row in table.to_dict("records")
        ]
        print_table(("model", "check", "holds", "remark"), rows)
        held[name] = {row[1]: row[2] for row in rows}
    if len(held) > 1:
        checks = list(next(iter(held.values())))
        print_table(("check", *held), [(one, *(found[one] for found in held.values())) for one in checks])
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
    print_table((family.model_type, ""), facts)
