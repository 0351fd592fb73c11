"""The facts are what the model answers: planted models, whose path is known, through the one loop."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import workbench as wb
from workbench.analyses.use_of_time import PRIOR, STATIC, USES_TIME, TimeUse
from workbench.data import Sample
from workbench.errors import RunError
from workbench.models import VideoLLM
from workbench.planted import CONSTANT, IDS, OPTIONS, Reader, direct, planted_model
from workbench.planted.checkpoint import PIXELS
from workbench.planted.vocabulary import QUESTION
from workbench.planted.wiring import AFTER, ANSWER, LAST, SEEN_A, SEEN_B, reader

ORDERED = (
    # Green rows note that red was there before them; the last row says A where they do.
    reader(1, 1, SEEN_B, SEEN_A, SEEN_A, AFTER[0]),
    reader(3, 0, LAST, SEEN_B, AFTER[0], ANSWER),
)


def sample_of(folder: Path, name: str, colours: Sequence[int | None], answer: str = "A") -> Sample:
    """A clip of these colours: 0 red, 1 green, None black."""
    pictures = folder / name
    pictures.mkdir()
    for number, colour in enumerate(colours):
        frame = np.zeros((PIXELS, PIXELS, 3), np.uint8)
        if colour is not None:
            frame[..., colour] = 255
        Image.fromarray(frame).save(pictures / f"{number}.png")
    return Sample(
        id=f"planted/{name}", task="planted", video=pictures, question=QUESTION, options=OPTIONS,
        answer="AB".index(answer),
    )  # fmt: skip


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    folder = tmp_path_factory.mktemp("clips")
    rising = [sample_of(folder, f"red first {n}", (None, 0, 1, None)) for n in range(2)]
    falling = [sample_of(folder, f"green first {n}", (None, 1, 0, None), "B") for n in range(2)]
    return [*rising, *falling, sample_of(folder, "green", (1, None, None, None), "B")]


def said_b_at_rest(readers: Sequence[Reader]) -> VideoLLM:
    """The planted model, which answers B where nothing tells A."""
    model = planted_model(readers)
    head: Any = model.hf.get_output_embeddings()
    head.weight.data[IDS["B"], CONSTANT] = 1e-3
    return model


def asked(model: VideoLLM, samples: Sequence[Sample], **more: object) -> TimeUse:
    told: dict[str, object] = {"frames": 4, "others": 3, "progress": False, **more}
    return wb.use_of_time(model, samples, **told)  # pyright: ignore[reportArgumentType]


def test_an_order_that_is_read_is_found(clips: list[Sample], tmp_path: Path) -> None:
    model = said_b_at_rest(ORDERED)
    found = asked(model, clips, out=tmp_path)
    verdicts = found.verdicts.set_index("sample_id")
    assert verdicts.loc["planted/red first 0", "verdict"] == USES_TIME
    facts = found.certificate("planted/red first 0").facts.set_index("fact")
    assert facts.loc["frames reversed", "letter"] == "B"
    assert not facts.loc["frames apart", "kept"], "red is read by green rows"
    assert facts.loc["no video", "letter"] == "B"
    again = asked(model, clips, out=tmp_path)
    assert again.table.equals(found.table), "a run that is done is read, not measured"
    assert repr(found).startswith("TimeUse(5 samples: ")
    assert "frames reversed: B" in repr(found.certificate("planted/red first 0"))
    with pytest.raises(RunError, match="Did you mean"):
        found.certificate("planted/red frist 0")


def test_a_model_that_reads_nothing_has_a_prior(clips: list[Sample]) -> None:
    found = asked(said_b_at_rest(()), clips)
    assert set(found.verdicts["verdict"]) == {PRIOR}
    assert set(found.tasks["task_verdict"]) == {PRIOR}
    assert "language prior" in found._repr_html_()


def test_a_red_frame_is_a_static_shortcut(tmp_path: Path) -> None:
    red = [sample_of(tmp_path, f"red {n}", (0, None, None, None)) for n in range(2)]
    green = [sample_of(tmp_path, f"green {n}", (1, None, None, None), "B") for n in range(2)]
    found = asked(said_b_at_rest(direct(3)), [*red, *green]).verdicts.set_index("sample_id")
    assert found.loc["planted/red 0", "verdict"] == STATIC
    assert "frame 1 alone" in str(found.loc["planted/red 0", "because"])


def test_what_cannot_be_asked_is_refused_or_skipped(clips: list[Sample]) -> None:
    model = said_b_at_rest(())
    with pytest.raises(RunError, match="others=4"):
        asked(model, clips, others=5)
    with pytest.raises(RunError, match="shuffles=0"):
        asked(model, clips, shuffles=0)
    with pytest.raises(RunError, match="fewer than 4"):
        asked(model, clips, frames=3)
