"""Reads every entry of a folder in a process of its own, and says of each what came of it.

A line of JSON an entry: its name, the outcome, seconds of processor time, the most memory so far in MB.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from workbench.data import load_folder
from workbench.errors import ClipError, SampleError
from workbench.video import read_clip

MEMORY = 6 * 2**30
"""Bytes of address space: a size that a file only claims must not be reserved."""


def outcome(entry: Path) -> str:
    """Frames or samples, or the name of the error."""
    try:
        if (entry / "json").is_dir():
            return "samples" if len(load_folder(entry)) else "nothing"
        return "frames" if len(read_clip(entry, 2)) == 2 else "nothing"
    except (ClipError, SampleError) as error:
        said = str(error)
        return type(error).__name__ if len(said) < 3000 and str(entry) in said else f"unclear: {said[:2000]}"
    except BaseException as error:
        return f"raw: {type(error).__name__}: {error}"


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for entry in sorted(Path(sys.argv[1]).iterdir()):
        begin = time.process_time()
        came = outcome(entry)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        line = {"name": entry.name, "outcome": came, "seconds": time.process_time() - begin, "peak": peak}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
