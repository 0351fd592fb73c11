"""The words that planted models know, and what some of them are for."""

from __future__ import annotations

from workbench.planted.wiring import (
    ASKS_FIRST,
    ASKS_LAST,
    LAST,
    OPTION_A,
    OPTION_B,
    RISE,
    SET,
    SINK,
    TAIL,
    TOLD,
    WORD,
)

VOCABULARY = 64
QUESTION = "Which way does the dot move?"
OPTIONS = ("left", "right")
FIRST_WORDS, READING_WORD, LAST_WORD = ("USER:", "<|im_start|>system"), "move?", "option:("
WORDS = (
    *("<unk>", "<video>", "<image>", "A", "B", "USER:", "Question:", *QUESTION.split(), "Options:", "(A)"),
    *("(B)", *OPTIONS, "Only", "give", "best", "option.", "ASSISTANT:", "Best", LAST_WORD),
    *("colour", "comes", "first?", "last?", "red", "green", "sun", "rise?", "set?", "east", "west", "the"),
    *("<|im_start|>system", "You", "are", "a", "helpful", "assistant.<|im_end|>", "<|im_start|>user"),
    *("option.<|im_end|>", "<|im_start|>assistant"),
)
IDS = {word: number for number, word in enumerate(dict.fromkeys(WORDS))}
ROLES = {
    **dict.fromkeys(FIRST_WORDS, SINK),
    READING_WORD: WORD,
    LAST_WORD: LAST,
    "Only": TAIL,
    "(A)": OPTION_A,
    "(B)": OPTION_B,
    "helpful": TOLD,
    "first?": ASKS_FIRST,
    "last?": ASKS_LAST,
    "rise?": RISE,
    "set?": SET,
}
"""The feature of each word that has one."""
