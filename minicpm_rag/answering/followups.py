"""Tell a follow-up ("那它多少钱？", "and the second one?") from a question that stands alone, and complete it by rule.

RULES and COMPLETIONS at the end are the tables, each row with examples. Knows no passages and no model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

from minicpm_rag.answering.counterpart import asked_of, begins_with_preposition, reason_of
from minicpm_rag.messages import Language
from minicpm_rag.records import Turn
from minicpm_rag.text.numerals import is_numeral
from minicpm_rag.text.questions import (
    CHINESE_FUNCTION_CHARACTERS,
    CHINESE_QUESTION_WORDS,
    chinese_words,
    content_terms,
    language_of,
)
from minicpm_rag.text.scripts import HAN, is_han
from minicpm_rag.text.terms import terms

_PRONOUN_ZH = re.compile(
    rf"它们?|其中的?|[他她]们|(?<!其)[他她](?!们)|(?<!尤)其(?![他它余实])|该(?=[{HAN}])"
    r"|[这那](?:个|些|种|款|家|项|本|位|里|边|儿|样|次|年|段|座|部|条)?|前者|后者|上述|以上|同样|期间"
    r"|第[一二三四五两][个篇款项种条]|另一?个|另外[一两]个"
)
_OPENER_ZH = re.compile(r"^\s*(?:那么?|还有|另外|然后|再|而且|并且|所以|具体|此外)[，,\s]*")
_BLANKS_ZH = re.compile(r"\s+(?![A-Za-z0-9])|(?<![A-Za-z0-9\s])\s+")  # those between Latin words part them
_ELLIPSIS_ZH = re.compile(r"的?呢[？?。\s]*$")
# 哪个电话 asks for a telephone number; it does not speak of one.
_ASKED_FOR_ZH = re.compile(rf"(?:哪一?[个些条种位家天年]|什么|几[个条种位家天年片次]?|多少)[{HAN}]{{0,3}}")
_COUNTED_ZH = re.compile(r"多少钱|(?:周|星期)几|(?:哪一?|几|多少)[个些条种位家天年月日次片台块点号只份张本件]?")
# 晚交会怎样？ asks what follows, and does not say of what.
_CONSEQUENCE_ZH = re.compile(
    r"(?:那|如果|要是|万一){0,3}(?:晚|迟(?!到)|逾期|超期|过期|没|未|不|超|违反|弄[丢坏])[^，,。？?]{0,4}?(?:了|的话)?"
    r"(?:会?怎么?样|会?怎么办|会?如何|怎么处理|怎么算|有什么后果|罚多少|怎么罚)(?:呢|呀|啊)?[？?。\s]*"
)
# Words for a property: a question with no other noun is about the subject of the question before.
_PROPERTY_ZH = re.compile(
    r"价格|价钱|费用|时间|日期|地址|地点|电话|号码|原因|颜色|重量|尺寸|大小|长度|高度|面积|人口|数量|作者|名字|名称"
    r"|意思|好处|优点|缺点|区别|条件|要求|步骤|方法|结果|情况|期限|期间|时候|时长|频率|用途|作用|功能|部分"
)
_PRONOUN_EN = re.compile(
    r"\b(?:it|its|he|him|his|she|hers?|they|them|theirs?|these|those|this|that one|ones?"
    r"|(?<!are )(?<!is )(?<!was )(?<!were )there(?=\s*[?.!]|$)"
    r"|that(?=\s*(?:[?.!]|$|\w+\s*[?.!]))"
    r"|the (?:other|former|latter|same|first|second|third|last|next)(?= ones?\b|\s*(?:[?.!]|$)))\b",
    re.IGNORECASE,
)
# "How long does it take to charge?": this "it" stands for nothing that was named.
_EXPLETIVE_IT = re.compile(
    r"\b(?:does|did|will|would|is|was|can) it "
    r"(?:take|cost|mean|possible|necessary|allowed|true|safe|ok|legal|matter)\b.*\b(?:to|that|if)\b"
    r"|\bthis (?:year|month|week|morning|app|program|software)\b",
    re.IGNORECASE,
)
_OPENER_EN = re.compile(
    r"^\s*(?:(?:and|but|so|also|then|ok|okay)\b[,\s]*|(?:what|how) about\b\s*"
    r"|(?:why|how so|since when|how come)\s*[?.!]*$)",
    re.IGNORECASE,
)
_ASKING_EN = re.compile(
    r"^(?:(?:what|which|who|whom|whose|when|where|why|how(?: many| much| long| far| often| old| big)?)\b\s*)?"
    r"(?:(?:is|are|was|were|do|does|did|can|could|will|would|should|has|have|had)\b\s*)?"
    r"(?:(?:the|an?|i|we|you)\b\s*)?",
    re.IGNORECASE,
)
_OBJECT_EN = re.compile(r"^(?P<before>.*\b(?:of|for|about|with|on|in|to) )(?P<object>[^?]+)\?*$", re.IGNORECASE)
# "When is the product meeting?", "When does the agreement end?"
_NAMED_EN = re.compile(
    r"(?:wh(?:en|ere|at|o|y)|how) (?:is|are|was|were) (?:the )?(?P<subject>[\w-]+(?: [\w-]+){0,3})(?<!ed)(?<!en)"
    r"|wh.* (?:does|did) the (?P<of_verb>[\w-]+(?: [\w-]+){0,3}) [a-z]+",
    re.IGNORECASE,
)
_WHY_EN = re.compile(r"(?:(?:and|but|so) )?(?:why|how come|how so)(?: not| so| is that)?\s*[?.!]*", re.IGNORECASE)
_IT_ZH = re.compile("它|(?<!尤)其(?![他它余实中])")
_IT_EN = re.compile(r"\b(?:it|its)\b", re.IGNORECASE)
# They say how much or how it goes on, not of what: "What happens above 500?"
_NO_SUBJECT_EN = "above below beyond after before more less least most happen apply else next"
_SUPERLATIVE_ZH = re.compile(rf"最(?:便宜|[{HAN}])")
# 围棋班的学费: what another thing is asked for, where the first word is no asking one
_OF_ANOTHER_ZH = re.compile(rf"(?P<owner>[^的，,？?]{{2,16}})的(?P<asked>[{HAN}]{{2,8}})")
_OWNED_ZH = re.compile(
    r"(?:请问)?(?P<owner>[^的，,？?]{2,16})的(?P<asked>[^的，,？?]{1,8}?)(?=由|是|为|有|在|叫|多|什么|谁|几|哪|怎)"
)
_OFFICE_ZH = re.compile(r"(?:[长员师]|主任|经理|总监|主管|书记|主席|秘书|干事|助理|会计|出纳|领队|教练|代表|负责人)$")
_ADDRESS_ZH = re.compile(r"邮箱|电邮|传真|微信|手机|邮编|网址|预算|经费|工资|职务|职称|班次|学历")
_SAYS_NO_KIND = frozenset("第一二三四五六七八九十大小新老公司有")
# How an answer begins that was computed: "**Golf** (Mileage: 28,000 km)"
_COMPUTED = re.compile(r"\*\*(?P<label>[^*\n]{1,60})\*\*\s*[(（]")
_ASKS_WHICH = re.compile(r"哪|谁|\b(?:which|who|what)\b", re.IGNORECASE)
_MANY_VERBS_ZH = 4
_FEW_TERMS_EN = 2
_LONGEST_BEFORE = 200  # characters of a question that is looked at for what "it" stands for
_FEW_WORDS_EN = 4  # an ellipsis names its new subject in so few words
_MARKS = " ，,？?。.！!“”\"'"


@dataclass(frozen=True)
class Rule:
    """What tells whether a question stands alone. The first rule of its language that applies decides."""

    when: str
    stands_alone: bool
    applies: Callable[[str], object]
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Completion:
    """A way to complete a follow-up from the question before; it gives "" where it does not fit.

    The first of its language that fits is taken.
    """

    how: str
    complete: Callable[[str, str], str]
    example: tuple[str, str, str]  # the question before, the follow-up, the follow-up completed


def stands_alone(question: str, history: Sequence[Turn]) -> bool:
    """Tell whether a question needs nothing of what was said before."""
    if not history or deciding_rule(question).stands_alone:
        return True
    return language_of(question) != language_of(history[-1].question) and _asks_two_things_zh(question)


def deciding_rule(question: str) -> Rule:
    """The first rule that applies to a question."""
    return next(rule for rule in RULES[language_of(question)] if rule.applies(question))


def points_back(question: str) -> bool:
    """Tell whether a question says itself that it goes on, and does not only name nothing."""
    rule = deciding_rule(question)
    return not rule.stands_alone and rule is not RULES[language_of(question)][-1]


def only_named(question: str) -> str:
    """What a follow-up names that says nothing else: 华瑞涂料呢？ "And Café Linde?"; empty for other questions."""
    rest = question.strip()
    if language_of(question) == "zh":
        ellipsis = _ELLIPSIS_ZH.search(rest)
        return _OPENER_ZH.sub("", rest[: ellipsis.start()]).strip(_MARKS) if ellipsis else ""
    rest = rest.rstrip("?.! ")
    own = _OPENER_EN.sub("", rest).strip()
    return own if own != rest and len(own.split()) <= _FEW_WORDS_EN else ""


def carry_over(question: str, history: Sequence[Turn]) -> str:
    """Complete a follow-up by rule; one that stands alone is returned as it is.

    Earlier follow-ups are completed first, so that a subject lasts over several turns.
    """
    if history and (meant := _computed_in_place(question, history[-1])):
        return meant

    def complete(before: str, asked: str) -> str:
        if not before or stands_alone(asked, [Turn(before, "")]):
            return asked
        ways = COMPLETIONS[language_of(asked)]
        return next((found for way in ways if (found := way.complete(asked, before))), asked)

    return reduce(complete, [*(turn.question for turn in history), question], "")


def _computed_in_place(question: str, last: Turn) -> str:
    """The question with what was computed before in the pronoun's place: "Which van is oldest?" "Its price?"."""
    found = _COMPUTED.match(last.answer)
    if found is None or not _ASKS_WHICH.search(last.question) or deciding_rule(question).stands_alone:
        return ""
    label = found["label"].split(" · ")[-1]
    if language_of(question) == "zh":
        told, times = _IT_ZH.subn(lambda _: label, _OPENER_ZH.sub("", question), count=1)
        return told if times else ""
    if _EXPLETIVE_IT.search(question) or not (pronoun := _IT_EN.search(question)):
        return ""
    owned = "'s" if pronoun.group().lower() == "its" else ""
    return _IT_EN.sub(lambda _: f"{label}{owned}", _OPENER_EN.sub("", question), count=1).strip()


