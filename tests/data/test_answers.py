"""Reading letters and words out of what a model says."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.data.answers import letter_of, same_word
from workbench.data.options import LETTERS
from workbench.errors import SampleError

LETTER_B = """\
B|b| B|(B)|(b)|( B )|B.|B)|b) left| b) left|(B) left|B. left|B: left|B left|[B]|**B**|"B"|B</s>|B。|（B）
Answer: B|answer: b|Answer:B|Answer: (B)|The answer is B.|The best option is (B) left.|Best option:(B
The correct answer is: B|Best option:(B) left|I would choose option B.|The answer is option B|My choice: B
The circle moves to the left, so (B).|(B) left, not (A) right|B) left, not A)|Answer: B left
The answer is B because it moves."""

NO_LETTER = """\
left|A red ball|A ball. It moves.|a red ball|I think so|between A and B|either (B) or (C)|neither (A) nor (B)
The answer is a red ball|The answer is left.|Answer:|Because it moves|Both|answer isolated B|.|(|()
(AB)|AB|1|é|Ａ"""


def listed(table: str) -> list[str]:
    return [text for line in table.split("\n") for text in line.split("|")]


@pytest.mark.parametrize("text", [*listed(LETTER_B), "B\n", "B\n\nIt moves left."])
def test_the_letter_is_read(text: str) -> None:
    assert letter_of(text, 4) == "B"


@pytest.mark.parametrize("text", ["", " ", "\n", *listed(NO_LETTER)])
def test_no_letter_is_read_into_other_words(text: str) -> None:
    assert letter_of(text, 4) is None


# As models and evaluation logs write: the letter that a reader would take, or "-", then the answer.
RECORDED = r"""
B	B
B	(B)
B	B.
B	B)
B	(B) left
B	B. left
B	 B
B	B: left
B	b
B	**B**
B	**B.** left
B	**(B)**
B	`B`
C	Answer: (C)
C	Answer: C
C	**Answer:** C
C	**Answer: C**
C	**Answer**: **C**
C	Final answer: C
C	Final answer - C
C	The answer is C.
C	The answer is: C
C	The answer is (C) left.
C	The correct answer is option C.
C	The best answer is: C
C	The best option is C.
C	Best option:(C
C	Best option: (C) left
C	The correct option is C because A is not seen in the clip.
A	The correct option is A because B is wrong.
A	A is the correct answer.
A	The answer is A since the ball moves.
C	Option C is correct.
C	Option (C)
C	option c.
C	The correct choice would be C.
C	So the answer is C, not D.
C	I would choose option C.
C	<answer>C</answer>
C	<answer> C </answer>
C	\boxed{C}
C	The result is $\boxed{C}$.
C	\boxed{\text{C}}
C	Answer = C
C	[C]
C	"C"
C	{C}
C	C</s>
C	C<|im_end|>
C	C\n
C	C\n\nThe ball moves left.
C	选C
C	选 C
C	我选择C。
C	我选C，因为球向左移动。
C	答案：C
C	答案:C
C	答案是 C
C	答案是C。
C	答案为C
C	正确答案是（C）。
C	正确答案：（C）向左
C	正确答案应该是C。
C	本题选C
C	故选：C
C	【C】
C	「C」
C	（C）
C	（C）向左
C	C、向左
C	C．向左
C	C。
C	C，向左
C	C！
A	A、红球
A	A 红球
C	選項C
C	答案是選項C
C	正解はCです
C	正解：C
C	答えはCです。
C	答えは「C」です
C	정답은 C입니다.
C	정답: C
C	답은 C입니다
C	Respuesta: C
C	La respuesta correcta: C
C	La respuesta es la C.
C	Réponse : C
C	La réponse est C.
C	Antwort: C
C	Die Antwort ist C.
C	Resposta: C
C	A resposta é C.
C	Risposta: C
C	La risposta è C.
C	Ответ: C
C	الإجابة: C
C	उत्तर: C
C	C؟
C	C।
C	«C»
C	“C”
-	左
-	A red ball
-	a red ball
-	A ball. It moves.
-	The answer is a red ball
-	The answer is not C
-	不选C
-	答案不是C
-	I cannot tell.
-	I think so
-	Both (B) and (C)
-	either (B) or (C)
-	Cannot be determined
-	Left.
-	None of the above
-	A man is walking
-	选择红球
-	答案：左
-	答案是AB
-	B超检查
"""


@pytest.mark.parametrize("row", RECORDED.strip().split("\n"))
def test_answers_as_models_write_them(row: str) -> None:
    wanted, text = row.split("\t")
    assert letter_of(text.replace("\\n", "\n"), 4) == (None if wanted == "-" else wanted)


@pytest.mark.parametrize(("text", "n"), [("E", 4), ("(C)", 2), ("Answer: D", 3), ("z", 25)])
def test_a_letter_beyond_the_options_is_none(text: str, n: int) -> None:
    assert letter_of(text, n) is None


def test_a_beyond_letter_is_not_replaced_by_a_later_one() -> None:
    assert letter_of("E, or else (B)", 4) is None


@pytest.mark.parametrize("n", [0, -1, 27])
def test_the_number_of_options_is_checked(n: int) -> None:
    with pytest.raises(SampleError, match="1 to 26"):
        letter_of("A", n)


@given(
    st.integers(1, 26),
    st.data(),
    st.sampled_from(
        ["{}", "({})", "{}.", "{})", " {}) left", "Answer: {}", "the answer is ({}) left", "{}\nBecause."]
    ),
    st.booleans(),
)
def test_every_letter_in_every_dress(n: int, data: st.DataObject, dress: str, lower: bool) -> None:
    letter = data.draw(st.sampled_from(LETTERS[:n]))
    said = letter.lower() if lower else letter
    assert letter_of(dress.replace("{}", said), n) == letter


def test_a_count_that_is_none_is_refused() -> None:
    with pytest.raises(SampleError, match="n_options is None"):
        letter_of("B", None)  # type: ignore[arg-type]


@given(st.text(), st.integers(1, 26))
def test_any_text_gives_a_letter_of_the_question_or_none(text: str, n: int) -> None:
    letter = letter_of(text, n)
    assert letter is None or letter in LETTERS[:n]
    # More options can only make more answers readable, never change one.
    if letter is not None:
        assert letter_of(text, 26) == letter


@pytest.mark.parametrize("text", ["answer{}", "{}", "answer is{}", "answer B{}B", "answer option{}"])
@pytest.mark.parametrize("filling", [" ", " (", ":", "answer ", "\n", "(a)(b)"])
def test_long_texts_take_linear_time(text: str, filling: str) -> None:
    begin = time.process_time()
    letter_of(text.replace("{}", filling * 30_000), 4)
    assert time.process_time() - begin < 2  # quadratic time would be minutes


SAME = [
    ("left", "left"),
    (" left", "left"),
    ("Left", "left"),
    ("left.", "left"),
    ("▁left", "left"),
    ("Ġleft", "Left"),
    ("Ġleft", "left side"),
    ("STRASSE", "straße"),
    ("e\u0301t\u00e9", "\u00e9te\u0301"),
    ("?", "?"),
    ("3", "3"),
    ("Ġ", "Ġ"),
]
OTHER = [
    ("right", "left"),
    ("lef", "left"),
    ("lefts", "left"),
    ("", "left"),
    ("left", ""),
    (" ", " "),
    ("▁", "left"),
    ("side", "left side"),
]


@pytest.mark.parametrize(("token", "word"), SAME)
def test_the_same_word(token: str, word: str) -> None:
    assert same_word(token, word)


@pytest.mark.parametrize(("token", "word"), OTHER)
def test_another_word(token: str, word: str) -> None:
    assert not same_word(token, word)


def test_a_token_that_opens_the_word_is_enough_on_request() -> None:
    assert same_word(" mov", "moves", prefix=True)
    assert same_word("moves", "moves", prefix=True)
    assert not same_word("moves", "mov", prefix=True)
    assert not same_word("", "moves", prefix=True)


@given(st.text(alphabet=st.characters(categories=["L", "N"]), min_size=1), st.sampled_from(["", " ", "▁"]))
def test_a_word_is_itself(word: str, marker: str) -> None:
    assert same_word(marker + word, word)
    assert same_word(marker + word, word, prefix=True)
