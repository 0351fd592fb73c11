"""Every command and every line of code that README, docs and notebooks tell a person to type is run here.

Code cells of notebooks are executed by tests/notebooks. A line that nothing here knows how to run is a fault:
add a way to `WAYS`, or take it out of the text. Models from a hub are replaced by the embedded one; names in
capitals stand for what a person has, and are filled in.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import tyro
import yaml

import workbench as wb
from tests import ROOT
from tests.data.benchmarks import BENCHMARKS
from tests.tiny.originals import write_pllava
from workbench.cli import main
from workbench.cli.main import _parser
from workbench.recipe import find_recipe, recipe_names

PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "benchmarks/README.md",
    *sorted(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")),
]
NOTEBOOKS = sorted(f"notebooks/{page.name}" for page in (ROOT / "notebooks").glob("*.ipynb"))
EMBEDDED = "mini/video-ft"
TYPED = re.compile(
    r"(make|workbench|pip|python|conda|wb\.\w|\.venv/|\.ci/|--\w)[ \w(]|(from|import|with) |[\w.]+\(.*\)$"
)
NOT_TYPED = re.compile(
    r"attached\(\)|wb\.name|change_percent = .*|\(p_knockout.*"  # formulas, and names of functions in prose
    r"|\w+\(\.\..*"  # what matters of a call, the rest left out
    r"|with model\.trace\(prompt\):.*"  # the notebooks have it whole
)


class Line(NamedTuple):
    """What a person may type, and where it stands."""

    page: str
    text: str
    block: str = ""
    """The language of the block that this is; "" for a line."""


def text_of(page: str) -> str:
    content = (ROOT / page).read_text("utf-8")
    if not page.endswith(".ipynb"):
        return content
    cells = json.loads(content)["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def written() -> Iterator[Line]:
    for page in [*PAGES, *NOTEBOOKS]:
        text = text_of(page)
        for language, body in re.findall(r"^```(\w*)\n(.*?)^```", text, re.S | re.M):
            if language == "python":
                yield Line(page, body, "python")
                continue
            for line in body.splitlines():
                command = re.split(r"\s+#\s", line)[0].strip()
                if command:
                    yield Line(page, command)
        for found in re.findall(
            r"(?<!`)`([^`\n]+)`(?!`)", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
        ):
            if TYPED.match(found) and not NOT_TYPED.fullmatch(found):
                yield Line(page, found)


LINES = sorted(set(written()))


class Place(NamedTuple):
    """Where lines are run."""

    folder: Path
    names: dict[str, Any]
    """What code may speak of."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a reader's: TVBench beside it, a clip, a model, and runs that were made before."""
    folder = tmp_path_factory.mktemp("a reader's")
    clips = wb.samples("mini", tasks=["moving_direction"], limit=2)
    for task in ("moving_direction", "scene_transition"):
        (folder / "TVBench" / "video" / task).mkdir(parents=True)
        (folder / "TVBench" / "json").mkdir(exist_ok=True)
        entries = []
        for number, sample in enumerate(clips):
            path = Path(sample.video)
            shutil.copy(path, folder / "TVBench" / "video" / task / f"{number}{path.suffix}")
            entries.append(
                {
                    "video": f"{number}{path.suffix}",
                    "question": sample.question,
                    "candidates": list(sample.options),
                    "answer": sample.options[sample.answer or 0],
                }
            )
        (folder / "TVBench" / "json" / f"{task}.json").write_text(json.dumps(entries))
    shutil.copy(clips[0].video, folder / "clip.mp4")
    table = BENCHMARKS["table.csv"]()
    table.file = "questions.csv"
    table.write(folder)
    shutil.copy(ROOT / "notebooks" / NOTEBOOKS[0].split("/")[1], folder / "NAME.ipynb")
    recipe = (ROOT / "recipes" / "cross_frame_halves.py").read_text("utf-8")
    (folder / "my_recipe.py").write_text(recipe)
    (folder / "json").symlink_to(folder / "TVBench" / "json")
    return folder


