"""The share of a process, by what each kind of cluster sets."""

from __future__ import annotations

import pytest

from workbench.errors import RunError
from workbench.ranks import Share, share_of

TORCHRUN = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1"}
SRUN = {"SLURM_PROCID": "3", "SLURM_STEP_NUM_TASKS": "4", "SLURM_LOCALID": "0", "SLURM_NTASKS": "4"}


@pytest.mark.parametrize(
    ("environment", "share"),
    [
        ({}, None),
        (TORCHRUN, Share(5, 8, 1)),
        (SRUN, Share(3, 4, 0)),
        (
            {"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_LOCAL_RANK": "0"},
            Share(0, 2, 0),
        ),
        ({**SRUN, **TORCHRUN}, Share(5, 8, 1)),  # torchrun started by srun
        ({"RANK": "0", "WORLD_SIZE": "1"}, None),
        ({"RANK": "1", "WORLD_SIZE": "2"}, Share(1, 2, 0)),
        # A batch script is one process, whatever its job has asked for.
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "4", "SLURM_LOCALID": "0"}, None),
        ({"RANK": "3"}, None),
    ],
)
def test_shares(environment: dict[str, str], share: Share | None) -> None:
    assert share_of(environment) == share


@pytest.mark.parametrize(
    "wrong", [{"RANK": "8"}, {"RANK": "-1"}, {"RANK": "one"}, {"WORLD_SIZE": "0"}, {"LOCAL_RANK": "-2"}]
)
def test_what_cannot_be_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(RunError, match="as torchrun sets them"):
        share_of(TORCHRUN | wrong)


def test_every_wth_piece_is_all_of_them_once() -> None:
    groups = list(range(23))
    parts = [groups[share.rank :: share.of] for share in (Share(rank, 4, 0) for rank in range(4))]
    assert sorted(group for part in parts for group in part) == groups
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