# Chinese


def _asks_two_things_zh(question: str) -> bool:
    """Whether a question that points back to nothing asks for two things and names something that both are about.

    年假有几天，没休完的能留到明年吗？ What cuts words may not know the name.
    """
    if language_of(question) != "zh" or points_back(question):
        return False
    clauses = [clause for clause in re.split(r"[，,；;？?。]", question) if clause.strip()]
    named = CHINESE_QUESTION_WORDS.sub(" ", _COUNTED_ZH.sub(" ", _ASKED_FOR_ZH.sub(" ", clauses[0])))
    named = _PROPERTY_ZH.sub(" ", named)
    asked = [clause for clause in clauses if CHINESE_QUESTION_WORDS.search(clause)]
    return len(asked) > 1 and re.search(rf"[{HAN}]{{2}}", "".join(map(_unless_function, named))) is not None


def _unless_function(character: str) -> str:
    return " " if character in CHINESE_FUNCTION_CHARACTERS else character


def _opposite_zh(question: str, before: str) -> str:
    """哪种茶库存最多？ 最少的呢？"""
    own = only_named(question).removesuffix("的")
    asked = _SUPERLATIVE_ZH.search(before)
    return before.replace(asked.group(), own, 1) if asked and _SUPERLATIVE_ZH.fullmatch(own) else ""


