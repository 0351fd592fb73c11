"""A rank that has measured its share waits here for what the others measure."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from workbench.data import Sample
from workbench.errors import RunError
from workbench.ranks import Share
from workbench.runs.record import Record
from workbench.runs.store import Store

LOOK = 0.1
"""Seconds between two looks at the folder."""
PATIENCE = 300.0
"""Seconds that a rank may be away before it counts as lost: loading a large model takes minutes."""


def others(store: Store, share: Share, samples: Sequence[Sample]) -> list[Record | None]:
    """All records, as soon as they are there.

    Raises RunError where a rank whose share is not done is not at work any more.
    """
    found = store.stored()
    missing = [position for position, record in enumerate(found) if record is None]
    if share.rank == 0:
        print(f"Waiting for {len(missing)} samples of the other ranks ..", file=sys.stderr, flush=True)
    last_change = time.monotonic()
    while missing:
        # Before the look at the records: those of a rank are there before it lets go.
        absent = store.absent()
        # One file a look while nothing is new: folders may be large, and far away.
        while missing and (record := store.get(missing[0])) is not None:
            found[missing.pop(0)] = record
            last_change = time.monotonic()
        if missing and absent and time.monotonic() - last_change > PATIENCE:
            ranks = ", ".join(map(str, absent))
            raise RunError(
                f"{len(missing)} samples are missing, and of the {share.of} ranks {ranks} are not at work. "
                "What is measured is kept: start the same command again, and it goes on."
            )
        if missing:
            time.sleep(LOOK)
    return found
