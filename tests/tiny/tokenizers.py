"""The two kinds of tokenizer that tiny models have, trained on a few lines."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import PreTrainedTokenizerFast

CHATML = """\
{% for message in messages %}<|im_start|>{{ message['role'] }}{{ opening }}\
{% for part in message['content'] %}{% if part['type'] == 'video' %}VIDEO{% endif %}{% endfor %}\
{% for part in message['content'] %}{% if part['type'] == 'text' %}TEXT{% endif %}{% endfor %}\
<|im_end|>{{ '\n' }}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant{{ '\n' }}{% endif %}"""
_CORPUS = """\
Question: Which direction does the red circle move? Options: (A) left (B) right (C) up (D) down
Only give the best option. Best option:( A chat about a video. USER: What happens first? ASSISTANT: The ball
You are a helpful assistant. system user assistant A. B. C. D. Answer with the option's letter from the given
choices directly. How many squares are there? one two three four five six seven eight nine ten
"""


def sentencepiece(template: str) -> PreTrainedTokenizerFast:
    """As LLaMA's: SentencePiece-like, falling back on bytes."""
    special = ["<unk>", "<s>", "</s>"]
    raw_bytes = [f"<0x{byte:02X}>" for byte in range(256)]
    learned = Tokenizer(models.BPE())
    learned.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=True)
    learned.train_from_iterator(
        _CORPUS.splitlines(), trainers.BpeTrainer(vocab_size=260, show_progress=False)
    )
    model = json.loads(learned.to_str())["model"]
    words = sorted(model["vocab"], key=model["vocab"].get)
    vocabulary = {token: number for number, token in enumerate([*special, *raw_bytes, *words])}
    merges = [tuple(merge) for merge in model["merges"]]
    tokenizer = Tokenizer(
        models.BPE(vocabulary, merges, byte_fallback=True, unk_token="<unk>", fuse_unk=True)
    )
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    added = [*special, "<video>", "<image>"]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in added])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<unk>"
    )
    fast.chat_template = template
    return fast


def chatml(added: Sequence[str], template: str) -> PreTrainedTokenizerFast:
    """As Qwen's: byte-level ChatML, with the family's own special tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(_CORPUS.splitlines(), trainer)
    added = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *added]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in added])
    # A word that steers the model without being marked as special, as Qwen's are.
    tokenizer.add_tokens([AddedToken("<tool_call>", special=False, normalized=False)])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    fast.chat_template = template
    return fast