def _of_another_zh(question: str, before: str) -> str:
    """书法班周几上课？ 围棋班的学费呢？ asks for another thing of another subject."""
    own = only_named(question)
    found = _OF_ANOTHER_ZH.fullmatch(own)
    is_other = found is not None and found["asked"][-2:] not in before and content_terms(found["owner"])
    return f"{own}是什么？" if is_other and not _PRONOUN_ZH.match(own) else ""


def _points_back_zh(question: str) -> bool:
    pronoun = _PRONOUN_ZH.search(question)
    return pronoun is not None and not _nouns_zh(question[: pronoun.start()])


def _tells_events_zh(question: str) -> bool:
    verbs = {word for word, kind in chinese_words(question) if kind[0] == "v" and len(word) > 1}
    return len(verbs) >= _MANY_VERBS_ZH


def _nouns_zh(text: str) -> list[str]:
    """The nouns that name something: no properties, no single characters."""
    return [
        word
        for word, kind in chinese_words(text)
        if (kind[0] == "n" or kind in {"eng", "j", "vn", "l", "i"})
        and len(word) > 1
        and not _PROPERTY_ZH.fullmatch(word)
    ]


def _counterpart_replaced_zh(question: str, before: str) -> str:
    own = only_named(question)
    if not content_terms(own):
        return ""
    if instead := _owner_replaced_zh(own, before):
        return instead
    parts = [part for part in _subject_zh(before).split("的") if part]
    words = chinese_words("的".join(parts))
    kinds = dict(chinese_words(own))
    candidates = [*parts, *(word for word, _ in words)]
    best = max(candidates, key=lambda candidate: _common_end(candidate, own), default="")
    if not best or not _common_end(best, own):
        same_kind = [word for word, kind in words if kind in {"ns", "nr", "nt", "eng", "t"} and kind in kinds.values()]
        best = same_kind[0] if same_kind else _only_noun_zh(own, before)
    return before.replace(best, own, 1) if best else ""


