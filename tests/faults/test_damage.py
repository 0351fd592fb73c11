"""Whatever is flipped, cut, swapped, copied or deleted in a run's folder: no wrong number, nothing raw.

Each piece of damage is done to a copy of a whole folder, which is then loaded, and gone on with. Both either
give exactly the right tables, or end in an error of ours that names the folder.
"""

from __future__ import annotations

import json
import random
import shutil
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pandas.testing import assert_frame_equal

from tests.analyses.stand_in import StandInEngine, StandInModel, questions
from workbench.analyses.pathways.ranges import pathways
from workbench.analyses.sweep.effects import sweep
from workbench.errors import WorkbenchError
from workbench.interventions.depth import scaled_bin
from workbench.pages.report.stages import find_stages
from workbench.runs import Damaged, Run, load_run

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1200)]

SAMPLES = 5
FLOWS = ["frames -> later frames", "video -> question"]
Damage = Callable[[Path, random.Random], object]


def run(out: Path | None = None, *, flows: list[str] = FLOWS, name: str = "stand-in") -> Run:
    model: Any = StandInModel()
    model.name = name
    samples = questions(*[0] * SAMPLES, broken=(1,))
    found = sweep(model, samples, flows, "centred(3)", engine=StandInEngine(), out=out, progress=False)
    if out is not None:
        pathways(found, bin=scaled_bin(4)).to_csv(out / "pathways.csv")
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "run"
    run(out)
    return out


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of another model, of the same size: its files fit in every place."""
    out = tmp_path_factory.mktemp("other") / "run"
    run(out, name="another")
    return out


def damaged(whole: Path, folder: Path, damage: Damage, drawn: random.Random) -> Path:
    out = folder / "run"
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(whole, out)
    damage(out, drawn)
    return out


def outcome(act: Callable[[], Any], right: Run) -> str:
    """What came of it: "right", "right, and told", or "refused". A partial run must say that it is one."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            found = act()
        except WorkbenchError:
            return "refused"
    if found.finished:
        assert_frame_equal(found.table, right.table, check_exact=True)
        drop = ["seconds"]
        assert_frame_equal(found.samples.drop(columns=drop), right.samples.drop(columns=drop))
        assert_frame_equal(found.skipped, right.skipped)
    else:
        rows = set(right.table.itertuples(index=False, name=None))
        mine = list(found.table.itertuples(index=False, name=None))
        assert rows.issuperset(mine)
        assert len(set(mine)) == len(mine)
    named = any(issubclass(one.category, Damaged) for one in told)
    return ("right" if found.finished else "a part") + (", and told" if named else "")


def attack(
    whole: Path, folder: Path, damages: list[Damage], capsys: pytest.CaptureFixture[str], seed: int
) -> Counter[str]:
    """Do each to a copy; load it, report its pathways, go on with it; count what came of it."""
    drawn, right, counts = random.Random(seed), run(), Counter[str]()
    overall = find_stages(right.table, whole)
    assert overall is not None
    for damage in damages:
        out = damaged(whole, folder, damage, drawn)
        counts[f"load: {outcome(lambda out=out: load_run(out), right)}"] += 1
        try:
            stages = find_stages(right.table, out)
            assert stages is not None
            shown = overall.overall.loc[:, list(stages.overall.columns)]
            assert_frame_equal(stages.overall, shown, atol=1e-4, check_dtype=False)
            counts["pathways: right"] += 1
        except WorkbenchError:
            counts["pathways: refused"] += 1
        counts[f"resume: {outcome(lambda out=out: run(out), right)}"] += 1
    with capsys.disabled():
        print(f"\n{len(damages)} damages:", dict(sorted(counts.items())))
    return counts


def flip(pattern: str) -> Damage:
    def one_bit(out: Path, drawn: random.Random) -> None:
        path = drawn.choice(sorted(out.glob(pattern)))
        content = bytearray(path.read_bytes())
        bit = drawn.randrange(len(content) * 8)
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)

    return one_bit


def cut(pattern: str) -> Damage:
    def shorter(out: Path, drawn: random.Random) -> None:
        path = drawn.choice(sorted(out.glob(pattern)))
        content = path.read_bytes()
        path.write_bytes(content[: drawn.randrange(len(content))])

    return shorter


def delete(pattern: str) -> Damage:
    def gone(out: Path, drawn: random.Random) -> None:
        drawn.choice(sorted(out.glob(pattern))).unlink()

    return gone


def swap(pattern: str) -> Damage:
    def swapped(out: Path, drawn: random.Random) -> None:
        one, two = drawn.sample(sorted(out.glob(pattern)), 2)
        content = one.read_bytes()
        one.write_bytes(two.read_bytes())
        two.write_bytes(content)

    return swapped


def copy(pattern: str) -> Damage:
    def copied(out: Path, drawn: random.Random) -> None:
        one, two = drawn.sample(sorted(out.glob(pattern)), 2)
        two.write_bytes(one.read_bytes())

    return copied


def whole_shard(swapping: bool) -> Damage:
    """Both files of a sample take the place of another's."""

    def moved(out: Path, drawn: random.Random) -> None:
        one, two = drawn.sample(range(SAMPLES), 2)
        for name in ("sample-{:05d}.json", "effects-{:05d}.parquet"):
            here, there = (out / "shards" / name.format(position) for position in (one, two))
            content = here.read_bytes(), there.read_bytes()
            there.write_bytes(content[0])
            if swapping:
                here.write_bytes(content[1])

    return moved


