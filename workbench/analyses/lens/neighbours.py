"""A lens by nearest neighbours: a row's word is that of the text word whose state it is most alike.

LatentLens (Krojer et al., "LatentLens: Revealing Highly Interpretable Visual Tokens in LLMs", 2026,
arXiv:2602.00462): the states of words in running text are kept in a bank, after every layer; a video row is
described by its nearest neighbours there. Nothing is trained, and no final norm or unembedding takes part.
Likeness is the cosine.

Axes: l layer of the bank (from 0), e entry, d model, r row, w word.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from workbench.analyses.lens.keywords import KeywordList, KeywordMatch, as_lists
from workbench.analyses.lens.lenses import Lens, check_identity, model_identity, read_scores
from workbench.analyses.lens.states import layer_states, residual_states, word_ends
from workbench.analyses.lens.unembedding import ROW_CHUNK, Reading
from workbench.engine.vocabulary import VOCAB_CHUNK
from workbench.errors import RunError, near_matches
from workbench.progress import progress_bar
from workbench.prompts.layout import TokenLayout
from workbench.runs.settings import as_seed, data_settings, hash_of
from workbench.shapes import Float, Int, shaped

if TYPE_CHECKING:
    from workbench.data import Sample, Samples
    from workbench.models import VideoLLM
    from workbench.prompts.assembly import Separators
    from workbench.video import Sampling

BankLayers = Literal["all", "same"]
"""Which of the bank's layers a row is compared with: all of them, or the one that the row is read after."""
STATES_PER_WORD = 40


