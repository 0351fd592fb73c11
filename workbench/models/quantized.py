"""Decoders in 4 or 8 bits a weight: bitsandbytes' linear layers in place of torch's.

The vision tower, the projector, embeddings, norms and the head stay as they are. So do a mixture's experts
where they are no linear layers.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
from torch import Tensor, nn

from workbench.errors import ModelError, shown

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Bits = Literal["4bit", "8bit"]
"""4bit: NF4 in blocks of 64 weights (Dettmers et al., QLoRA, 2023, section 3). 8bit: LLM.int8 (Dettmers et
al., 2022) without its outlier columns: which columns those are depends on all rows that are computed at once,
and a row's numbers must not depend on other rows (3% off in a packed pass at the usual threshold of 6)."""


def check_bits(bits: str | None) -> None:
    """Raises ModelError for a number of bits that is not offered, or where bitsandbytes is not there."""
    if bits is None:
        return
    if bits not in get_args(Bits):
        raise ModelError(f"load_in={shown(bits)} is not offered. Use '4bit' or '8bit', or leave it out.")
    try:
        import bitsandbytes  # pyright: ignore[reportMissingImports]  # noqa: F401
    except ImportError:
        raise ModelError(
            f"load_in={bits!r} needs bitsandbytes, which is not installed: pip install bitsandbytes. Or load "
            "the model as it is, with dtype='bfloat16'."
        ) from None


def quantize(layers: Iterable[nn.Module], bits: Bits, device: torch.device) -> int:
    """Puts the linear layers of these decoder layers, on the device, in so few bits; how many there were.

    Each is rounded on the device and its old weight let go, so that the device never holds the whole decoder
    as it was.
    """
    made = 0
    for layer in layers:
        for parent in list(layer.modules()):
            for name, linear in list(parent.named_children()):
                if type(linear) is nn.Linear:
                    setattr(parent, name, _in_bits(linear, bits, device))
                    made += 1
    return made


def _in_bits(linear: nn.Linear, bits: Bits, device: torch.device) -> nn.Module:
    quantized: Any = import_module("bitsandbytes.nn")  # has no types
    # It says at every call that float32 is rounded to float16 before it is rounded to 8 bits.
    logging.getLogger("bitsandbytes.autograd._functions").setLevel(logging.ERROR)

    shape = (linear.in_features, linear.out_features)
    told: dict[str, Any] = {"bias": linear.bias is not None, "device": "meta"}
    if bits == "4bit":
        new: Any = quantized.Linear4bit(*shape, compute_dtype=linear.weight.dtype, quant_type="nf4", **told)
        new.weight = quantized.Params4bit(linear.weight.data, requires_grad=False, quant_type="nf4")
        # On some CPUs it would pack the weight anew at the first call, for a kernel of bfloat16: then it can
        # no longer be read, widths that are no multiple of 64 fail, and numbers depend on the CPU.
        new.support_avx512bf16_for_cpu = False
    else:
        new = quantized.Linear8bitLt(*shape, has_fp16_weights=False, threshold=0.0, **told)
        new.weight = quantized.Int8Params(linear.weight.data, requires_grad=False, has_fp16_weights=False)
    new.bias = linear.bias
    return new.to(device).requires_grad_(False)


def weight_of(linear: Any) -> Tensor:
    """The weight (out, in) that a linear layer multiplies with.

    Raises ModelError in 8 bits, where the rows that it reads are rounded too: parts of them would not add up.
    """
    weight: Tensor = linear.weight
    if (state := getattr(weight, "quant_state", None)) is not None:
        from bitsandbytes.functional import dequantize_4bit  # pyright: ignore[reportMissingImports]

        return dequantize_4bit(weight.data, state)
    if weight.dtype == torch.int8:
        raise ModelError(
            "hook_result is not offered with load_in='8bit': a layer's input is rounded too there, so what "
            "heads add would not sum to what attention adds. Use hook_z, or load_in='4bit'."
        )
    return weight


def size_of(hf: PreTrainedModel) -> int:
    """Bytes of the weights, as they are held."""
    return sum(weight.nbytes for weight in hf.parameters())