def _owner_replaced_zh(own: str, before: str) -> str:
    """The question before, asked of another owner, or of something else that its owner has.

    庙会的预算, 灯会呢？ and 队长的电话, 领队呢？ are of another owner: both are persons by their offices, or share a
    character that what is asked has not. 庙会的预算, 地址呢？ is of the same.
    """
    found = _OWNED_ZH.match(before)
    if found is None or "的" in own or _common_end(found["asked"], own):
        return ""
    offices = [_OFFICE_ZH.search(one) is not None for one in (own, found["owner"], found["asked"])]
    if _PROPERTY_ZH.fullmatch(own) or _ADDRESS_ZH.fullmatch(own) or (offices[0] and not offices[1]):
        return f"{found['owner']}的{own}是{'谁' if offices[0] else '什么'}？"
    shared = set(filter(is_han, own)) & set(found["owner"]) - set(found["asked"]) - _SAYS_NO_KIND
    if offices != [True, True, False] and (not shared or offices[0] != offices[1]):
        return ""
    return f"{before[: found.start('owner')]}{own}{before[found.end('owner') :]}"


def _only_noun_zh(own: str, before: str) -> str:
    """The one noun of the question before, where the follow-up is one noun too: 谁教围棋？ 陶艺呢？"""
    named, asked = _nouns_zh(before), _nouns_zh(own)
    is_thing = len(named) == 1 and named[0][-1] not in "费价额数率期限"
    return named[0] if is_thing and asked == [own] else ""


def _pronoun_replaced_zh(question: str, before: str) -> str:
    rest = _OPENER_ZH.sub("", question)
    subject = _subject_zh(before)
    pronoun = _PRONOUN_ZH.search(rest)
    if not (pronoun and subject and pronoun.group()[0] in "它他她其该这那"):
        return ""
    person = pronoun.group()[0] in "他她"
    owner, of, _ = subject.rpartition("的")
    # "X100 的保修期 … 它": the X100; "公司的总监 … 他": the director.
    name = subject if person or not of else owner
    return f"{rest[: pronoun.start()]}{name}{'的' if pronoun.group() == '其' else ''}{rest[pronoun.end() :]}"


