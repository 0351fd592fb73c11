"""The folder of a run: one sample at a time, so that a killed run goes on where it stopped.

    manifest.json              settings, versions, device
    shards/                    each sample's record: see `shards`
    TABLE.parquet, samples.parquet, skipped.csv     written when the last sample is done
    SHA256SUMS                 what they were when they were written

TABLE is the name of the measurement's table, "effects" for a sweep. What is damaged, or of another run, is
named and measured again.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from workbench.checksums import MANIFEST, SUMS, sums
from workbench.data import Sample
from workbench.errors import RunError
from workbench.files import left_over, write_whole, writing
from workbench.ranks import Share
from workbench.runs.clips import identify
from workbench.runs.finals import Tables, names_of, write_tables
from workbench.runs.manifest import is_legacy, now, read_manifest, settings_sum
from workbench.runs.record import Record
from workbench.runs.settings import check_same
from workbench.runs.shards import (
    SHARDS,
    Missing,
    Shard,
    Unusable,
    positions,
    read_shard,
    runs_of,
    sample_path,
    to_json,
    write_shard,
)
from workbench.runs.writers import Writers

_SHOWN = 4  # files or clips in a message


class Damaged(UserWarning):
    """Something in a run's folder is not what was written there, and is made again."""


class FolderStore:
    """A store in a run folder, held by one process at a time.

    Raises RunError where the folder holds a run with other settings or other clips, another process is
    writing to it, or it cannot be written.
    """

    def __init__(
        self,
        path: Path,
        manifest: dict[str, Any],
        table: str,
        schema: pa.Schema,
        *,
        keeps_samples: bool,
        samples: Sequence[Sample] = (),
        share: Share | None = None,
    ) -> None:
        """`table`, `schema` and `keeps_samples` as in Measurement. With a `share`, other ranks write to the
        folder too, each the records of its own samples."""
        self.path = Path(path)
        self.manifest = manifest
        self._table, self._schema, self._keeps_samples = table, schema, keeps_samples
        self._samples = samples
        self._finals = names_of(table, keeps_samples=keeps_samples)
        self._noted = False
        self._run = ""
        with writing(self.path):
            if os.path.exists(self.path) and not self.path.is_dir():
                raise RunError(
                    f"{self.path} is a file; out= must name a folder, which is made where it does not exist."
                )
            (self.path / SHARDS).mkdir(parents=True, exist_ok=True)
        for name in (SHARDS, ".lock"):
            if (self.path / name).is_symlink():
                raise RunError(
                    f"{self.path / name} is a link to somewhere else, and a run writes to its own folder "
                    "only. Put the folder itself there, or choose another one (out=)."
                )
        self._share = share
        self._writers = Writers(self.path, share)

    def __enter__(self) -> FolderStore:
        self._writers.enter()
        try:
            with self._writers.alone():
                self._open()
        except BaseException:
            self._writers.leave()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self._writers.leave()

    def _open(self) -> None:
        if (self.path / MANIFEST).exists():
            asked, self.manifest = self.manifest, read_manifest(self.path / MANIFEST)
            check_same(self.path, self.manifest, asked, legacy=is_legacy(self.manifest))
            self._resumed = {
                "time": asked["created"],
                **{key: asked[key] for key in ("command", "versions", "platform", "device_name")},
            }
        else:
            self._refuse_others()
            self._write_manifest()
            self._noted = True
        self._run = settings_sum(self.manifest)
        if self._share is not None:
            return  # what looks left over may be what another rank writes now
        with writing(self.path):
            for unfinished in self._left_over():
                unfinished.unlink()

    def _refuse_others(self) -> None:
        """Raise RunError where, without a manifest, there are results that need not be of this run."""
        there = [name for name in self._finals if os.path.lexists(self.path / name)]
        stored = positions(self.path)
        mine, found = settings_sum(self.manifest), set(runs_of(self.path))
        if mine in found and found <= {mine, None}:
            warnings.warn(
                f"{self.path} had lost its {MANIFEST}. Its samples say that they were measured with the "
                "settings that are asked for now, so the run goes on; when it began is not known any more.",
                Damaged,
                stacklevel=2,
            )
        elif there or stored:
            what = f"the records of {len(stored)} samples" if stored else ", ".join(there)
            whose = "with other settings than those asked for" if found - {None} else "with unknown settings"
            raise RunError(
                f"{self.path} holds {what}, made {whose}, and no {MANIFEST}. Restore that file, or choose "
                "another folder (out=)."
            )

    def _left_over(self) -> list[Path]:
        """Files whose writing was cut short, of this run only."""
        # What is listed too: a table that is made of the run is listed before it is written.
        own = {Path(name).stem[:40] for name in (MANIFEST, SUMS, *self._finals, *sums(self.path))}
        shard = re.compile(rf"(?:sample|{re.escape(self._table[:30])})-\d{{5,9}}")
        found = [(path, own.__contains__) for path in left_over(self.path)]
        found += [(path, shard.fullmatch) for path in left_over(self.path / SHARDS)]
        return [path for path, is_mine in found if is_mine(path.name[1:].rpartition("-")[0])]

    def write(self, tables: Tables) -> None:
        """Write the final tables. Raises WriteError."""
        write_tables(self.path, self._table, tables, keeps_samples=self._keeps_samples)

    def _write_manifest(self) -> None:
        write_whole(self.path / MANIFEST, to_json(self.manifest))

    def stored(self) -> list[Record | None]:
        """What is there already, in the order of the samples.

        What does not count is named by a warning (Damaged). Raises RunError where a clip is another one than
        when its sample was measured.
        """
        found: list[Record | None] = []
        faults, replaced = [], []
        for position, sample in enumerate(self._samples):
            try:
                shard = self._read(position)
                found.append(shard.record if self._is_of(shard, sample, replaced) else None)
            except Missing:
                found.append(None)
            except Unusable as reason:
                faults.append(f"{sample_path(self.path, position).name} ({reason})")
                found.append(None)
        if replaced:
            raise RunError(
                f"{len(replaced)} clips are not those that the run in {self.path} was made of: "
                f"{_some(replaced)}. Put them back, or choose another folder (out=)."
            )
        if faults:
            warnings.warn(
                f"In {self.path}, {len(faults)} of {len(found)} samples are measured again: {_some(faults)}.",
                Damaged,
                stacklevel=2,
            )
        return found

    def _is_of(self, shard: Shard, sample: Sample, replaced: list[str]) -> bool:
        """Whether a record is of this sample and its clip, which is put among `replaced` where it is not."""
        if shard.sample_id not in (None, sample.id):
            raise Unusable(f"it is that of another sample, {shard.sample_id!r}")
        same = shard.clip is None or shard.clip.is_still(sample.video)
        if same:
            return True
        if shard.record.sample is None and not shard.record.rows.num_rows:
            return False  # it was skipped; perhaps the new clip can be used
        why = "" if same is False else f", and nothing is there to compare with {shard.clip.path}"  # type: ignore[union-attr]
        replaced.append(f"{sample.video} (sample {sample.id!r}{why})")
        return True

    def get(self, position: int) -> Record | None:
        """One sample's record; None where there is none that counts."""
        try:
            return self._read(position).record
        except Unusable:
            return None

    def _read(self, position: int) -> Shard:
        return read_shard(
            self.path,
            position,
            self._table,
            self._schema,
            run=self._run,
            legacy=is_legacy(self.manifest),
        )

    def put(self, position: int, record: Record) -> None:
        """Write one sample's record. Raises WriteError."""
        self._note_resume()
        sample = self._samples[position] if self._samples else None
        write_shard(
            self.path,
            position,
            self._table,
            record,
            run=self._run,
            sample_id="" if sample is None else sample.id,
            clip=None if sample is None else identify(sample.video),
        )

    def _note_resume(self) -> None:
        """Put this process on record, at its first call. One that finds everything done adds no numbers."""
        if self._noted:
            return
        self._noted = True
        changed = [
            f"{name} {self.manifest['versions'].get(name)} -> {version}"
            for name, version in self._resumed["versions"].items()
            if self.manifest["versions"].get(name) != version
        ]
        if changed:
            warnings.warn(
                f"The run in {self.path} goes on with other versions than at first: {', '.join(changed)}. "
                "Its numbers may differ a little between samples; the manifest records this.",
                stacklevel=2,
            )
        with self._writers.alone():
            self._again()
            self.manifest["resumed"].append(self._resumed)
            self.manifest["finished"] = None
            self._write_manifest()

    def _again(self) -> None:
        """Read what other ranks have put into the manifest since."""
        if self._share is not None:
            self.manifest = read_manifest(self.path / MANIFEST)

    def finish(self, tables: Tables, more: Mapping[str, Any] | None = None) -> None:
        """Write the final tables, and into the manifest that all is done, when, and `more`; of several
        ranks, the first that comes does."""
        with self._writers.alone():
            self._again()
            if self._share is not None and self.manifest["finished"] is not None:
                return
            self.write(tables)
            if self.manifest["finished"] is None:
                self.manifest |= {"finished": now(), **(more or {})}
                self._write_manifest()

    def absent(self) -> list[int]:
        """Ranks, this one not among them, that are not at work on the folder."""
        return self._writers.absent()


def _some(names: Sequence[str]) -> str:
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
