"""A loaded Video-LLM: the Hugging Face model, nnsight around it, and the way from a question to a prompt."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from workbench.attached import attached
from workbench.errors import printable
from workbench.models.checkpoints import Adapter, CheckpointFolder
from workbench.models.families import Family
from workbench.models.papers import PaperSetting, default_separators
from workbench.models.placement import main_device
from workbench.models.positions import check_length, most_positions
from workbench.prompts.assembly import Separators, assemble, check_tokens, layout_of, plain_text
from workbench.prompts.pixels import Backend, PixelSettings
from workbench.prompts.prompt import Prompt
from workbench.prompts.question import ask, clip_of
from workbench.prompts.tokens import encode_parts, spellings, token_text
from workbench.prompts.turn import Turn

if TYPE_CHECKING:
    from nnsight import NNsight
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from workbench.cache import Cache
    from workbench.data import Sample
    from workbench.models.families.base import AttentionKind
    from workbench.models.hooks import HookFunction, KeptLogits, NamesFilter, PosSlice, RunWithCache
    from workbench.prompts import Style
    from workbench.video import Clip, Sampling


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class VideoLLM:
    """A Video-LLM with its tokenizer and preprocessing. Made by `load`."""

    hf: PreTrainedModel
    """The Hugging Face model, in evaluation mode, its weights without gradients."""
    nn: NNsight
    """nnsight around `hf`."""
    family: Family
    tokenizer: PreTrainedTokenizerBase
    checkpoint: CheckpointFolder
    attention: AttentionKind
    pixels: PixelSettings
    """What the checkpoint does to frames."""
    template: str | None
    """The checkpoint's chat template."""
    adapter: Adapter | None = None  # merged into the weights
    load_in: str | None = None  # "4bit" or "8bit" of the decoder's linear layers
    setting: PaperSetting | None = None  # a paper's defaults for prompts
    loaded_as: Mapping[str, Any] | None = None  # arguments of `load`, for the same elsewhere; no device
    remote: str | None = None  # where nnsight's traces run: "ndif", "local" (its simulation), an address
    cache: Cache | None = None  # of decoded frames and of what the vision tower makes of them

    @property
    def name(self) -> str:
        """What it was loaded as: a hub id, "mini/video-ft", or the folder's name."""
        return self.checkpoint.name

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return self.checkpoint.path

    @property
    def structure(self) -> PreTrainedModel:
        """The modules of `hf`, for what needs no weights of them: a deferred model has none yet."""
        return self.hf

    @property
    def config(self) -> Any:
        """The Hugging Face config."""
        return self.structure.config

    @property
    def _text(self) -> Any:
        return self.config.get_text_config()

    @property
    def device(self) -> torch.device:
        """Where inputs go."""
        return main_device(self.hf)

    @property
    def dtype(self) -> torch.dtype:
        return self.hf.dtype

    @property
    def n_layers(self) -> int:  # of the decoder
        return self._text.num_hidden_layers

    @property
    def n_heads(self) -> int:  # query heads of a layer
        return self._text.num_attention_heads

    @property
    def n_kv_heads(self) -> int:
        return getattr(self._text, "num_key_value_heads", None) or self.n_heads

    @property
    def d_model(self) -> int:
        """Width of the residual stream."""
        return self._text.hidden_size

    @property
    def d_head(self) -> int:
        """Width of a head, the widest where layers differ."""
        attentions = self.family.attentions(self.structure).values()
        return max(getattr(one, "head_dim", 0) for one in attentions) or self.d_model // self.n_heads

    @property
    def vocab_size(self) -> int:
        """Rows of the unembedding; may be more than the tokenizer has tokens."""
        return self._text.vocab_size

    @property
    def max_length(self) -> int | None:
        """Most tokens of a prompt, scaled positions included; None where the config does not say."""
        return most_positions(self._text)

    @property
    def video_token_id(self) -> int:
        """Token that stands where the video's features go."""
        return self.family.video_token_id(self.config)

    @cached_property
    def placeholder(self) -> str:
        """The video token as text."""
        return str(self.tokenizer.convert_ids_to_tokens(self.video_token_id))

    @cached_property
    def turn(self) -> Turn:
        """The text around a question: the checkpoint's chat template, or else the family's default.

        Raises PromptError where the template cannot be used.
        """
        return self.family.turn(self.template, self.tokenizer, self.placeholder)

    @cached_property
    def spellings(self) -> dict[str, tuple[int, ...]]:
        """Letter A..Z -> all token ids that say just this letter ("A", " A", ..)."""
        return spellings(self.tokenizer)

    @cached_property
    def arguments(self) -> frozenset[str]:
        """Names of the arguments that the forward takes."""
        return frozenset(inspect.signature(self.structure.forward).parameters)

    @property
    def only_last_logits(self) -> dict[str, Tensor]:
        """Arguments that give the last row's logits alone. A row: given a count, decoders may drop rows."""
        return {name: torch.tensor([-1], device="cpu") for name in self.arguments & {"logits_to_keep"}}

    @property
    def weights_hash(self) -> str:
        """sha256 over the files of the weights."""
        return self.checkpoint.weights_hash

    def token_text(self, token_id: int) -> str:
        """What a token says, with its leading space where it has one."""
        return token_text(self.tokenizer, token_id)

    def encode(
        self,
        sample: Sample | Clip | str | Path,
        question: str | None = None,
        *,
        options: Sequence[str] = (),
        clip: Clip | None = None,
        frames: Sampling | int | str | None = None,
        style: str | Style | None = None,
        separators: Separators | None = None,
        turn: Turn | None = None,
        pixels: PixelSettings | None = None,
        backend: Backend | None = None,
    ) -> Prompt:
        """The prompt for a sample, or for a clip (or a path) and a `question`, perhaps with `options`.

        `clip` takes the place of the sample's video, say with its frames reversed. `frames` chooses frames: a
        number (midpoints of as many equal segments, 8 by default), "uniform(16)", or a Sampling. `style` is a
        prompt style of `workbench.data` ("mvbench" with options and "open" without by default); `turn` is
        what stands around it (the chat template by default). `separators="frame"` counts newlines, marks and
        time stamps to their frame, "video" does not; the family's choice by default. `pixels` changes what is
        done to frames; `backend` "pil" resizes as authors' code does, "torch" (the default) as transformers.

        Text that spells a special token stays text. With load(setting="paper") its defaults go before.
        Raises PromptError, ClipError, SampleError.
        """
        if (paper := self.setting) is not None:
            frames = paper.frames if frames is None and isinstance(sample, str | Path) else frames
            style = paper.style if style is None and (options or getattr(sample, "options", ())) else style
        more: Any = {"clip": clip, "frames": frames, "style": style, "read": self.read_clip}
        asked, token = ask(sample, question, options=options, **more), self.placeholder
        if paper is not None:
            turn, backend = turn or paper.turn_of(asked.clip), backend or paper.backend
        settings, how = self.family.pixel_settings(self.pixels, pixels), backend or "torch"
        video = self.family.video_inputs(self.config, settings, asked.clip, placeholder=token, backend=how)
        parts = assemble(asked.words, video.pieces, turn or self.turn, token)
        encoded = encode_parts(self.tokenizer, parts)
        check_tokens(self.tokenizer, parts, encoded, token, self.video_token_id)
        check_length(encoded.ids, self.max_length, self.video_token_id, self.name)
        input_ids = torch.tensor([encoded.ids], dtype=torch.long, device="cpu")
        inputs = {"input_ids": input_ids, **video.inputs, **self.family.token_inputs(self.config, input_ids)}
        marks = default_separators(self.family, self.setting) if separators is None else separators
        layout = layout_of(
            self.tokenizer, parts, encoded, grid=video.grid, frame_times=video.frame_times, separators=marks
        )
        return Prompt(
            inputs=self.family.placed(inputs, self.arguments, self.device, self.dtype),
            layout=layout,
            sample=asked.sample,
            clip=asked.clip,
            pixels=settings,
            text=plain_text(parts, token),
            answer_ids={letter: self.spellings[letter] for letter in asked.letters},
        )

    def read_clip(self, sample: Sample, frames: Sampling | int | str | None = None) -> Clip:
        """The sample's clip, its frames chosen as `encode` would. Safe in threads. Raises ClipError."""
        return clip_of(sample, self.setting.frames if frames is None and self.setting else frames, self.cache)

    def trace(self, prompt: Prompt, **kwargs: Any) -> Any:
        """nnsight's trace of a forward pass: `with model.trace(prompt): out = model.nn.output.save()`."""
        kwargs |= {} if self.remote is None else {"remote": self.remote if self.remote != "ndif" else True}
        return self.nn.trace(**prompt.inputs, use_cache=False, **kwargs)

    def logits(self, prompt: Prompt) -> Tensor:
        """Logits of every row (s, vocab)."""
        with torch.no_grad():
            return self.hf(**prompt.inputs, use_cache=False).logits[0]

    generate: ClassVar[Callable[..., str]] = attached()
    """The model's answer in words, with or without a knockout: `workbench.engine.generation.answer`."""

    def run_with_cache(
        self,
        prompt: Prompt,
        names_filter: NamesFilter = None,
        *,
        pos_slice: PosSlice = None,
        stop_at_layer: int | None = None,
        gradients_of: Callable[[Tensor], Tensor] | None = None,
        device: torch.device | str | None = None,
        return_logits: KeptLogits = "all",
    ) -> RunWithCache:
        """(logits, cache of activations at hook points): see `models.hooks.run_with_cache`."""
        from workbench.models import hooks

        return hooks.run_with_cache(
            self, prompt, names_filter, pos_slice=pos_slice, stop_at_layer=stop_at_layer,
            gradients_of=gradients_of, device=device, return_logits=return_logits,
        )  # fmt: skip

    def run_with_hooks(
        self,
        prompt: Prompt,
        fwd_hooks: Sequence[tuple[NamesFilter, HookFunction]],
        *,
        return_logits: KeptLogits = "all",
        gradients: bool = False,
    ) -> Tensor:
        """Logits after functions on hook points: see `models.hooks.run_with_hooks`."""
        from workbench.models import hooks

        return hooks.run_with_hooks(self, prompt, fwd_hooks, return_logits=return_logits, gradients=gradients)

    def materialise(self, names: NamesFilter) -> AbstractContextManager[None]:
        """Scores and patterns exist in these layers meanwhile: see `models.hooks.materialise`."""
        from workbench.models import hooks

        return hooks.materialise(self, names)

    def hook_names(self) -> tuple[str, ...]:
        """Names of every hook point of this model, in forward order."""
        from workbench.models import hooks

        return hooks.hook_names(self)

    def __repr__(self) -> str:
        query, kv = self.n_heads, self.n_kv_heads
        dtype = " and ".join(filter(None, (str(self.dtype).removeprefix("torch."), self.load_in)))
        heads = f"{query} heads" if query == kv else f"{query} query / {kv} kv heads"
        return (
            f"VideoLLM({printable(self.name)}: {self.family.model_type}, {self.n_layers} layers, width "
            f"{self.d_model}, {heads}; {dtype} on {self.device}, {self.attention})"
        )