def filled_in(command: str) -> str:
    """A command with the embedded model for those of a hub, and for what a person has."""
    words = {
        r"llava-hf/[\w.-]+|\bMODEL\b|(?<=--model )A\b": EMBEDDED,
        r"\bOTHER\b": "mini/image",
        r"\bFOLDER\b(?= )": "TVBench",
        r"--out FOLDER": "--out runs/any",
        r"\bcuda\b": "cpu",
        r"/path/to/folder": "TVBench",
        r"root=\.\.\.": 'root="TVBench"',
    }
    for pattern, word in words.items():
        command = re.sub(pattern, word, command)
    return command


def run_command(text: str) -> None:
    """On two clips of a task, however many the line asks for; on four where half of them train something."""
    words = shlex.split(filled_in(text))[1:]
    recipe = words[1] if words[0] == "run" else ""
    clips = {"lens_comparison": "4", "attribution_audit": "1"}.get(recipe, "2")
    if words[0] == "run":
        # The image model answers some questions of this task, and none of the others' first ones.
        tasks = {
            "findings": ["action_sequence"],
            "twin_patching": ["moving_direction", "moving_direction_reversed"],
        }.get(words[1], ["moving_direction"])
        if "--limit" in words:
            words[words.index("--limit") + 1] = clips
        else:
            words += ["--limit", clips]
        words += [] if "--tasks" in words else ["--tasks", *tasks]
    assert main(words) == 0, text


def run_data(text: str) -> None:
    """The folder of a benchmark is a tiny one in its format: fewer questions than published are a fault."""
    words = shlex.split(filled_in(text))[1:]
    if words[1] == "fetch":  # nothing is downloaded here
        assert _parser().parse_args(words).act
        return
    name, _, folder = words[2].partition(":")
    if words[1] == "unpack":
        Path(words[2]).mkdir(exist_ok=True)
        assert main(words) == 0, text
    elif folder:
        _written_benchmark(name, Path(folder))
        assert main(words) == 1, text
    else:
        assert main(words) == 0, text


def run_benchmark_of_data(text: str) -> None:
    """The embedded model knows no answer of another benchmark: its options are read, and it is asked."""
    words = shlex.split(filled_in(text))[2:]
    recipe: Any = tyro.cli(find_recipe(words[0]), args=words[1:])
    name, _, folder = recipe.data.partition(":")
    _written_benchmark(name, Path(folder))
    model, samples = wb.load(recipe.model, device="cpu"), wb.samples(name, root=folder)
    assert model.encode(samples[0], **recipe.prompting).layout


def _written_benchmark(name: str, folder: Path) -> None:
    made = BENCHMARKS[re.sub("_(subtitles|open)$", "", name)]()
    if not folder.exists():
        made.write(folder)


def run_on_folders(text: str) -> None:
    """Folders of runs: the ones that are named hold one sample of the embedded model each."""
    words = shlex.split(text)[1:]
    model, samples = wb.load(EMBEDDED, device="cpu"), wb.samples("mini/moving_direction", limit=2)
    for part, name in zip((samples[:1], samples[1:], samples), ("a", "b", "both"), strict=True):
        if not Path("runs", name).exists():
            wb.sweep(model, part, ["video -> last"], "all_layers", out=f"runs/{name}", progress=False)
    words = [word.replace("runs/b", "runs/both") for word in words] if words[0] == "compare" else words
    for made in (Path("runs/all"), Path("runs/a_data_set")):
        if str(made) in words:
            shutil.rmtree(made, ignore_errors=True)
    assert main(words) == 0, text


def run_bench_methods(text: str) -> None:
    """On one model, by the method that is done first."""
    Path("mine.py").write_text("METHODS = {'zero': lambda model, samples, candidates: [0] * len(candidates)}")
    words = shlex.split(text)[1:]
    assert main([*words, "--method", "attention", "--model", "direct"]) == 0, text


def run_convert(text: str) -> None:
    """The checkpoint is a tiny one in the format of Map the Flow's."""
    _, _, _, destination, *options = shlex.split(text)
    write_pllava(Path("original"))
    assert main(["convert", "original", destination, *options]) == 0, text


def run_converted(text: str) -> None:
    """A recipe on what `run_convert` makes."""
    words = shlex.split(text)
    run_convert(f"workbench convert original {words[words.index('--model') + 1]}")
    assert main([*words[1:], "--limit", "2", "--tasks", "moving_direction"]) == 0, text


