"""workbench bench-methods [--method NAME ..] --out DIR"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace, _SubParsersAction
from pathlib import Path


def add(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Its parser."""
    methods = commands.add_parser(
        "bench-methods",
        help="score methods blind on planted models, of which is known what carries the answer",
    )
    methods.add_argument(
        "--method", nargs="+", metavar="NAME", help="methods of the workbench; all of them if not given"
    )
    methods.add_argument(
        "--method-file",
        metavar="FILE",
        help="a file of Python with methods of your own (METHODS = {'name': function}); it is run",
    )
    methods.add_argument("--model", nargs="+", metavar="NAME", help="planted models; all if not given")
    methods.add_argument("--out", required=True, metavar="DIR", help="a folder for tables, page and picture")
    methods.set_defaults(act=_bench)


def _bench(chosen: Namespace) -> int:
    from workbench.analyses.methods import bench_methods, method_file
    from workbench.analyses.methods.registry import as_methods
    from workbench.cli.places import here
    from workbench.pages import Part, write_figure
    from workbench.recipe import console, say
    from workbench.recipe.output import frame_shown

    methods = as_methods(chosen.method)
    if chosen.method_file is not None:
        methods |= method_file(chosen.method_file)
    with here(chosen.out, written=True) as (out,):
        found = bench_methods(methods, models=chosen.model, out=out)
        console().print(frame_shown(found.summary, "Methods on planted models"))
        told = "\n".join(f"{name}: {story}" for name, story in found.stories.items())
        below = [Part("By method, and what each misses", found), Part("The models", told)]
        if max(found.table["true_edges"]):
            stem = Path(out) / "methods"
            for path in write_figure(found.figure(), stem, "Methods on planted models", below):
                say(path)
    return 0
