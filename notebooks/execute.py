"""Execute notebooks from a fresh kernel and store them: `python notebooks/execute.py notebooks/*.ipynb`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import nbclient
import nbformat

WIDGET = "application/vnd.jupyter.widget-view+json"


def execute(path: Path, folder: Path) -> Any:
    """The notebook at `path`, executed in `folder`, without progress bars: they change every time."""
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(
        notebook, timeout=600, record_timing=False, resources={"metadata": {"path": str(folder)}}
    ).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if WIDGET not in output.get("data", {})]
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return notebook


def main() -> None:
    for path in map(Path, sys.argv[1:]):
        print(f"{path} ...", flush=True)
        start = time.monotonic()
        nbformat.write(execute(path, path.parent), path)
        print(f"{path}: {time.monotonic() - start:.0f} s, {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