def run_recipe_line(text: str) -> None:
    """`NAME` stands for every recipe. Each is run by tests/recipes; here its options are read."""
    for name in recipe_names():
        words = shlex.split(text.replace("NAME", name).replace("FOLDER", "runs/any"))
        tyro.cli(find_recipe(name), args=words[3:])


def run_elided(text: str) -> None:
    """`workbench run answer_probability ...`: the options are those that the line before has."""
    run_command(text.replace("...", f"--model {EMBEDDED} --data mini --out runs/elided"))


def run_options(text: str) -> None:
    """Options beside a recipe's name: one recipe takes them all."""
    words, common = shlex.split(text), ["--model", EMBEDDED, "--out", "runs/any"]
    taken = [name for name in recipe_names() if set(words[::2]) <= options_of(name)]
    assert taken, f"no recipe takes {text}"
    if len(words) > 1:
        tyro.cli(find_recipe(taken[0]), args=[*common, *words])


def run_pip_option(text: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--help"], capture_output=True, text=True, check=True
    )
    assert text.split()[0] in done.stdout


def options_of(recipe: str) -> set[str]:
    import dataclasses

    return {f"--{field.name.replace('_', '-')}" for field in dataclasses.fields(find_recipe(recipe))}


def run_several_models(text: str) -> None:
    """A, B and C are three models of a person's, and the project has two: the options are read."""
    _, _, recipe, *words = shlex.split(text)
    tyro.cli(find_recipe(recipe), args=words)


def run_search(text: str) -> None:
    """A search takes minutes: tests/recipes runs it on a planted model, and here its options are read."""
    _, _, recipe, *words = shlex.split(text)
    tyro.cli(find_recipe(recipe), args=words)


