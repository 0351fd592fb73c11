"""The embedded model's words: a word-level tokenizer over all the world can say, and its chat template."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from workbench.mini.wording import question_for, still_questions, video_questions
from workbench.mini.world import KINDS, make_scene, states, still

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PAD, BOS, EOS, UNKNOWN, VIDEO, IMAGE = "<pad>", "<s>", "</s>", "<unk>", "<video>", "<image>"
SPECIAL = (PAD, BOS, EOS, UNKNOWN, VIDEO, IMAGE)

SYSTEM = "A chat about a video. USER:"
ASSISTANT = "ASSISTANT:"
PREFIX = "Best option:("
CHAT_TEMPLATE = """\
{{ bos_token }}A chat about a video.{% for message in messages %}\
{% if message['role'] == 'user' %} USER: {% for part in message['content'] %}\
{% if part['type'] == 'video' %}<video>\n{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}\
{% endfor %}\
{% else %} ASSISTANT: {% for part in message['content'] %}{{ part['text'] }}{% endfor %}{{ eos_token }}\
{% endif %}\
{% endfor %}{% if add_generation_prompt %} ASSISTANT:{% endif %}"""

_MORE_WORDS = """
A chat about a video . USER : ASSISTANT Question Options Only give the best option Best ( ) , ? ! B C D E
the of in to from and or is are does do did what What which Which how How where Where when When who Who
why Why first last then before after begin end beginning number object objects moving
"""


def open_text(stem: str, word: str) -> str:
    """The sentence that answers an open-ended question."""
    return f"{stem} {word}."


def _texts() -> set[str]:
    """Everything that is said about many scenes: enough of them for every word of the world to occur."""
    rng = random.Random(0)
    texts: set[str] = set()
    for number in range(2000):
        scene = make_scene(KINDS[number % len(KINDS)], rng)
        scene = scene.reversed() if rng.random() < 0.5 else scene
        moments = states(scene, np.array([0.05, 0.95]))
        frozen = still(scene, 0.1)
        asked = [question_for(scene, rng), *video_questions(scene, moments, rng)]
        asked += still_questions(frozen, states(frozen, np.array([0.0]))[:, 0], rng)
        for question in asked:
            texts |= {question.text, open_text(question.stem, question.word), *question.options}
    return texts


@cache
def build_tokenizer() -> Tokenizer:
    """The tokenizer, built anew from the world; words in alphabetical order after the special ones."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

    split = pre_tokenizers.BertPreTokenizer()  # white space and every punctuation mark by itself
    words = set(_MORE_WORDS.split())
    for text in _texts():
        words |= {word for word, _ in split.pre_tokenize_str(text)}
    vocabulary = {word: number for number, word in enumerate([*SPECIAL, *sorted(words)])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = split
    tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=True)
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    bos = vocabulary[BOS]
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, bos)])
    return tokenizer


def save_tokenizer(folder: Path) -> None:
    """Writes tokenizer.json, its config and the chat template into a checkpoint folder."""
    from transformers import PreTrainedTokenizerFast

    fast = PreTrainedTokenizerFast(
        tokenizer_object=build_tokenizer(),
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        unk_token=UNKNOWN,
        extra_special_tokens={"video_token": VIDEO, "image_token": IMAGE},
        model_max_length=2048,
    )
    # The template writes the first token itself, so that text and ids agree however a prompt is made.
    fast.chat_template = CHAT_TEMPLATE
    fast.save_pretrained(folder)
