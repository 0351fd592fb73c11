"""What a lens is: a way to read words off residual streams, one layer at a time.

Layers count from 1, as everywhere; 0 is what enters the first block, before the decoder did anything.

Axes: r row, d model, w word that the lens knows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from workbench.analyses.lens.keywords import KeywordList, KeywordMatch, match_keywords
from workbench.analyses.lens.unembedding import ROW_CHUNK, Reading, read_residual
from workbench.engine.vocabulary import VOCAB_CHUNK
from workbench.errors import ModelError, RunError, not_finite
from workbench.runs.settings import model_settings
from workbench.shapes import Float, shaped

if TYPE_CHECKING:
    from workbench.models import VideoLLM

_SAME = ("weights_sha256", "config_sha256", "tokenizer_sha256", "adapter_sha256", "load_in")
"""Settings of a model by which a lens knows it. Its dtype and device may be others."""


class Lens(ABC):
    """A way to read words off residual streams. It numbers its words itself: `words_said` says which."""

    name: str
    """What figures and tables call it."""
    score: ClassVar[str]
    """What it ranks words by, and the column of it: "p" is a probability, "cosine" a similarity."""

    @property
    @abstractmethod
    def settings(self) -> Mapping[str, Any]:
        """All that decides what it reads, besides the model."""

    @abstractmethod
    def read(
        self,
        model: VideoLLM,
        residual: Float[Tensor, "r d"],
        layer: int,
        *,
        top_k: int = 1,
        groups: Sequence[Sequence[int]] = (),
        row_chunk: int = ROW_CHUNK,
        vocab_chunk: int = VOCAB_CHUNK,
    ) -> Reading:
        """The best words of residual streams after `layer`, and the scores of `groups` of words.

        What a Reading calls p is the lens' own score.
        """

    def check(self, model: VideoLLM) -> None:
        """Raise ModelError where the lens was made for another model."""
        return None

    def match(
        self, model: VideoLLM, lists: KeywordList | str | Iterable[KeywordList | str]
    ) -> list[KeywordMatch]:
        """Which of the lens' words say which keyword; none (no ids) where it does not know the keyword."""
        return match_keywords(model, lists)

    def words_said(self, model: VideoLLM, numbers: Iterable[int]) -> dict[int, str]:
        """The text of each of these words."""
        return {number: model.token_text(number) for number in numbers}


@dataclass(frozen=True, kw_only=True)
class Unembedding(Lens):
    """The logit lens: final norm and unembedding, as after the last layer (nostalgebraist, 2020)."""

    name = "logit lens"
    score: ClassVar[str] = "p"

    final_norm: bool = True
    """False leaves the norm out before the last layer."""

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"final_norm": self.final_norm}

    def read(
        self,
        model: VideoLLM,
        residual: Float[Tensor, "r d"],
        layer: int,
        *,
        top_k: int = 1,
        groups: Sequence[Sequence[int]] = (),
        row_chunk: int = ROW_CHUNK,
        vocab_chunk: int = VOCAB_CHUNK,
    ) -> Reading:
        tiled = {"row_chunk": row_chunk, "vocab_chunk": vocab_chunk}
        norm = self.final_norm or layer == model.n_layers
        return read_residual(model, residual, top_k=top_k, groups=groups, norm=norm, **tiled)


@shaped
def read_scores(
    scores: Float[Tensor, "r w"], *, top_k: int, groups: Sequence[Sequence[int]], what: str
) -> Reading:
    """A reading of scores of all words of a lens that knows few. A group has that of its best word.

    Of equal scores the first word is ahead. Raises RunError for more words than there are, ModelError for
    scores that are not finite.
    """
    words = scores.shape[1]
    if isinstance(top_k, bool) or not 1 <= top_k <= words:
        raise RunError(f"top_k={top_k!r}: this lens knows {words} words. Give a number from 1 to {words}.")
    if not bool(torch.isfinite(scores).all()):
        raise not_finite(what, scores.dtype)
    top, order = scores.sort(dim=1, descending=True, stable=True)
    ids = [id for group in groups for id in group]
    own = scores[:, ids]
    best = [part.amax(1) for part in own.split([len(group) for group in groups], 1)] if groups else []
    ranks = [(scores > value[:, None]).sum(1) + 1 for value in best]
    none = scores.new_empty(len(scores), 0)
    return Reading(
        top_ids=order[:, :top_k],
        top_p=top[:, :top_k],
        group_p=torch.stack(best, 1) if best else none,
        group_rank=torch.stack(ranks, 1) if ranks else none.long(),
        id_p=own,
    )


def model_identity(model: VideoLLM) -> dict[str, Any]:
    """What a lens notes of the model that it is made for."""
    settings = model_settings(model)
    return {"model": settings["model"], **{name: settings.get(name) for name in _SAME}}


def check_identity(made_for: Mapping[str, Any], model: VideoLLM, *, what: str, remedy: str) -> None:
    """Raise ModelError, with the `remedy`, where a lens was made for another model than this one."""
    now = model_identity(model)
    different = [name.removesuffix("_sha256") for name in _SAME if made_for.get(name) != now[name]]
    if different:
        raise ModelError(
            f"This {what} was made for {made_for.get('model')}, and {model.name} has other "
            f"{', '.join(different)}. What it learnt of one model says nothing of another. {remedy}"
        )
