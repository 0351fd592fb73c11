"""What the rows of a prompt would say, layer by layer: words of the video, and the answer."""

from workbench.analyses.lens.answer_probability import AnswerProbability
from workbench.analyses.lens.frequencies import MIN_HITS, KeywordFrequencies
from workbench.analyses.lens.keywords import KeywordList, keyword_lists, write_keywords
from workbench.analyses.lens.printed import curves_shown

__all__ = [
    "MIN_HITS",
    "AnswerProbability",
    "KeywordFrequencies",
    "KeywordList",
    "curves_shown",
    "keyword_lists",
    "write_keywords",
]
