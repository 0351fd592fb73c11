"""workbench convert SRC DST"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace, _SubParsersAction


def add(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Its parser."""
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
    convert.set_defaults(act=_convert)


def _convert(chosen: Namespace) -> int:
    from workbench.models.checkpoints.conversion import convert
    from workbench.recipe.output import say

    say(convert(chosen.source, chosen.destination, allow_pickle=chosen.allow_pickle))
    return 0
