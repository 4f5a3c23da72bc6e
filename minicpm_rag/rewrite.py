"""Turn a follow-up ("那它多少钱？", "and the second one?") into a question that can be searched for by itself.

By the model where there is one, else by a rule that carries the subject over from the question before.
Knows no passages and calls no model: the chain does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING

from minicpm_rag.questions import CHINESE_QUESTION_WORDS, content_terms, language_of
from minicpm_rag.records import Turn

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

MOST_NEW_TOKENS = 96  # of a rewrite; a longer one is no question
_TURNS = 2
_ANSWER_CHARACTERS = 200
_LONGEST_GROWTH = 120  # characters a rewrite may be longer than question and subject together

_PROMPT = {
    "zh": "把最后的问题改写成一个不看对话也能懂的完整问题：把“它”“那个”等换成所指的事物，补上省略的内容，不要回答。"
    "只输出改写后的问题。\n\n{history}\n最后的问题：{question}\n改写：",
    "en": "Rewrite the last question so that it can be understood without the conversation: replace words such as "
    '"it" or "that one" by what they stand for and add what was left out. Do not answer it. '
    "Write only the rewritten question.\n\n{history}\nLast question: {question}\nRewritten question:",
}
_TURN = {"zh": "问：{question}\n答：{answer}", "en": "Q: {question}\nA: {answer}"}

_PRONOUN_ZH = re.compile(
    r"它们?|[他她]们?|(?<![其])其(?![他它中余实次])|该(?=[\u4e00-\u9fff])|[这那](?:个|些|种|款|家|项|本|位|里|边|儿|样|次|年|段|座|部|条)?"
    r"|前者|后者|上述|上面|以上|第[一二三四五两]个|另一?个|另外[一两]个|同样"
)
_OPENER_ZH = re.compile(r"^\s*(?:那么?|还有|另外|然后|再|而且|并且|所以|具体|此外)[，,\s]*")
_ELLIPSIS_ZH = re.compile(r"呢[？?。\s]*$")
_PRONOUN_EN = re.compile(
    r"\b(?:it|its|he|him|his|she|hers?|they|them|theirs?|these|those|this|the (?:other|former|latter|same|first|second"
    r"|third|last|next)(?: ones?)?|that one|that(?=\s*(?:[?.!]|$|\w+\s*[?.!]))|ones?|there(?=\s*[?.!]|$))\b",
    re.IGNORECASE,
)
_DUMMY_IT = re.compile(
    r"\b(?:does|did|will|would|is|was|can) it (?:take|cost|mean|possible|necessary|allowed|true|safe|ok|legal|matter)\b"
    r".*\b(?:to|that|if)\b",
    re.IGNORECASE,
)
_RELATIVE_THIS = re.compile(r"\bthis (?:year|month|week|morning|app|program|software)\b", re.IGNORECASE)
_OPENER_EN = re.compile(
    r"^\s*(?:(?:and|but|so|also|then|ok|okay)\b[,\s]*|(?:what|how) about\b\s*|(?:why|how so|since when|how come)\s*[?.!]*$)",
    re.IGNORECASE,
)
_FEW_TERMS = 2  # content words a question needs to stand alone

_OUTER = "\"'“”‘’「」『』《》*` \t"
_LABEL = re.compile(
    r"^\s*(?:改写后的问题|改写后|改写|完整问题|问题|答|rewritten question|question|rewrite|standalone question)\s*[:：]\s*",
    re.IGNORECASE,
)


def stands_alone(question: str, history: Sequence[Turn]) -> bool:
    """Tell whether a question needs nothing of what was said before."""
    if not history:
        return True
    if language_of(question) == "zh":
        opener, pronoun, refers = _OPENER_ZH, _PRONOUN_ZH, _ELLIPSIS_ZH.search(question) is not None
        subject_first = _chinese_subject_length
    else:
        opener, pronoun, refers = _OPENER_EN, _PRONOUN_EN, False
        subject_first = _english_subject_length
        if _DUMMY_IT.search(question) or _RELATIVE_THIS.search(question):
            return len(set(content_terms(question))) >= _FEW_TERMS
    if refers or opener.match(question):
        return False
    found = pronoun.search(question)
    if found and not subject_first(question[: found.start()]):
        return False
    return _says_enough(question)


def rewrite_prompt(question: str, history: Sequence[Turn]) -> list[BaseMessage]:
    """Messages that ask a model for the standalone question; short, for a 2B model."""
    from langchain_core.messages import HumanMessage

    language = language_of(question)
    turns = "\n".join(
        _TURN[language].format(question=turn.question, answer=_shortened(turn.answer))
        for turn in history[-_TURNS:]
    )
    return [HumanMessage(_PROMPT[language].format(history=turns, question=question.strip()))]


def accept(rewritten: str, question: str, history: Sequence[Turn]) -> str:
    """Return the model's rewrite cleaned of labels and quotes, or the question where it is of no use.

    Of no use is one that is empty, runs away, or has nothing of what was talked about: that is an answer or
    a new subject.
    """
    lines = [line for line in rewritten.strip().splitlines() if line.strip()]
    text = _LABEL.sub("", lines[0]).strip(_OUTER) if lines else ""
    longest = (
        len(question) + max((len(turn.question) for turn in history[-_TURNS:]), default=0) + _LONGEST_GROWTH
    )
    if not text or len(text) > longest or not content_terms(text):
        return question
    asked = set(content_terms(question))
    known = asked.union(*(content_terms(f"{turn.question} {turn.answer}") for turn in history[-_TURNS:]))
    new = set(content_terms(text))
    return text if len(new & known) * 2 >= len(new) and (not asked or new & asked) else question


def carry_over(question: str, history: Sequence[Turn]) -> str:
    """Complete a follow-up by rule: put the subject of the question before in the pronoun's place or behind it.

    Earlier follow-ups are completed first, so that a subject lasts over several turns.
    """

    def complete(before: str, asked: str) -> str:
        alone = not before or stands_alone(asked, [Turn(before, "")])
        return asked if alone else _completed(asked, before)

    return reduce(complete, [*(turn.question for turn in history), question], "")


def _completed(question: str, before: str) -> str:
    return (
        _completed_zh(question, before) if language_of(question) == "zh" else _completed_en(question, before)
    )


def _completed_zh(question: str, before: str) -> str:
    subject = _subject_zh(before)
    rest = _OPENER_ZH.sub("", question)
    if _ELLIPSIS_ZH.search(rest) and not _PRONOUN_ZH.search(rest):
        # "那 X200 呢？": the new subject takes the place of the old one.
        own = _ELLIPSIS_ZH.sub("", rest).strip("，, ")
        if own and subject and subject in before and own != subject:
            return before.replace(subject, own, 1)
    pronoun = _PRONOUN_ZH.search(rest)
    if pronoun and subject and len(pronoun.group()) <= 2 and pronoun.group()[0] in "它他她其该这那":
        return f"{rest[: pronoun.start()]}{subject}{_possessive(pronoun.group())}{rest[pronoun.end() :]}"
    return f"{rest.rstrip('？?。 ')}（{_content_zh(before)}）？" if _content_zh(before) else question


def _possessive(pronoun: str) -> str:
    return "的" if pronoun in {"其", "该"} else ""


def _subject_zh(question: str) -> str:
    """What a question is about: what stands before 的 or before its first verb-like word."""
    stem = _PRONOUN_ZH.sub("", _OPENER_ZH.sub("", question))
    head = re.split(
        r"的|是|有|在|由|能|可以|需要|怎么|如何|什么|多少|哪|谁|几|为什么|何时|会|支持|包括|位于|成立|，|,",
        stem,
    )[0]
    return head.strip(' ？?“”"') if content_terms(head) else _content_zh(question)


def _content_zh(question: str) -> str:
    """A question without its asking words."""
    parts = CHINESE_QUESTION_WORDS.split(_OPENER_ZH.sub("", question))
    kept = [part.strip("的了是有在吧啊呀 ，,？?。！!") for part in parts]
    return " ".join(part for part in kept if content_terms(part))


def _completed_en(question: str, before: str) -> str:
    rest = question.strip()
    subject = _content_en(before)
    if not subject:
        return question
    return f"{rest.rstrip('?.! ')} ({subject})?"


def _content_en(question: str) -> str:
    """A question without its asking words: "What is the warranty of the X200?" gives "warranty of the X200"."""
    text = _OPENER_EN.sub("", question.strip().rstrip("?.! "))
    text = re.sub(
        r"^(?:(?:what|which|who|whom|whose|when|where|why|how(?: many| much| long| far| often| old| big)?)\b\s*)?"
        r"(?:(?:is|are|was|were|do|does|did|can|could|will|would|should|has|have|had)\b\s*)?(?:(?:the|an?)\b\s*)?",
        "",
        text,
        flags=re.IGNORECASE,
    )
    return text.strip()


def _says_enough(question: str) -> bool:
    terms = {term for term in content_terms(question) if len(term) > 1}
    return len(terms) >= (_FEW_TERMS if language_of(question) == "en" else 1)


def _chinese_subject_length(before_pronoun: str) -> bool:
    """Tell whether a subject stands before the pronoun, in the question itself."""
    return len([term for term in content_terms(before_pronoun) if len(term) > 1]) >= 2


def _english_subject_length(before_pronoun: str) -> bool:
    return any(word[:1].isupper() for word in before_pronoun.split()[1:])


def _shortened(answer: str) -> str:
    text = " ".join(re.sub(r"\[\d+\]", "", answer).split())
    return text if len(text) <= _ANSWER_CHARACTERS else text[:_ANSWER_CHARACTERS] + "…"
