"""Samples: the questions that an analysis goes through, and what was left out of them."""

from __future__ import annotations

import hashlib
import json
import operator
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

from workbench.data.display import samples_html
from workbench.data.options import Answers
from workbench.data.own import read_entries
from workbench.data.sample import Sample, Skipped
from workbench.errors import RunError, SampleError, near_matches, printable, shown
from workbench.spelling import nfc

if TYPE_CHECKING:
    import pandas as pd


class Samples(Sequence[Sample]):
    """Questions in a fixed order, with unique ids. A slice is again `Samples`.

    `samples[3]` one sample, `samples[:10]` ten of them, `samples["object_count/clip_7"]` that with that id.
    Raises SampleError where two samples share an id.
    """

    __slots__ = ("_items", "_name", "_skipped", "_source")

    def __init__(
        self,
        items: Iterable[Sample],
        *,
        name: str,
        source: Path | None = None,
        skipped: Iterable[Skipped] = (),
    ) -> None:
        self._items = tuple(items)
        self._name = name
        self._source = source
        self._skipped = tuple(skipped)
        repeated = [id for id, count in Counter(sample.id for sample in self._items).items() if count > 1]
        if repeated:
            raise SampleError(
                f"sample id {shown(repeated[0])} is used more than once ({len(repeated)} such ids in all): "
                "give every sample an id of its own"
            )

    @classmethod
    def from_list(
        cls,
        entries: Iterable[object],
        *,
        name: str = "own",
        root: str | Path | None = None,
        answers: Answers | None = None,
    ) -> Samples:
        """Your own questions: dicts with `video`, `question` and, where wanted, `options`, `answer`, `start`,
        `end`, `stem`, `open_answer`, `task`, `id`, `group`, `facets` and `subtitles`, a list of (start, end,
        text) in seconds or the path of an srt file.

        `answer` is the text of an option, its letter, or its index from 0; `answers` says which of them all
        are. A bad entry is skipped and listed in `.skipped`. With `root`, clips are looked for in that folder
        only. Raises SampleError for keys that do not exist, for an answer that means two options (3 among
        "2", "3", "4", "5") where `answers` is left out, and where no entry can be used.
        """
        found = read_entries(entries, name=name, root=root, answers=answers)
        return cls(found.samples, name=name, source=found.root, skipped=found.skipped)

    @classmethod
    def from_dataframe(
        cls,
        table: pd.DataFrame,
        *,
        name: str = "own",
        root: str | Path | None = None,
        answers: Answers | None = None,
    ) -> Samples:
        """Your own questions from a table with the columns that `from_list` takes as keys."""
        known = table.astype(object).where(table.notna(), None)
        return cls.from_list(known.to_dict("records"), name=name, root=root, answers=answers)

    def to_dataframe(self) -> pd.DataFrame:
        """One row a sample, with the columns of `from_dataframe`; `answer` is the text of the true option."""
        import pandas as pd

        rows = [
            {
                "id": s.id,
                "task": s.task,
                "video": str(s.video),
                "question": s.question,
                "options": list(s.options),
                "answer": s.true_option,
                "start": s.start,
                "end": s.end,
                "stem": s.stem,
                "open_answer": s.open_answer,
                "group": s.group,
                "facets": dict(s.facets),
                "subtitles": list(s.subtitles),
            }
            for s in self._items
        ]
        return pd.DataFrame(rows)

    @property
    def name(self) -> str:
        """Name of the data set."""
        return self._name

    @property
    def source(self) -> Path | None:
        """The folder that the annotations came from; None for a list without `root`."""
        return self._source

    @property
    def skipped(self) -> list[Skipped]:
        """Annotations of the source that could not be used. A slice or a filter keeps the whole list."""
        return list(self._skipped)

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks, in order of first appearance."""
        return tuple(dict.fromkeys(sample.task for sample in self._items))

    @property
    def fingerprint(self) -> str:
        """sha256 over what the annotations say, in order: the same wherever the folder lies.

        Clips enter with their path inside the folder, not with their pixels.
        """
        digest = hashlib.sha256()
        for s in self._items:
            content = [s.id, s.task, self._inside(s.video), s.question, list(s.options), s.answer]
            content += [s.start, s.end, s.stem, s.open_answer]
            # What samples of the first versions did not have leaves their fingerprints as they were.
            content += [extra for extra in (s.group, s.facets, s.subtitles) if extra]
            digest.update(json.dumps(content, ensure_ascii=True, separators=(",", ":")).encode("ascii"))
            digest.update(b"\n")
        return digest.hexdigest()

    def _inside(self, video: Path) -> str:
        if self._source is not None and video.is_relative_to(self._source):
            return nfc(video.relative_to(self._source).as_posix())
        return nfc(video.name)

    def by_task(self) -> dict[str, Samples]:
        """The samples of each task, with what was skipped there."""
        groups: dict[str, list[Sample]] = {task: [] for task in self.tasks}
        for sample in self._items:
            groups[sample.task].append(sample)
        return {
            task: self._with(items, [entry for entry in self._skipped if entry.id.startswith(f"{task}/")])
            for task, items in groups.items()
        }

    def filter(self, keep: Callable[[Sample], object]) -> Samples:
        """The samples for which `keep(sample)` is true."""
        return self._with([sample for sample in self._items if keep(sample)])

    def open_ended(self) -> Samples:
        """The samples with a stem, as open-ended questions under the same ids; the others join `.skipped`.

        Raises SampleError where no sample has a stem.
        """
        items = [sample.open_ended() for sample in self._items if sample.stem is not None]
        if not items:
            raise SampleError(
                f"none of the {len(self)} samples of {shown(self.name)} has a stem to open the answer with: "
                "add 'stem' and 'open_answer' to the annotations, or use another task"
            )
        without = [
            Skipped(s.id, "it has no stem to open the answer with") for s in self._items if s.stem is None
        ]
        return self._with(items, [*self._skipped, *without])

    def asked(self, question: str, *, stem: str | None = None) -> Samples:
        """The same clips under the same ids with one open-ended question for all: `Sample.asked`."""
        return self._with([sample.asked(question, stem=stem) for sample in self._items])

    def _with(self, items: Iterable[Sample], skipped: Iterable[Skipped] | None = None) -> Samples:
        kept = self._skipped if skipped is None else skipped
        return type(self)(items, name=self._name, source=self._source, skipped=kept)

    @overload
    def __getitem__(self, index: SupportsIndex | str) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> Samples: ...
    def __getitem__(self, index: Any) -> Sample | Samples:
        if isinstance(index, slice):
            return self._with(self._items[index])
        if isinstance(index, str):
            index = nfc(index)
            for sample in self._items:
                if sample.id == index:
                    return sample
            hint = near_matches(index, (sample.id for sample in self._items))
            raise SampleError(f"no sample {shown(index)} among the {len(self)} of {shown(self.name)}.{hint}")
        return self._items[operator.index(index)]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self._items)

    def counts(self) -> dict[str, int]:
        """How many samples each task has."""
        return dict(Counter(sample.task for sample in self._items))

    def __repr__(self) -> str:
        tasks = ", ".join(f"{task} {count}" for task, count in self.counts().items())
        left_out = f"; {len(self._skipped)} skipped, see .skipped" if self._skipped else ""
        said = f"Samples({self._name!r}: {len(self)} samples{': ' * bool(tasks)}{tasks}{left_out})"
        return printable(said)

    def _repr_html_(self) -> str:
        return samples_html(self._name, self.counts(), self._items, self._skipped)


def as_samples(samples: Samples | Sequence[Sample] | Sample) -> Samples:
    """Samples from a list of them, or from a single one. Raises RunError where there is none."""
    if isinstance(samples, Sample):
        samples = [samples]
    found = samples if isinstance(samples, Samples) else Samples(samples, name="own")
    if not len(found):
        raise RunError("There are no samples to go through. Pass wb.samples(...), or a list of Sample.")
    return found