@dataclass(frozen=True, kw_only=True, eq=False)
class NeighbourLens(Lens):
    """A bank of states of words in text. Made by `neighbour_lens`."""

    score: ClassVar[str] = "cosine"
    name = "neighbour lens"

    words: tuple[str, ...]
    """In lower case, each once: what the lens can say. Their places are its numbers."""
    word: Int[Tensor, " e"]
    """The word of every entry."""
    states: Float[Tensor, "l e d"]
    """Of length 1, on the model's device."""
    layers: BankLayers
    made: Mapping[str, Any]
    """The model that it is for, the texts, and how many states a word has at most."""

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"lens": "neighbours", "layers": self.layers, "sha256": self.sha256}

    @cached_property
    def sha256(self) -> str:
        """Of the bank."""
        digest = hashlib.sha256("\n".join(self.words).encode())
        for part in (self.word, self.states):
            digest.update(part.cpu().contiguous().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    def check(self, model: VideoLLM) -> None:
        """Raise ModelError where its states are of another model."""
        remedy = "Make one with wb.neighbour_lens(model, texts)."
        check_identity(self.made["model"], model, what=self.name, remedy=remedy)

    def match(
        self, model: VideoLLM, lists: KeywordList | str | Iterable[KeywordList | str]
    ) -> list[KeywordMatch]:
        places = {word: place for place, word in enumerate(self.words)}
        return [
            KeywordMatch(entry.name, word, "whole word", tuple(_if_known(places.get(word))), (word,), ())
            for entry in as_lists(lists)
            for word in entry.words
        ]

    def words_said(self, model: VideoLLM, numbers: Iterable[int]) -> dict[int, str]:
        return {number: self.words[number] for number in numbers}

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
        parts = [self.likeness(part, layer, vocab_chunk) for part in residual.split(row_chunk)]
        found = [read_scores(part, top_k=top_k, groups=groups, what="The cosines") for part in parts]
        return Reading(*(torch.cat(column) for column in zip(*found, strict=True)))

    @shaped
    def likeness(
        self, residual: Float[Tensor, "r d"], layer: int, chunk: int = VOCAB_CHUNK
    ) -> Float[Tensor, "r w"]:
        """The cosine to the most alike state of every word, `chunk` states of the bank at a time."""
        rows = F.normalize(residual.float(), dim=-1).to(self.states.device)
        of = self.states if self.layers == "all" else self.states[layer : layer + 1]
        best = torch.full((len(rows), len(self.words)), -torch.inf, device=rows.device)
        for one in of:
            for states, word in zip(one.split(chunk), self.word.split(chunk), strict=True):
                alike = rows @ states.float().T
                best.scatter_reduce_(1, word.expand(len(rows), -1), alike, "amax")
        return best.to(residual.device)

    def __repr__(self) -> str:
        layers, entries, _ = self.states.shape
        return f"NeighbourLens({len(self.words)} words, {entries} states after each of {layers} layers)"


def _if_known(place: int | None) -> list[int]:
    return [] if place is None else [place]


def neighbour_lens(
    model: VideoLLM,
    source: Samples | Sequence[Sample] | Sequence[str],
    *,
    layers: BankLayers = "all",
    states_per_word: int = STATES_PER_WORD,
    rows: str = "question",
    words: Iterable[str] | None = None,
    seed: int = 0,
    style: str | None = None,
    separators: Separators | None = None,
    frames: Sampling | int | str | None = None,
    progress: bool = True,
) -> NeighbourLens:
    """Keep the states of words in text, after every layer, for video rows to be compared with.

    Args:
        source: texts (captions, sentences), which the model reads alone, without a video; or samples, whose
            `rows` (a span of text) it reads behind their clips.
        layers: "all" compares with the states after any layer, as LatentLens does; "same" with those after
            the layer that is read.
        states_per_word: of a word that occurs more often, as many are drawn by `seed`.
        words: keep these alone; every word of the text if not given.
        style, separators, frames: as in `sweep`, for samples.

    A word is known by its last token's state, where the model has read the whole word. Memory: words x states
    x (layers + 1) x width numbers. Raises RunError for settings that cannot work, and where no word is found.
    """
    if layers not in get_args(BankLayers):
        near = near_matches(layers, get_args(BankLayers))
        raise RunError(f"layers={layers!r} is not offered.{near} Use all or same.")
    if isinstance(states_per_word, bool) or not isinstance(states_per_word, int) or states_per_word < 1:
        raise RunError(f"states_per_word={states_per_word!r}: give a whole number from 1.")
    given = list(source)
    texts = [text for text in given if isinstance(text, str)]
    if isinstance(source, str) or (texts and len(texts) < len(given)):
        raise RunError("A bank is made of samples or of a list of texts. Give one of the two.")
    asked = {"style": style, "separators": separators, "frames": frames}
    if texts:
        if any(value is not None for value in asked.values()):
            raise RunError(
                "Texts are read without a video, so style=, separators= and frames= would do nothing. Leave "
                "them out."
            )
        said, states = _of_texts(model, texts, progress)
        told: dict[str, Any] = {"texts": len(texts), "texts_sha256": hash_of(texts)}
    else:
        from workbench.data import as_samples

        samples = as_samples(source)  # type: ignore[arg-type]
        read: Any = {**asked, "rows": rows, "words": True, "seed": seed, "progress": progress}
        found = residual_states(model, samples, **read)
        said, states = found.table["word"].tolist(), found.states
        told = {**data_settings(samples), "rows": rows}
    kept = _kept(said, states_per_word, words, as_seed(seed))
    names = tuple(sorted({said[place] for place in kept}))
    number = {name: place for place, name in enumerate(names)}
    chosen = F.normalize(states[:, kept].float(), dim=-1).to(model.dtype)
    return NeighbourLens(
        words=names,
        word=torch.tensor([number[said[place]] for place in kept], device=model.device),
        states=chosen.to(model.device),
        layers=layers,
        made={"model": model_identity(model), **told, "states_per_word": states_per_word, "seed": seed},
    )


def _kept(said: Sequence[str], most: int, words: Iterable[str] | None, seed: int) -> list[int]:
    """Places of the states to keep, ascending."""
    wanted = None if words is None else {word.strip().lower() for word in words}
    places: dict[str, list[int]] = {}
    for place, word in enumerate(said):
        if wanted is None or word in wanted:
            places.setdefault(word, []).append(place)
    if not places:
        raise RunError("The text holds none of the words. Give other texts, or other words=.")
    draw = random.Random(seed)
    chosen = [of if len(of) <= most else draw.sample(of, most) for _, of in sorted(places.items())]
    return sorted(place for of in chosen for place in of)


class _Text(NamedTuple):
    """A text alone, in the place of a prompt: what a forward is given, and which rows are what."""

    inputs: dict[str, Tensor]
    layout: TokenLayout


def _of_texts(model: VideoLLM, texts: Sequence[str], progress: bool) -> tuple[list[str], Tensor]:
    """The words of some texts, and their states (l e d)."""
    said, states = [], []
    with progress_bar(len(texts), what="neighbour lens", unit=" texts", show=progress) as bar:
        for alone in (_text(model, text) for text in texts):
            ends = list(word_ends(alone, "text"))
            if ends:
                rows = torch.tensor([row for row, _ in ends]).numpy()
                states.append(layer_states(model, alone, rows).cpu())
                said += [word for _, word in ends]
            bar.update(1)
    if not said:
        raise RunError("The texts hold no word. Give sentences that the model's tokenizer can write.")
    return said, torch.cat(states, 1)


def _text(model: VideoLLM, text: str) -> _Text:
    """A text without a video. What spells a control token in it is text, as in a prompt."""
    from workbench.prompts.tokens import Part, encode_parts

    ids = encode_parts(model.tokenizer, [Part(text, literal=True)]).ids
    input_ids = torch.tensor([ids], dtype=torch.long, device="cpu")
    given = {"input_ids": input_ids, **model.family.token_inputs(model.config, input_ids)}
    inputs = model.family.placed(given, model.arguments, model.device, model.dtype)
    tokens = [model.token_text(id) for id in ids]
    own = set(model.tokenizer.all_special_ids)
    rows = [row for row, id in enumerate(ids) if id not in own]
    layout = TokenLayout(length=len(ids), spans={"text": rows, "video": []}, tokens=tokens)
    return _Text(inputs, layout)