def folder_instead(pattern: str) -> Damage:
    def replaced(out: Path, drawn: random.Random) -> None:
        path = drawn.choice(sorted(out.glob(pattern)))
        path.unlink()
        path.mkdir()

    return replaced


SHARD_FILES = ("shards/*.json", "shards/*.parquet")
FINALS = ("effects.parquet", "samples.parquet", "skipped.csv", "pathways.csv", "SHA256SUMS")


def test_parts_of_a_run_that_are_flipped_cut_swapped_copied_or_gone(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    each: list[Damage] = [
        *(do(files) for do in (flip, cut, delete, swap, copy, folder_instead) for files in SHARD_FILES),
        whole_shard(swapping=True),
        whole_shard(swapping=False),
    ]
    flips = [flip(files) for files in SHARD_FILES] * 20

    def unfinished(damage: Damage) -> Damage:
        """Without final tables, so that the parts are all there is."""

        def done(out: Path, drawn: random.Random) -> None:
            for name in FINALS:
                (out / name).unlink()
            manifest = json.loads((out / "manifest.json").read_text("utf-8"))
            (out / "manifest.json").write_text(json.dumps({**manifest, "finished": None}))
            damage(out, drawn)

        return done

    damages = [*each, *flips]
    damages += [unfinished(damage) for damage in damages]
    assert len(damages) >= 102
    counts = attack(whole, tmp_path, damages, capsys, seed=1)
    assert counts["resume: refused"] == 4, "what is damaged is measured again, but a folder is not removed"
    assert counts["resume: right, and told"] > len(damages) / 2


def test_final_tables_that_are_flipped_cut_or_gone(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damages = [do(name) for name in FINALS for do in [flip] * 12 + [cut] * 5 + [delete, folder_instead]]
    assert len(damages) >= 90
    counts = attack(whole, tmp_path, damages, capsys, seed=2)
    assert counts["resume: refused"] == len(FINALS), "a folder in a file's place is not removed"
    assert counts["load: refused"] == 0, "the samples' own files are there"
    assert counts["pathways: refused"] >= 15, "a damaged pathways.csv is never drawn"


def test_saved_runs_without_parts_are_right_or_refused(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "saved"
    found = load_run(whole)
    found.save(saved)
    right, drawn, counts = run(), random.Random(3), Counter[str]()
    names = ("effects.parquet", "samples.parquet", "skipped.csv", "SHA256SUMS")
    for damage in [do(name) for name in names for do in [flip] * 15 + [cut] * 5 + [delete]]:
        out = damaged(saved, tmp_path, damage, drawn)
        counts[outcome(lambda out=out: load_run(out), right)] += 1
    with capsys.disabled():
        print("\nsaved runs:", dict(counts))
    assert set(counts) <= {"right", "refused"}
    assert counts["refused"] > 60


def edit(key: str, value: Any) -> Damage:
    def edited(out: Path, drawn: random.Random) -> None:
        manifest = json.loads((out / "manifest.json").read_text("utf-8"))
        where = manifest["settings"] if key in manifest["settings"] else manifest
        where[key] = value
        (out / "manifest.json").write_text(json.dumps(manifest))

    return edited


def test_manifests_that_are_edited_flipped_or_of_another_run(
    whole: Path, other: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def of_other(out: Path, drawn: random.Random) -> None:
        shutil.copy(other / "manifest.json", out / "manifest.json")

    keys = ("model", "seed", "flows", "samples", "data_sha256", "kind", "format", "settings", "resumed")
    edits = [edit(key, value) for key in keys for value in (None, 7, "x", [], {})]
    damages = [*edits, of_other, *[flip("manifest.json")] * 30, *[cut("manifest.json")] * 10]
    damages += [folder_instead("manifest.json")]
    attack(whole, tmp_path, damages, capsys, seed=4)


def test_without_its_manifest_a_folder_never_gives_another_models_numbers(
    whole: Path, other: Path, tmp_path: Path
) -> None:
    out = damaged(other, tmp_path, delete("manifest.json"), random.Random(5))
    with pytest.raises(WorkbenchError, match="made with other settings than those asked for"):
        run(out)
    out = damaged(whole, tmp_path, delete("manifest.json"), random.Random(5))
    with pytest.raises(WorkbenchError, match="other settings"):
        run(out, flows=FLOWS[:1])
    with pytest.raises(WorkbenchError, match="holds no run"):
        load_run(out)
    with pytest.warns(Damaged, match="had lost its manifest"):
        assert_frame_equal(run(out).table, run().table, check_exact=True)


def test_every_file_of_another_run_in_turn(
    whole: Path, other: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [path.relative_to(other) for path in sorted(other.rglob("*")) if path.is_file()]

    def put(name: Path) -> Damage:
        return lambda out, drawn: shutil.copy(other / name, out / name)

    damages = [put(name) for name in names if name.name not in (".lock", "manifest.json")]
    counts = attack(whole, tmp_path, damages, capsys, seed=6)
    assert counts["resume: refused"] == 0