def _put_before_zh(question: str, before: str) -> str:
    known = _BLANKS_ZH.sub("", _content_zh(_COUNTED_ZH.sub("什么", before)))
    return f"{known}，{_OPENER_ZH.sub('', question).rstrip(_MARKS)}？" if known else ""


def _common_end(one: str, other: str) -> int:
    length = 0
    while length < min(len(one), len(other)) and one[-1 - length] == other[-1 - length]:
        length += 1
    return length


def _subject_zh(question: str) -> str:
    """What a question is about: all before its first verb or question word."""
    subject = ""
    text = _OPENER_ZH.sub("", question)
    asking = CHINESE_QUESTION_WORDS.search(text)
    last, is_named = "", False
    for word, kind in chinese_words(text[: asking.start()] if asking else text):
        if is_named and (kind[0] in "vpcd" and kind != "vn"):
            break
        subject += word
        # A term reaches over two words at most: to look at all of the subject for each word takes its length squared.
        is_named = is_named or bool(content_terms(f"{last}{word}"))
        last = word
    return subject.strip(_MARKS) if is_named else _content_zh(question)


def _content_zh(question: str) -> str:
    """A question without its asking words."""
    parts = CHINESE_QUESTION_WORDS.split(_OPENER_ZH.sub("", question))
    kept = [part.strip("的了是有在吧啊呀" + _MARKS) for part in parts]
    return " ".join(part for part in kept if content_terms(part))


# English


def _points_back_en(question: str) -> bool:
    pronoun = None if _EXPLETIVE_IT.search(question) else _PRONOUN_EN.search(question)
    return pronoun is not None and not _names_something(question[: pronoun.start()])


def _names_something(text: str) -> bool:
    return any(word[:1].isupper() and word != "I" for word in text.split()[1:])


def _subject_terms_en(question: str) -> set[str]:
    without = terms(_NO_SUBJECT_EN)
    return {term for term in content_terms(question) if term not in without and not is_numeral(term)}


def _another_en(question: str) -> str:
    """What a follow-up names by words of its own; empty where it names nothing, or says "it"."""
    own = only_named(question)
    return "" if _PRONOUN_EN.search(own) else own


def _asked_of_another_en(question: str, before: str) -> str:
    """ "How much do students pay?" "And seniors?"; "When is it open?" "And on Sundays?" """
    own = _another_en(question)
    return asked_of(own, before) if _subject_terms_en(own) else ""


def _reason_en(question: str, before: str) -> str:
    return reason_of(before) if _WHY_EN.fullmatch(question.strip()) else ""


def _counterpart_replaced_en(question: str, before: str) -> str:
    own, counterpart = _another_en(question), _OBJECT_EN.match(before.strip())
    if not own or counterpart is None or begins_with_preposition(own):  # "for half a day" is no other object
        return ""
    return f"{counterpart['before']}{own}?"


def _pronoun_replaced_en(question: str, before: str) -> str:
    """Put the thing that was asked about in the place of "it"; only where it is clear which words name it."""
    plain = before.strip().rstrip("?.! ")
    if len(plain) > _LONGEST_BEFORE:
        return ""
    counterpart, named = _OBJECT_EN.match(plain), _NAMED_EN.fullmatch(plain)
    found = [*(counterpart.groups()[1:] if counterpart else ()), *(named.groups() if named else ())]
    subject = next(filter(None, found), "")
    pronoun = _IT_EN.search(question)
    if not subject or pronoun is None or _PRONOUN_EN.search(subject) or len(subject.split()) > _FEW_WORDS_EN:
        return ""
    subject = re.sub(r"^(?:the|an?)\s+", "", subject)
    article = "the " if re.search(rf"\b(?:the|an?) {re.escape(subject)}", plain, re.IGNORECASE) else ""
    owned = "'s" if pronoun.group().lower() == "its" else ""
    return _IT_EN.sub(lambda _: f"{article}{subject}{owned}", _OPENER_EN.sub("", question), count=1).strip()


