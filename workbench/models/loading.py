"""A name or a folder -> a VideoLLM, or an error that says what is wrong with it."""

from __future__ import annotations

import shlex
import warnings
from functools import partial
from pathlib import Path
from types import MethodType
from typing import TYPE_CHECKING, Any, Literal

import torch

from workbench.cache import DEFAULT_GB, Cache
from workbench.errors import ModelError, shown
from workbench.models.checkpoints import find, recognise
from workbench.models.checkpoints.adapter import read_adapter
from workbench.models.checkpoints.folder import in_short
from workbench.models.checkpoints.identity import identity_of
from workbench.models.checkpoints.tokenizer import check_tokenizer
from workbench.models.checkpoints.weights import read_config, read_structure, read_weights
from workbench.models.defaults import under_fresh_defaults
from workbench.models.deferred import Deferred
from workbench.models.features import watch
from workbench.models.hosting import check_family, hosted_model, refuse_beside, remote_of, simulated
from workbench.models.papers import paper_setting
from workbench.models.placement import DeviceMap, dispatched
from workbench.models.quantized import Bits, check_bits, quantize, size_of
from workbench.models.trial import Undescribed, try_frames, try_out
from workbench.models.video_llm import VideoLLM
from workbench.ranks import share_of
from workbench.threads import warn_where_they_spin

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from workbench.models.attention import AttentionKind

_DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "float64": torch.float64,
}