def run_make(text: str) -> None:
    target = shlex.split(text)[1]
    done = subprocess.run(
        ["make", "-n", *shlex.split(text)[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert re.search(rf"^{target}:.*## ", (ROOT / "Makefile").read_text("utf-8"), re.M), (
        f"make help lacks {target}"
    )


def run_pip(text: str) -> None:
    """What pip is given is there; `make setup`, which ran before this, is that command."""
    words = shlex.split(text)
    assert words[:4] == ["pip", "install", "-c", "constraints.txt"]
    assert (ROOT / words[3]).is_file()
    assert words[4:] == ["-e", "."]
    assert "install -c constraints.txt -e '$(1)'" in re.sub(
        r"--disable-pip-version-check \$\(PIP_FLAGS\) ", "", (ROOT / "Makefile").read_text("utf-8")
    )


def run_conda(text: str) -> None:
    """The file is what conda takes; test_project.py compares it with pyproject.toml."""
    assert shlex.split(text)[:4] == ["conda", "env", "create", "-f"]
    assert yaml.safe_load((ROOT / shlex.split(text)[4]).read_text("utf-8"))["dependencies"]


def run_benchmark(text: str) -> None:
    """Its options are read; tests/benchmarks runs each at a tiny size."""
    _, _, module, *words = shlex.split(text)
    spec = importlib.util.find_spec(module)
    assert spec is not None, module
    settings = (
        None
        if spec.submodule_search_locations
        else getattr(importlib.import_module(module), "Settings", None)
    )
    if settings is not None:
        tyro.cli(settings, args=words)
        return
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert all(word in done.stdout for word in words if word.startswith("--"))


def run_tool(text: str) -> None:
    """A tool of the project's environment that takes these words: asked with --help."""
    tool = text.split()[0].rpartition("/")[2]
    words = [word for word in text.split()[1:2] if not word.startswith("-")]
    if not (ROOT / text.split()[0]).exists() and shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    path = ROOT / text.split()[0]
    done = subprocess.run(
        [path if path.exists() else tool, *words, "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for option in re.findall(r"--\w+", text):
        assert option in done.stdout


def run_script(text: str) -> None:
    """It is what guards every change; running it here would run this again. Its shell can be read."""
    subprocess.run(["bash", "-n", ROOT / text], check=True)


WAYS: list[tuple[str, Callable[[str], None]]] = [
    (r"\.ci/\w+", run_script),
    (r"make .*", run_make),
    (r"pip install .*", run_pip),
    (r"conda .*", run_conda),
    (r"python -m benchmarks\..*", run_benchmark),
    (r"\.venv/bin/.*", run_tool),
    (r"workbench run NAME .*", run_recipe_line),
    (r"workbench run \w+ \.\.\.", run_elided),
    (r"workbench run effective_pathways --model A .*", run_several_models),
    (r"workbench run smallest_pathway .*", run_search),
    (r"workbench data .*", run_data),
    (
        r"workbench run .*--data (videomme|tomato|egoschema|longvideobench|vinoground|mvp)\w*:.*",
        run_benchmark_of_data,
    ),
    (r"workbench (compare|merge|export|list runs) .*", run_on_folders),
    (r"workbench bench-methods .*", run_bench_methods),
    (r"workbench convert .*", run_convert),
    (r"workbench run \w+ --model models/.*", run_converted),
    (r"workbench .*", run_command),
    (r"--extra-[\w-]+ .*", run_pip_option),
    (r"--.*", run_options),
]


@pytest.fixture
def at(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(made)
    monkeypatch.setattr("workbench.pages.drawing._draw", lambda fig, **size: bool(fig.data) and b"\x89PNG")
    return made


def test_there_is_something_to_run() -> None:
    pages = {line.page for line in LINES}
    assert {"README.md", "CONTRIBUTING.md", "benchmarks/README.md", "docs/map_the_flow.md"} < pages
    assert len(pages & set(NOTEBOOKS)) == len(NOTEBOOKS)


def test_no_two_runs_are_sent_into_one_folder() -> None:
    """A reader may type all of them, in any order."""
    sent: dict[str, set[str]] = {}
    for line in LINES:
        if found := re.fullmatch(r"(workbench run .*) --out (\S+)(.*)", filled_in(line.text)):
            sent.setdefault(found[2], set()).add(" ".join((found[1] + found[3]).split()))
    sent.pop("runs/any", None)
    assert {folder: runs for folder, runs in sent.items() if len(runs) > 1} == {}
    assert len(sent) > 5


@pytest.mark.parametrize(
    "line", [line for line in LINES if not line.block], ids=lambda line: f"{line.page}: {line.text}"
)
def test_a_line_does_what_the_page_says(line: Line, at: Path, request: pytest.FixtureRequest) -> None:
    for pattern, way in WAYS:
        if re.fullmatch(pattern, line.text):
            way(line.text)
            return
    names = request.getfixturevalue("names")
    code = filled_in(line.text)
    if re.match(r"from |import ", code):
        exec(code, {})
    elif re.fullmatch(r"\w+=.*", code):  # an argument
        eval(code.partition("=")[2], dict(names))
    else:
        assert eval(code, dict(names)) is not None, code


@pytest.mark.parametrize("block", [line for line in LINES if line.block], ids=lambda line: line.page)
def test_a_block_of_code_runs(block: Line, at: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plotly.graph_objects.Figure.show", lambda figure: None)
    exec(filled_in(block.text), {})


@pytest.fixture(scope="module")
def names(made: Path) -> dict[str, Any]:
    """What the pages call things by."""
    from workbench.analyses.lens.keywords import KeywordList, keyword_lists
    from workbench.interventions import MTF_FLOWS

    model, samples = wb.load(EMBEDDED, device="cpu"), wb.samples("mini", limit=1)
    sample = samples[0]
    prompt = model.encode(sample)
    run = wb.sweep(model, samples[:1], MTF_FLOWS, wb.centred(3), out=made / "runs" / "demo", progress=False)
    return {
        "wb": wb, "model": model, "samples": samples[:1], "sample": sample, "prompt": prompt, "run": run,
        "lens": wb.logit_lens(model, prompt), "figure": run.figure, "layout": prompt.layout,
        "KeywordList": KeywordList, "keyword_lists": keyword_lists, "find_recipe": find_recipe,
        "open_ended": samples[:1].open_ended,
        **{name: getattr(wb, name) for name in ("centred", "trailing", "after", "layers")},
    }  # fmt: skip