def _in_brackets_en(question: str, before: str) -> str:
    known = _ASKING_EN.sub("", _OPENER_EN.sub("", before.strip().rstrip("?.! "))).strip()
    return f"{question.strip().rstrip('?.! ')} ({known})?" if known else ""


RULES: dict[Language, tuple[Rule, ...]] = {
    "zh": (
        Rule("it only names another subject", False, _ELLIPSIS_ZH.search, ("X200 呢？", "那黄色的呢？")),
        Rule(
            "it asks what follows, and not of what", False, _CONSEQUENCE_ZH.fullmatch, ("晚交会怎样？", "逾期怎么办？")
        ),
        Rule("it begins by going on", False, _OPENER_ZH.match, ("那它多少钱？", "还有什么条件？")),
        Rule("it points back before it names anything", False, _points_back_zh, ("其中最著名的是哪里？",)),
        Rule(
            "it names something beside what it asks for",
            True,
            lambda question: _nouns_zh(_ASKED_FOR_ZH.sub(" ", question)),
            ("密码长度不得少于多少位？", "张衡和他的老师是什么关系？"),
        ),
        Rule("its verbs tell a course of events", True, _tells_events_zh, ("报销单要在出差结束后多少天内提交？",)),
        Rule("it names nothing", False, lambda _: True, ("为什么？", "打哪个电话？", "能提前终止吗？")),
    ),
    "en": (
        Rule("it begins by going on", False, _OPENER_EN.match, ("And the X200?", "What about sick leave?", "Why?")),
        Rule("it points back before it names anything", False, _points_back_en, ("How much does it cost?",)),
        Rule(
            "it has two words that say something",
            True,
            lambda question: len(_subject_terms_en(question)) >= _FEW_TERMS_EN,
            ("What is the hotel limit?", "How long does it take to charge the AirLeaf 200?"),
        ),
        Rule("it has a name", True, _names_something, ("Who is Volta?",)),
        Rule(
            "it names nothing", False, lambda _: True, ("When?", "How many are in a pack?", "What happens above 500?")
        ),
    ),
}

COMPLETIONS: dict[Language, tuple[Completion, ...]] = {
    "zh": (
        Completion(
            "the question before with the opposite asked for",
            _opposite_zh,
            ("哪种茶库存最多？", "最少的呢？", "哪种茶库存最少？"),
        ),
        Completion(
            "what it names of a subject of its own",
            _of_another_zh,
            ("书法班每周几上课？", "那围棋班的学费呢？", "围棋班的学费是什么？"),
        ),
        Completion(
            "the question before with another subject, of the same ending or kind",
            _counterpart_replaced_zh,
            ("X100 打印机的保修期是多久？", "那 X200 呢？", "X200 打印机的保修期是多久？"),
        ),
        Completion(
            "the subject before in the pronoun's place",
            _pronoun_replaced_zh,
            ("云杉仪器的技术总监是谁？", "他什么时候入职的？", "云杉仪器的技术总监什么时候入职的？"),
        ),
        Completion(
            "what was asked before, put before it",
            _put_before_zh,
            ("供应商协议什么时候到期？", "能提前终止吗？", "供应商协议到期，能提前终止吗？"),
        ),
    ),
    "en": (
        Completion(
            "the question for the reason of what was asked",
            _reason_en,
            ("Which offer was chosen?", "Why?", "Why was the offer chosen?"),
        ),
        Completion(
            "the question before of another subject, object or place",
            _asked_of_another_en,
            ("How much do students pay?", "And seniors?", "How much do seniors pay?"),
        ),
        Completion(
            "the question before with another object",
            _counterpart_replaced_en,
            ("What is the warranty of the X100?", "And the X200?", "What is the warranty of the X200?"),
        ),
        Completion(
            'the subject before in the place of "it"',
            _pronoun_replaced_en,
            ("When is the product meeting?", "Who chairs it?", "Who chairs the product meeting?"),
        ),
        Completion(
            "what was asked before, in brackets",
            _in_brackets_en,
            (
                "How long is the probation period?",
                "Can they take leave then?",
                "Can they take leave then (probation period)?",
            ),
        ),
    ),
}
