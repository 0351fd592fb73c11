"""Where results go: one JSON file a run, with the command that made it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.models import VideoLLM
from workbench.runs.manifest import provenance

RESULTS = Path(__file__).parent / "results"


def save(folder: Path, name: str, result: Mapping[str, Any], model: VideoLLM) -> Path:
    """Write `result` with its provenance into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps({**result, **provenance(model), "command": command()}, indent=1) + "\n")
    return path


def command() -> str:
    """What was asked for, but where the results went."""
    words = ["python", "-m", f"benchmarks.{Path(sys.argv[0]).stem}"]
    rest = iter(sys.argv[1:])
    for word in rest:
        if word == "--out":
            next(rest, None)
        else:
            words.append(word)
    return " ".join(words)
