"""What the rows of a prompt would say, layer by layer: words of the video, and the answer."""

from workbench.analyses.lens.answer_probability import AnswerProbability
from workbench.analyses.lens.cell_words import LensComparison
from workbench.analyses.lens.frequencies import MIN_HITS, KeywordFrequencies
from workbench.analyses.lens.keywords import KeywordList, keyword_lists, write_keywords
from workbench.analyses.lens.made import first_of_each, lenses_from
from workbench.analyses.lens.printed import curves_shown, lenses_shown

__all__ = [
    "MIN_HITS",
    "AnswerProbability",
    "KeywordFrequencies",
    "KeywordList",
    "LensComparison",
    "curves_shown",
    "first_of_each",
    "keyword_lists",
    "lenses_from",
    "lenses_shown",
    "write_keywords",
]
