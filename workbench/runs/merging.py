"""Parts of a run, measured apart, as one run.

Parts with the same settings are copies of one run that went on in different places: together they are that
run, which goes on where something is still missing. Parts that differ in nothing but which samples they are
of become a run of all of these; it is finished, for no command asks for just them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from workbench.checksums import MANIFEST
from workbench.errors import RunError, shown
from workbench.files import whole_folder, write_whole
from workbench.runs.finals import SAMPLES, joined, write_tables
from workbench.runs.manifest import is_legacy, now, settings_sum
from workbench.runs.opened import Opened, open_run
from workbench.runs.settings import differences, hash_of, hash_of_settings
from workbench.runs.shards import SHARDS, Shard, Unusable, positions, read_shard, to_json, write_shard
from workbench.runs.tables import Skip

_SELECTION = ("samples", "sample_ids_sha256", "data_sha256", "merged")
"""Settings that say which samples a run is of."""


class Merged(NamedTuple):
    """What became of parts."""

    folder: Path
    samples: int
    done: int
    """Samples that have a record."""


class _Part(NamedTuple):
    run: Opened
    shards: dict[int, Shard]


def merge_runs(out: Path | str, folders: Iterable[Path | str]) -> Merged:
    """One run of the records of several, in a new folder `out`; the parts stay as they are.

    A record that two parts have must be the same in both. Raises RunError where `out` is there, where parts
    differ in more than their samples, where one's records are damaged, or missing though its samples are not
    the others', and for a sample whose records differ; WriteError where `out` cannot be written.
    """
    out = Path(out)
    if out.exists() or out.is_symlink():
        raise RunError(f"{out} is there already. Merge into a new folder.")
    parts = [_part(Path(folder)) for folder in folders]
    if len(parts) < 2:
        raise RunError("Name two or more run folders to merge.")
    for part in parts[1:]:
        _check_alike(parts[0].run, part.run)
    same = len({settings_sum(part.run.manifest) for part in parts}) == 1
    records = _by_position(parts) if same else _in_order(parts)
    settings = dict(parts[0].run.settings) if same else _settings_of_all(parts, records)
    count = settings["samples"]
    manifest = _manifest(parts, settings, finished=len(records) == count)
    with whole_folder(out) as made:
        _write(made, manifest, parts, records)
    return Merged(out, count, len(records))


def _part(folder: Path) -> _Part:
    """A folder with all its records. Raises RunError for one that holds no run, or damaged records."""
    run = open_run(folder)
    if is_legacy(run.manifest):
        raise RunError(
            f"{folder} was begun by version {run.manifest['versions'].get('workbench', '0.1')}, whose "
            "records do not say which sample they are of, so it cannot be merged. Run it again."
        )
    found = {}
    for position in positions(folder):
        if position >= run.settings["samples"]:
            continue
        try:
            found[position] = read_shard(
                folder, position, run.table, run=settings_sum(run.manifest), legacy=False
            )
        except Unusable as reason:
            raise RunError(
                f"{folder}: the record of sample {position} cannot be used ({reason}). Start its command "
                "again, which measures that anew, then merge."
            ) from None
    return _Part(run, found)


def _check_alike(one: Opened, other: Opened) -> None:
    if (one.kind, one.table) != (other.kind, other.table):
        raise RunError(
            f"{one.folder} holds the results of {one.kind}, and {other.folder} those of {other.kind}: they "
            "cannot become one run."
        )
    before, asked = (
        {key: value for key, value in run.settings.items() if key not in _SELECTION} for run in (one, other)
    )
    lines = differences(before, asked, where=("there", "here"))
    if lines:
        told = "\n".join(f"  {line}" for line in lines)
        raise RunError(
            f"{other.folder} was made with other settings than {one.folder}:\n{told}\n"
            "Only runs that differ in nothing but their samples can be merged."
        )


def _by_position(parts: Sequence[_Part]) -> dict[int, Shard]:
    """Records of copies of one run."""
    found: dict[int, Shard] = {}
    for part in parts:
        for position, shard in part.shards.items():
            _check_equal(found.setdefault(position, shard), shard, parts[0], part)
    return dict(sorted(found.items()))


def _in_order(parts: Sequence[_Part]) -> dict[int, Shard]:
    """Records of runs of other samples, one part's after the other's, each sample once."""
    found: dict[str, Shard] = {}
    for part in parts:
        missing = part.run.settings["samples"] - len(part.shards)
        if missing:
            raise RunError(
                f"{part.run.folder} lacks {missing} of its {part.run.settings['samples']} samples. Start its "
                "command again until it is finished, then merge."
            )
        for _, shard in sorted(part.shards.items()):
            assert shard.sample_id is not None, "every record of this version names its sample"
            _check_equal(found.setdefault(shard.sample_id, shard), shard, parts[0], part)
    return dict(enumerate(found.values()))


def _check_equal(one: Shard, other: Shard, first: _Part, part: _Part) -> None:
    """Raise RunError where two records of a sample differ in more than the time that they took."""

    def content(shard: Shard) -> list[Any]:
        answer = shard.record.sample
        timeless = None if answer is None else answer._replace(seconds=0.0, peak_gb=None)
        return [shard.sample_id, timeless, shard.record.skipped, shard.record.rows.to_pylist()]

    if one is not other and repr(content(one)) != repr(content(other)):
        raise RunError(
            f"Sample {shown(other.sample_id)} has other numbers in {part.run.folder} than in another part "
            f"(beginning with {first.run.folder}). One sample must have one record; leave a part out."
        )


def _settings_of_all(parts: Sequence[_Part], records: dict[int, Shard]) -> dict[str, Any]:
    ids = [str(shard.sample_id) for shard in records.values()]
    return {
        **parts[0].run.settings,
        "samples": len(ids),
        "sample_ids_sha256": hash_of(ids),
        "data_sha256": hash_of([str(part.run.settings["data_sha256"]) for part in parts]),
        "merged": [settings_sum(part.run.manifest) for part in parts],
    }


def _manifest(parts: Sequence[_Part], settings: dict[str, Any], *, finished: bool) -> dict[str, Any]:
    first = parts[0].run.manifest
    return {
        **first,
        "settings": settings,
        "settings_sha256": hash_of_settings(first["kind"], settings),
        "created": min(part.run.manifest["created"] for part in parts),
        "finished": now() if finished else None,
        "merged_from": [
            {
                "folder": str(part.run.folder),
                **{
                    key: part.run.manifest.get(key)
                    for key in ("created", "command", "versions", "device_name")
                },
            }
            for part in parts
        ],
    }


def _write(folder: Path, manifest: dict[str, Any], parts: Sequence[_Part], records: dict[int, Shard]) -> None:
    run, table = settings_sum(manifest), parts[0].run.table
    (folder / SHARDS).mkdir()
    for position, shard in records.items():
        write_shard(
            folder,
            position,
            table,
            shard.record,
            run=run,
            sample_id=shard.sample_id or "",
            clip=shard.clip,
        )
    write_whole(folder / MANIFEST, to_json(manifest))
    if manifest["finished"] is None:
        return
    shards = list(records.values())
    ids = {shard.sample_id for shard in shards}
    # What the data set itself had left out stands in the parts' tables only.
    listed = (row for part in parts for row in part.run.measured.skipped.itertuples(index=False))
    left_out = dict.fromkeys(Skip(*row) for row in listed if row[0] not in ids)
    schema = shards[0].record.rows.schema
    tables = joined([shard.record for shard in shards], schema, left_out=list(left_out))
    keeps = any(shard.record.sample is not None for shard in shards)
    keeps = keeps or any((part.run.folder / SAMPLES).exists() for part in parts)
    write_tables(folder, table, tables, keeps_samples=keeps)
