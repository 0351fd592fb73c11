"""Data sets of the Hugging Face hub: fetched when that is asked for, never else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from workbench.errors import SampleError, WriteError, near_matches, shown
from workbench.files import write_error, write_whole

RECORD = ".fetched.json"
"""In the folder of a fetched data set: its id on the hub, and the revision as the hash of a commit."""
_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
_COMMIT = re.compile(r"[0-9a-f]{40}")


class Fetched(NamedTuple):
    """What was fetched, and where it is."""

    folder: Path
    id: str
    revision: str
    """The hash of the commit: a branch moves on."""


def fetch(
    name: str,
    folder: str | Path,
    *,
    revision: str | None = None,
    patterns: Sequence[str] | None = None,
) -> Fetched:
    """Download a data set of the hub into a folder; a call that was stopped goes on.

    Args:
        name: a data set of `wb.samples`, or OWNER/NAME on the hub.
        revision: a branch, tag or commit; the newest if not given. What it was then is written beside.
        patterns: only files like these ("*.parquet").

    Raises SampleError where there is no such data set, the hub cannot be reached or refuses, or the folder
    holds another revision; WriteError.
    """
    import json

    from huggingface_hub import HfApi, snapshot_download

    from workbench.data.registry import DATASETS

    entry = DATASETS.get(name.strip().lower())
    id = name.strip() if entry is None else entry.hub
    if id is None or not _ID.fullmatch(id):
        known = [one for one, data in DATASETS.items() if data.hub]
        raise SampleError(
            f"{shown(name)} is no data set of the hub: give one of {', '.join(known)}, or OWNER/NAME"
            f".{near_matches(name, known)}"
        )
    revision = revision or (entry.revision if entry else None)
    target = Path(folder).expanduser().absolute()
    commit = revision if revision and _COMMIT.fullmatch(revision) else None
    try:
        commit = commit or HfApi().dataset_info(id, revision=revision).sha
        assert commit is not None
        _refuse_other(target, id, commit)
        snapshot_download(
            id,
            repo_type="dataset",
            revision=commit,
            local_dir=target,
            allow_patterns=None if patterns is None else list(patterns),
        )
    except WriteError:
        raise
    except Exception as error:
        # Its client for the network is another one from version to version, and so are its errors.
        if isinstance(error, OSError) and type(error) in (OSError, PermissionError, FileExistsError):
            raise write_error(target, error) from error
        raise SampleError(_refused(id, revision, error)) from error
    write_whole(target / RECORD, json.dumps({"id": id, "revision": commit}) + "\n")
    return Fetched(target, id, commit)


def _refuse_other(target: Path, id: str, commit: str) -> None:
    """Raise WriteError where the folder holds another data set, or another revision of it."""
    found = record_of(target)
    if found is not None and found != (id, commit):
        raise WriteError(
            f"{target} holds {found[0]} at revision {found[1][:12]}, and {id} at {commit[:12]} is asked for. "
            "Choose another folder, or ask for that revision."
        )


def record_of(folder: Path) -> tuple[str, str] | None:
    """Id and commit of what a folder was fetched from; None where it was not fetched by this library."""
    from workbench.foreign import read_json

    file = folder / RECORD
    if not file.is_file():
        return None
    found = read_json(file, error=SampleError, most_bytes=2**16)
    if not isinstance(found, dict):
        return None
    id, commit = found.get("id"), found.get("revision")
    return (id, commit) if isinstance(id, str) and isinstance(commit, str) else None


def _refused(id: str, revision: str | None, error: Exception) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    what = f"{id}{f' at {revision}' if revision else ''}"
    if status in (401, 403):
        return (
            f"The hub does not give out {what}: ask for access on its page, log in with 'hf auth login', and "
            "run the same command again."
        )
    if status == 404:
        return f"The hub has no data set {what}: check the name and the revision."
    return (
        f"{what} could not be fetched ({type(error).__name__}: {str(error)[:200]}). Check the network, and "
        "run the same command again: it goes on. Or download it elsewhere and name its folder."
    )
