"""Which part of the work this process has, as clusters say in its environment: torchrun, Slurm, Open MPI.

As lmms-eval does, rank r of W takes every W-th piece.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from workbench.errors import RunError

_STARTERS = (
    ("torchrun", "RANK", "WORLD_SIZE", "LOCAL_RANK"),
    # Not SLURM_NTASKS: a batch script has that too, and is one process.
    ("srun", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID"),
    ("mpirun", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"),
)


class Share(NamedTuple):
    """This process among those that one command started."""

    rank: int
    of: int
    local: int
    """Its number on its machine, which is that of its GPU."""

    def __str__(self) -> str:
        return f"rank {self.rank} of {self.of}"


def share_of(environment: Mapping[str, str] | None = None) -> Share | None:
    """The share of this process; None where it is alone.

    Raises RunError where the environment contradicts itself.
    """
    given = os.environ if environment is None else environment
    for starter, rank, of, local in _STARTERS:
        if rank not in given or of not in given:
            continue
        try:
            found = Share(int(given[rank]), int(given[of]), int(given.get(local, "0")))
        except ValueError:
            found = Share(-1, 0, 0)
        if not 0 <= found.rank < found.of or found.local < 0:
            raise RunError(
                f"The environment says that this is process {rank}={given[rank]!r} of {of}={given[of]!r}, as "
                f"{starter} sets them, and that cannot be. Unset them, or start it by {starter}."
            )
        return found if found.of > 1 else None
    return None
