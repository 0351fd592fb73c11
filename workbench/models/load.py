"""A name or a folder -> a VideoLLM, or an error that says what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from workbench.errors import ModelError
from workbench.models.checkpoints.folder import Checkpoint, check, find
from workbench.models.families import FAMILIES, Family
from workbench.models.video_llm import VideoLLM
from workbench.prompts.pixels import read_pixel_settings
from workbench.prompts.template import read_template
from workbench.prompts.tokens import control_tokens

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

    from workbench.models.attention import AttentionKind

_DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "float64": torch.float64,
}
_SHOWN = 4  # names of weights in a message


def load(
    name_or_path: str | Path,
    *,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    attention: AttentionKind = "sdpa",
    trust_remote_code: bool = False,
    revision: str | None = None,
    allow_pickle: bool = False,
) -> VideoLLM:
    """A Video-LLM from a local folder, a hub id, or "mini/video-ft" and "mini/image" for the embedded one.

    `device` is cuda where there is one, else cpu. `dtype` is bfloat16 on cuda, else float32. `revision` pins
    a commit of the hub. Weights must be safetensors unless `allow_pickle`; code that comes with a checkpoint
    does not run unless `trust_remote_code`.

    Raises ModelError with cause and remedy: a folder that is missing, incomplete, damaged or of another
    architecture; weights that do not fit the model; a hub that cannot be reached.
    """
    from nnsight import NNsight

    from workbench.models.attention import install

    place = _device(device)
    number = _dtype(dtype, place)
    if attention not in ("sdpa", "eager"):
        raise ModelError(f"attention={attention!r} is not offered: use 'sdpa' or 'eager'.")
    found = find(
        name_or_path, revision=revision, allow_pickle=allow_pickle, trust_remote_code=trust_remote_code
    )
    family = FAMILIES[check(found.folder, allow_pickle=allow_pickle)]
    config = _config(found.folder, trust_remote_code)
    pixels = read_pixel_settings(found.folder, family.default_pixels)
    tokenizer = _tokenizer(found.folder, trust_remote_code)
    template = read_template(found.folder, tokenizer)
    hf = _weights(found, family, config, number, allow_pickle=allow_pickle)
    _check_tokenizer(hf, tokenizer, found.folder)
    hf = _moved(hf, place)
    hf.eval().requires_grad_(False)
    install(hf, attention)
    return VideoLLM(
        hf=hf,
        nn=NNsight(hf),
        family=family,
        tokenizer=tokenizer,
        name=found.name,
        folder=found.folder,
        attention=attention,
        pixels=pixels,
        template=template,
    )


def _device(device: str | torch.device | None) -> torch.device:
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        place = torch.device(device)
    except RuntimeError as error:
        raise ModelError(f"device={device!r} is unknown. Use 'cpu', 'cuda' or 'cuda:0'.") from error
    if place.type == "cuda" and not torch.cuda.is_available():
        raise ModelError(
            f"device={str(device)!r}, but this torch ({torch.__version__}) sees no GPU. Use device='cpu', or "
            "install a CUDA build of torch on a machine with a GPU."
        )
    return place


def _dtype(dtype: str | torch.dtype | None, device: torch.device) -> torch.dtype:
    if dtype is None:
        # Never half precision on a CPU unless asked: it is slow there, and the numbers suffer.
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    found = _DTYPES.get(str(dtype).removeprefix("torch."))
    if found is None:
        raise ModelError(f"dtype={str(dtype)!r} is not offered. Use {', '.join(_DTYPES)}.")
    return found


def _config(folder: Path, trust_remote_code: bool) -> PretrainedConfig:
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code)
    except Exception as error:  # a config can be wrong in every way
        raise ModelError(
            f"{folder / 'config.json'} describes no model ({_short(error)}). "
            "Copy it again from the original checkpoint."
        ) from error


def _tokenizer(folder: Path, trust_remote_code: bool) -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)
    except Exception as error:  # broken files raise every kind
        raise ModelError(
            f"The tokenizer in {folder} cannot be read ({_short(error)}). Copy its files again."
        ) from error
    if not getattr(tokenizer, "is_fast", False):
        raise ModelError(
            f"The tokenizer in {folder} cannot say where its tokens lie in the text. Convert it to a "
            "tokenizer.json (AutoTokenizer.from_pretrained(..., use_fast=True).save_pretrained(FOLDER))."
        )
    return tokenizer


def _weights(
    found: Checkpoint, family: Family, config: PretrainedConfig, dtype: torch.dtype, *, allow_pickle: bool
) -> PreTrainedModel:
    import transformers

    model_class: Any = getattr(transformers, family.model_class)
    try:
        with _quiet():
            hf, info = model_class.from_pretrained(
                found.folder,
                config=config,
                dtype=dtype,
                use_safetensors=None if allow_pickle else True,
                ignore_mismatched_sizes=True,  # refused below, by name
                output_loading_info=True,
                local_files_only=True,
            )
    except Exception as error:  # weights can be wrong in every way
        raise ModelError(
            f"{found.folder} cannot be loaded as {family.model_class} ({_short(error)}). Check config.json "
            "against the original checkpoint, and download the weights again."
        ) from error
    _check_loaded(info, found, family)
    return hf


def _check_loaded(info: dict[str, Any], found: Checkpoint, family: Family) -> None:
    """A weight that found no place, or a place without a weight, would be random: never silently."""
    missing = sorted(set(info.get("missing_keys", ())) - set(family.optional_weights))
    unexpected = sorted(
        key
        for key in info.get("unexpected_keys", ())
        if not any(fnmatchcase(key, pattern) for pattern in family.surplus_weights)
    )
    mismatched = sorted(
        str(entry[0] if isinstance(entry, tuple) else entry) for entry in info.get("mismatched_keys", ())
    )
    problems = [
        f"{len(keys)} {what} ({', '.join(keys[:_SHOWN])}{', ..' if len(keys) > _SHOWN else ''})"
        for keys, what in (
            (missing, "missing"),
            (unexpected, "without a place in the model"),
            (mismatched, "of another shape"),
        )
        if keys
    ]
    if problems:
        harm = "The model would be partly random" if missing or mismatched else "They would be left out"
        raise ModelError(
            f"The weights in {found.folder} do not fit {family.model_class}: {'; '.join(problems)}. {harm}. "
            "Use the checkpoint in transformers' own format (a '-hf' repository), or convert it."
        )


def _check_tokenizer(hf: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    config: Any = hf.config
    token = tokenizer.convert_ids_to_tokens(config.video_token_id)
    if not isinstance(token, str) or token not in control_tokens(tokenizer):
        raise ModelError(
            f"The config in {folder} gives the video token the id {config.video_token_id}, which the "
            "tokenizer knows as "
            f"{token!r}, no special token. Copy the tokenizer's files from the original checkpoint."
        )
    rows = config.get_text_config().vocab_size
    if len(tokenizer) > rows:
        raise ModelError(
            f"The tokenizer in {folder} has {len(tokenizer)} tokens, and the model {rows}. "
            "Copy the tokenizer's files from the original checkpoint."
        )


def _moved(hf: PreTrainedModel, device: torch.device) -> PreTrainedModel:
    try:
        return hf.to(device)  # type: ignore[arg-type]
    except torch.OutOfMemoryError as error:
        size = sum(weight.nbytes for weight in hf.parameters()) / 2**30
        raise ModelError(
            f"The model ({size:.1f} GiB) does not fit on {device}. Use dtype='bfloat16', a smaller model, or "
            "a GPU with more free memory."
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' progress bar, and without its report of what our own error says."""
    from transformers.utils import logging

    shown, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if shown:
            logging.enable_progress_bar()


def _short(error: Exception) -> str:
    lines = " ".join(str(error).split())
    return f"{type(error).__name__}: {lines[:300]}" if lines else type(error).__name__