def load(
    name_or_path: str | Path,
    *,
    device: str | torch.device | None = None,
    device_map: DeviceMap | None = None,
    dtype: str | torch.dtype | None = None,
    attention: AttentionKind = "sdpa",
    trust_remote_code: bool = False,
    revision: str | None = None,
    allow_pickle: bool = False,
    adapter: str | Path | None = None,
    load_in: Bits | None = None,
    setting: Literal["paper"] | None = None,
    weights: Literal["now", "later"] = "now",
    remote: bool | str | None = None,
    cache: str | Path | None = None,
    cache_gb: float = DEFAULT_GB,
) -> VideoLLM:
    """A Video-LLM from a local folder, a hub id, or "mini/video-ft" and "mini/image" for the embedded one.

    `device` is cuda where there is one (a rank of torchrun or srun takes its own), else cpu. `device_map`
    puts a model that no device holds on several, and on the disk: "auto", or a dict from modules to places
    (needs accelerate). `dtype` is bfloat16 on cuda,
    else float32. `revision` pins a commit of the hub. Weights must be safetensors unless `allow_pickle`; code
    that comes with a checkpoint does not run unless `trust_remote_code`. `adapter` is the folder, or hub id,
    of a LoRA adapter of peft, merged into the weights. `load_in` "4bit" or "8bit" is how the decoder's linear
    layers are held (needs bitsandbytes; `models/quantized.py`). With `setting="paper"` prompts are, where
    nothing else is asked for, those of the paper that ran this checkpoint: frames, words, what stands around
    them, separators, and how frames are resized (`models/papers.py`). With `weights="later"` they are read
    when something computes with the model: prompts need none, nor does a run that workers measure.

    With `remote=True` (or "ndif") traces run on NDIF's servers, with the address of a server on that one, and
    with "local" here, in nnsight's simulation of them (`models/hosted.py`). `name_or_path` is then an id on
    the hub, and `dtype` that of the server, bfloat16 if not given; no weights are read here. The reference
    engine alone runs such a model.

    `cache` is a folder in which decoded frames of samples, and what the vision tower makes of them, are kept
    for later runs, `cache_gb` GB at most (`workbench/cache.py`); nothing is kept if not given.

    Raises ModelError with cause and remedy: a folder that is missing, incomplete, damaged or of another
    architecture; weights that do not fit the model; a hub that cannot be reached. RunError for a cache that
    cannot be used.
    """
    from nnsight import NNsight

    from workbench.models.attention import check_kind, install

    kept = None if cache is None else Cache(cache, cache_gb)
    if device is not None and device_map is not None:
        raise ModelError(f"device={str(device)!r} and device_map= exclude each other. Give one of them.")
    if load_in is not None and device_map is not None:
        raise ModelError(
            f"load_in={shown(load_in)} and device_map= exclude each other: give one device= that holds the "
            "model in so few bits."
        )
    check_bits(load_in)
    told_remote = remote_of(remote)
    if told_remote is not None:
        others = {"device_map": device_map, "load_in": load_in, "adapter": adapter}
        refuse_beside(told_remote, others | {"trust_remote_code": trust_remote_code or None})
    if weights not in ("now", "later"):
        raise ModelError(f"weights={shown(weights)} is unknown: write 'now' or 'later'.")
    place = _device(device)
    if place.type == "cpu":
        warn_where_they_spin()
    hosted = told_remote not in (None, "local")
    number = _dtype(dtype or ("bfloat16" if hosted else None), place)
    check_kind(attention)
    if setting not in (None, "paper"):
        raise ModelError(f"setting={shown(setting)} is unknown: write 'paper', or leave it out.")
    folder = find(
        name_or_path, revision=revision, allow_pickle=allow_pickle, trust_remote_code=trust_remote_code
    )
    form, family = recognise(folder)
    if attention not in family.attention_kinds:
        raise ModelError(
            f"attention={attention!r} is not offered for {family.model_type}, which computes "
            f"something else under it: use {' or '.join(map(repr, family.attention_kinds))}."
        )
    folder.check(allow_pickle=allow_pickle)
    merged = None if adapter is None else read_adapter(find(adapter))
    config = read_config(folder, form, trust_remote_code=trust_remote_code)
    pixels = form.pixels(folder, family)
    tokenizer = form.tokenizer(folder, config, trust_remote_code=trust_remote_code)
    template = form.template(folder, tokenizer)
    # While the files are what is loaded.
    identity_of(folder, template, pixels, processor=family.guessed)
    family.video_token_id(config)  # a model that takes no video is refused before it takes memory
    told: dict[str, Any] = {
        "name_or_path": name_or_path,
        "device_map": device_map,
        "dtype": str(number).removeprefix("torch."),
        "attention": attention,
        "trust_remote_code": trust_remote_code,
        "revision": revision,
        "allow_pickle": allow_pickle,
        "adapter": adapter,
        "load_in": load_in,
        "setting": setting,
        "cache": cache,
        "cache_gb": cache_gb,
        **({} if told_remote is None else {"remote": told_remote}),
    }
    fields: dict[str, Any] = {
        "family": family,
        "tokenizer": tokenizer,
        "checkpoint": folder,
        "attention": attention,
        "pixels": pixels,
        "template": template,
        "adapter": merged,
        "load_in": load_in,
        "setting": None if setting is None else paper_setting(family, config),
        "loaded_as": told,
        "remote": told_remote,
        "cache": kept,
    }
    if told_remote is not None:
        check_family(family, name_or_path)
    if hosted:
        return hosted_model(read_structure(folder, family, config), number, revision, fields)
    if weights == "later" and not family.guessed:  # a guess is tried out first
        structure = read_structure(folder, family, config)
        read = partial(load, **told, device=device)
        return Deferred(structure, read, device=place, dtype=number, **fields)
    hf = read_weights(folder, form, family, config, number, allow_pickle=allow_pickle)
    check_tokenizer(folder, tokenizer, family.video_token_id(hf.config), len(family.embed(hf).weight))
    if merged is not None:
        merged.merge(hf)
    if load_in is not None:
        quantize(family.decoder_layers(hf), load_in, place)
    hf = _moved(hf, place) if device_map is None else dispatched(hf, device_map)
    hf.eval().requires_grad_(False)
    # A method, so that a copy of the model runs the copy.
    hf.forward = MethodType(under_fresh_defaults(type(hf).forward), hf)
    install(hf, attention, recurrent=family.recurrent)
    nn = NNsight(hf) if told_remote is None else simulated(hf, folder.name, attention)
    model = VideoLLM(hf=hf, nn=nn, **fields)
    try_out(model)
    if kept is not None:
        watch(model, anew=True)  # with the hooks that transformers has put into it
    if family.guessed:
        try_frames(model)
        warnings.warn(
            f"{model.name} is a {family.model_type}, which no family here describes: it is read as "
            "transformers' class and processor say. What holds for it says "
            f"`workbench models check {shlex.quote(str(name_or_path))}`.",
            Undescribed,
            stacklevel=2,
        )
    return model


def _device(device: str | torch.device | None) -> torch.device:
    if device is None and torch.cuda.is_available():
        share = share_of()
        # Where the cluster shows each process its own GPU only, that is number 0.
        return torch.device("cuda" if share is None else f"cuda:{share.local % torch.cuda.device_count()}")
    if device is None:
        return torch.device("cpu")
    try:
        place = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ModelError(f"device={device!r} is unknown. Use 'cpu', 'cuda' or 'cuda:0'.") from error
    if place.type == "meta":
        raise ModelError("device='meta' holds no numbers. Use 'cpu', 'cuda' or 'cuda:0'.")
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


def _moved(hf: PreTrainedModel, device: torch.device) -> PreTrainedModel:
    try:
        return hf.to(device)  # type: ignore[arg-type]
    except torch.OutOfMemoryError as error:
        size = size_of(hf) / 2**30
        raise ModelError(
            f"The model ({size:.1f} GiB) does not fit on {device}. Use dtype='bfloat16', load_in='4bit', "
            "device_map='auto', a smaller model, or a GPU with more free memory."
        ) from error
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # how torch says "not there" differs
        raise ModelError(
            f"device={str(device)!r} cannot be used ({in_short(error)}). Use device='cpu', or a GPU that "
            "this torch sees."
        ) from error
